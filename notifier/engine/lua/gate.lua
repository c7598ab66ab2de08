#!lua
-- Opens or closes a gate of publicity. KEYS: lease, gates, audit  ARGV: fence, name, json ("" closes), audit json
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if ARGV[3] == '' then
	redis.call('HDEL', KEYS[2], ARGV[2])
else
	redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
end
redis.call('XADD', KEYS[3], '*', 'j', ARGV[4])
return 1
