#!lua
-- Replaces the commended, all of them. KEYS: lease, honours, audit  ARGV: fence, audit json ("" = none), then id, json ..
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
redis.call('DEL', KEYS[2])
for i = 3, #ARGV, 2 do
	redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
if ARGV[2] ~= '' then
	redis.call('XADD', KEYS[3], '*', 'j', ARGV[2])
end
return redis.call('HLEN', KEYS[2])
