#!lua
-- Replaces the roster, whole. KEYS: lease, contacts, index, audit  ARGV: fence, audit json, then id, json, index hmac ("" = none) ..
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
redis.call('DEL', KEYS[2], KEYS[3])
for i = 3, #ARGV, 3 do
	redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
	if ARGV[i + 2] ~= '' then
		redis.call('HSET', KEYS[3], ARGV[i + 2], ARGV[i])
	end
end
redis.call('XADD', KEYS[4], '*', 'j', ARGV[2])
return redis.call('HLEN', KEYS[2])
