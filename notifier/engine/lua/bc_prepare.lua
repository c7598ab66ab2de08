#!lua
-- The keys of a broadcast on one audience segment, presized; once. KEYS: fence, h  ARGV: fence, recipients
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) < fence then
	return redis.error_reply('FENCED')
end
redis.call('SET', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 1 then
	return 0
end
local n = tonumber(ARGV[2])
redis.call('HSET', KEYS[2], 'cur', '0', 'n', ARGV[2], 'st', '0', 'ep', '0')
redis.call('SETRANGE', string.sub(KEYS[2], 1, -2) .. 'oc', math.floor((n + 1) / 2) - 1, '\0')
return 1
