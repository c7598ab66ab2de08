#!lua
-- A new broadcast gets its number and is stored. KEYS: lease, broadcasts, broadcast number, audit
-- ARGV: fence, json, audit json with "broadcast":"@" for the id to come, how many there may be
-- Answers the id, or "full".
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[4]) then
	return 'full'
end
local id = 'b' .. string.format('%d', redis.call('INCR', KEYS[3]))
redis.call('HSET', KEYS[2], id, ARGV[2])
redis.call('XADD', KEYS[4], '*', 'j', (string.gsub(ARGV[3], '"broadcast":"@"', '"broadcast":"' .. id .. '"', 1)))
return id
