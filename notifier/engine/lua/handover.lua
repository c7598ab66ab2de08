#!lua
-- A due message goes into the outbox as its next attempt; from here it is the bot's to send.
-- KEYS: lease, message, due, outbox, ctl, journal  ARGV: fence, now, mid, republish (real ms), instance, journal position
-- Answers the attempt number, or -1 when it is not queued, -2 when sending is paused.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if redis.call('HGET', KEYS[5], 'paused') == '1' or redis.call('HGET', KEYS[5], 'hold') then
	return -2
end
if redis.call('HGET', KEYS[2], 'st') ~= 'queued' then
	return -1
end
local att = redis.call('HINCRBY', KEYS[2], 'att', 1)
redis.call('HSET', KEYS[2], 'st', 'handed_over', 'ho', ARGV[2], 'fence', ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[3])
redis.call('HSET', KEYS[6], ARGV[5], ARGV[6])
return att
