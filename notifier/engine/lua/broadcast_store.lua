#!lua flags=allow-oom
-- A broadcast as it stands now, with its audit record. KEYS: lease, broadcasts, audit  ARGV: fence, id, json, audit json ("" = none)
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
if ARGV[4] ~= '' then
	redis.call('XADD', KEYS[3], '*', 'j', ARGV[4])
end
return 1
