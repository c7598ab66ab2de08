#!lua
-- A message of publicity to a group that was stopped with its broadcast, and surely not sent, waits for its time again.
-- KEYS: lease, message, due, park  ARGV: fence, mid, why it was stopped, due
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local m = redis.call('HMGET', KEYS[2], 'st', 'why', 'unk')
if m[2] ~= ARGV[3] or (m[1] ~= 'parked' and m[1] ~= 'cancelled') or tonumber(m[3] or '0') > 0 then
	return 0
end
redis.call('HSET', KEYS[2], 'st', 'queued', 'why', '')
redis.call('HDEL', KEYS[2], 'done')
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
return 1
