#!lua flags=allow-oom
-- The state of a broadcast on one segment becomes that of its list (0 runs, 1 paused); a swept one (2) stays swept.
-- KEYS: fence, h  ARGV: fence, state, "1": nobody holds a lease any more, all are put back
-- Answers {cur, n, leases, next retry minute or -1}, or {} when the store does not know it.
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) < fence then
	return redis.error_reply('FENCED')
end
redis.call('SET', KEYS[1], ARGV[1])
local B = string.sub(KEYS[2], 1, -2)
local h = redis.call('HMGET', KEYS[2], 'st', 'cur', 'n')
if not h[1] then
	return {}
end
if h[1] ~= '2' and h[1] ~= ARGV[2] then
	redis.call('HSET', KEYS[2], 'st', ARGV[2])
end
local leases = redis.call('ZRANGE', B .. 'ls', 0, -1)
if ARGV[3] == '1' then
	for i = 1, #leases do
		redis.call('ZADD', B .. 'ls', 'XX', 0, leases[i])
	end
end
local due = redis.call('ZRANGE', B .. 'rd', 0, 0)
return {tonumber(h[2]), tonumber(h[3]), #leases, tonumber(due[1] or '-1')}
