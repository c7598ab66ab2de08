#!lua flags=allow-oom
-- One recipient has opted out (1) or in again (0). KEYS: fence, oo of the segment  ARGV: fence, index, bit
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) < fence then
	return redis.error_reply('FENCED')
end
if redis.call('STRLEN', KEYS[2]) <= math.floor(tonumber(ARGV[2]) / 8) then
	return redis.error_reply('NOSEGMENT')
end
return redis.call('SETBIT', KEYS[2], ARGV[2], ARGV[3])
