#!lua
-- All segments are stored: the audience is there from now on.
-- KEYS: lease, audiences, begun, audit  ARGV: fence, id, json, audit json
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if redis.call('HDEL', KEYS[3], ARGV[2]) == 0 then
	return redis.error_reply('NOTBEGUN somebody has removed it')
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
if ARGV[4] ~= '' then
	redis.call('XADD', KEYS[4], '*', 'j', ARGV[4])
end
return 1
