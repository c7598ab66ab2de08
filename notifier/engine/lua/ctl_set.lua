#!lua flags=allow-oom
-- Sets or removes a control flag, with its audit record. KEYS: ctl, audit  ARGV: field, value ("" removes), audit json
if ARGV[2] == '' then
	redis.call('HDEL', KEYS[1], ARGV[1])
else
	redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
if ARGV[3] ~= '' then
	redis.call('XADD', KEYS[2], '*', 'j', ARGV[3])
end
return 1
