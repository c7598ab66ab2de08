#!lua
-- An operator's change of a unit's facts. KEYS: lease, fact, audit, queue
-- ARGV: fence, facts json, expected rev, new rev, audit json, queue field to close ("" = none)
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if ARGV[2] ~= '' then
	local rev = redis.call('HGET', KEYS[2], 'rev') or '0'
	if rev ~= ARGV[3] then
		return 'rev'
	end
	redis.call('HSET', KEYS[2], 'j', ARGV[2], 'rev', ARGV[4])
end
if ARGV[6] ~= '' and redis.call('HDEL', KEYS[4], ARGV[6]) == 0 then
	return 'none'
end
redis.call('XADD', KEYS[3], '*', 'j', ARGV[5])
return 'ok'
