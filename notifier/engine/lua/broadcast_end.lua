#!lua flags=allow-oom
-- Broadcasts are cancelled, and a commended is withdrawn where one is named, in one step.
-- KEYS: lease, broadcasts, audit, publicity, honours
-- ARGV: fence, audit json, honour id ("" = none), honour json, number of broadcasts, (id, json) .., then (field, json) .. of
--       publicity, written where the field is there
-- Answers the fields that were written.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if ARGV[3] ~= '' then
	redis.call('HSET', KEYS[5], ARGV[3], ARGV[4])
end
local i = 6
for _ = 1, tonumber(ARGV[5]) do
	redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
	i = i + 2
end
local written = {}
while ARGV[i] do
	if redis.call('HEXISTS', KEYS[4], ARGV[i]) == 1 then
		redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
		written[#written + 1] = ARGV[i]
	end
	i = i + 2
end
redis.call('XADD', KEYS[3], '*', 'j', ARGV[2])
return written
