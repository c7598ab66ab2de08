#!lua flags=allow-oom
-- Start-up: the journal knows of an attempt that the store has forgotten. Back into the outbox with that attempt:
-- the bot answers a repeat with the verdict it stored. What was ended meanwhile stays ended.
-- KEYS: lease, message, due, outbox, unknown, park  ARGV: fence, mid, attempt
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local att = tonumber(redis.call('HGET', KEYS[2], 'att') or '-1')
if att < 0 then
	return -1
end
local st = redis.call('HGET', KEYS[2], 'st')
if att >= tonumber(ARGV[3]) or (st ~= 'queued' and st ~= 'unknown' and st ~= 'parked') then
	return 0
end
redis.call('HSET', KEYS[2], 'att', ARGV[3], 'st', 'handed_over')
for i = 3, 6 do
	redis.call('ZREM', KEYS[i], ARGV[2])
end
redis.call('ZADD', KEYS[4], 0, ARGV[2])
return 1
