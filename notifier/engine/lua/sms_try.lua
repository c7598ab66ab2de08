#!lua
-- A due SMS begins its next attempt: from here only its journal record says whether it left.
-- KEYS: lease, message, due, trying, ctl, journal, tried, unknown, await
-- ARGV: fence, now, mid, gateway, instance, journal position, score in unknown
-- Answers the attempt number, or -1 when it is not queued, -2 when sending is paused, -3 when a journal knew of an
-- attempt that the store had lost.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if redis.call('HGET', KEYS[5], 'paused') == '1' or redis.call('HGET', KEYS[5], 'hold') then
	return -2
end
if redis.call('HGET', KEYS[2], 'st') ~= 'queued' then
	return -1
end
local mid = ARGV[3]
local tried = redis.call('HGET', KEYS[7], mid)
if tried then
	local n, kind, gateway = string.match(tried, '^(%d+) (%u) (%S+)$')
	redis.call('HDEL', KEYS[7], mid)
	if n and tonumber(n) > tonumber(redis.call('HGET', KEYS[2], 'att') or '0') then
		redis.call('ZREM', KEYS[3], mid)
		local accepted = kind == 'A'
		redis.call('HSET', KEYS[2], 'att', n, 'st', accepted and 'accepted' or 'unknown', 'gw', gateway, 'a' .. n,
			ARGV[2] .. (accepted and ' accepted' or ' unknown') .. ' journal - ' .. gateway)
		if accepted then
			redis.call('ZADD', KEYS[9], ARGV[2], mid)
			redis.call('HSET', KEYS[2], 'done', ARGV[2])
		else
			redis.call('HINCRBY', KEYS[2], 'unk', 1)
			redis.call('ZADD', KEYS[8], ARGV[7], mid)
		end
		return -3
	end
end
local att = redis.call('HINCRBY', KEYS[2], 'att', 1)
redis.call('HSET', KEYS[2], 'st', 'trying', 'ho', ARGV[2], 'fence', ARGV[1], 'gw', ARGV[4],
	'jp', ARGV[5] .. ' ' .. ARGV[6])
redis.call('ZREM', KEYS[3], mid)
redis.call('ZADD', KEYS[4], ARGV[2], mid)
redis.call('HSET', KEYS[6], ARGV[5], ARGV[6])
return att
