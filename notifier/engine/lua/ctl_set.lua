#!lua flags=allow-oom
-- Sets or removes control flags, with their audit record. KEYS: ctl, audit
-- ARGV: field, value ("" removes), audit json, then more fields and values
local function set(field, value)
	if value == '' then
		redis.call('HDEL', KEYS[1], field)
	else
		redis.call('HSET', KEYS[1], field, value)
	end
end
set(ARGV[1], ARGV[2])
for i = 4, #ARGV, 2 do
	set(ARGV[i], ARGV[i + 1])
end
if ARGV[3] ~= '' then
	redis.call('XADD', KEYS[2], '*', 'j', ARGV[3])
end
return 1
