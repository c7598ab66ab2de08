#!lua flags=allow-oom
-- Takes or renews the notifier's lease. Its own id takes over at once, with a new fence. A renewal keeps the fence
-- even when the lease ran out meanwhile (Redis was away): nobody else took it, or the holder would be another.
-- KEYS: lease  ARGV: instance, ttl_ms, renew("1": keep the fence when it is mine)
-- Answers {1, fence} or {0, holder}.
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local holder = redis.call('HGET', KEYS[1], 'holder')
local till = tonumber(redis.call('HGET', KEYS[1], 'until') or '0')
if holder and holder ~= ARGV[1] and till > ms then
	return {0, holder}
end
local fence = tonumber(redis.call('HGET', KEYS[1], 'fence') or '0')
if not (ARGV[3] == '1' and holder == ARGV[1]) then
	fence = fence + 1
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', string.format('%d', ms + tonumber(ARGV[2])),
	'fence', string.format('%d', fence))
return {1, fence}
