#!lua
-- Accepted long ago and nobody has said what became of it: that is said, apart from failed.
-- KEYS: lease, message, await, audit  ARGV: fence, now, mid, audit json
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
redis.call('ZREM', KEYS[3], ARGV[3])
if redis.call('HGET', KEYS[2], 'st') ~= 'accepted' then
	return 0
end
redis.call('HSET', KEYS[2], 'st', 'no_receipt', 'done', ARGV[2])
if ARGV[4] ~= '' then
	redis.call('XADD', KEYS[4], '*', 'j', ARGV[4])
end
return 1
