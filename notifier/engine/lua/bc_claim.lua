#!lua
-- The next work of a segment: a lease that was put back, retries that are due, or the next of the first pass.
-- KEYS: fence, h  ARGV: fence, minute, batch
-- Answers {kind f|r, lease, first, count, sealed numbers, r: the entries, u32 big-endian attempt|level|index}, or
-- {"none", next retry minute or -1}, {"st", state}.
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) < fence then
	return redis.error_reply('FENCED')
elseif tonumber(ARGV[1]) > fence then
	redis.call('SET', KEYS[1], ARGV[1])
end
local A, B, batch = string.sub(KEYS[1], 1, -6), string.sub(KEYS[2], 1, -2), tonumber(ARGV[3])
local h = redis.call('HMGET', KEYS[2], 'st', 'cur', 'n')
if h[1] ~= '0' then
	return {'st', h[1] or ''}
end
local function first_pass(lease, from, count)
	return {'f', lease, from, count, redis.call('GETRANGE', A .. 'ph', from * 5, (from + count) * 5 - 1)}
end
local function retries(lease, entries)
	local sealed = {}
	for i = 1, #entries, 4 do
		local at = (string.byte(entries, i + 2) * 256 + string.byte(entries, i + 3)) * 5
		sealed[#sealed + 1] = redis.call('GETRANGE', A .. 'ph', at, at + 4)
	end
	return {'r', lease, 0, #entries / 4, table.concat(sealed), entries}
end
local back = redis.call('ZRANGE', B .. 'ls', '-inf', 0, 'BYSCORE', 'LIMIT', 0, 1)[1]
if back then
	local ep, kind, from, count = string.match(back, '^(%d+):(%a):(%d+):(%d+)$')
	redis.call('ZADD', B .. 'ls', 'XX', ARGV[1], back)
	if kind == 'f' then
		return first_pass(back, tonumber(from), tonumber(count))
	end
	return retries(back, redis.call('GET', B .. 'rl:' .. ep) or '')
end
while true do
	local minute = redis.call('ZRANGE', B .. 'rd', '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, 1)[1]
	if not minute then
		break
	end
	-- What was taken before stands in front of the position; the list goes when all of it was taken.
	local rq, field = B .. 'rq:' .. minute, 'rc:' .. minute
	local pos = tonumber(redis.call('HGET', KEYS[2], field) or '0')
	local entries = redis.call('GETRANGE', rq, pos, pos + batch * 4 - 1)
	if pos + #entries >= redis.call('STRLEN', rq) then
		redis.call('DEL', rq)
		redis.call('ZREM', B .. 'rd', minute)
		redis.call('HDEL', KEYS[2], field)
	else
		redis.call('HSET', KEYS[2], field, pos + #entries)
	end
	if #entries > 0 then
		local ep = redis.call('HINCRBY', KEYS[2], 'ep', 1)
		local lease = string.format('%d:r:0:%d', ep, #entries / 4)
		redis.call('ZADD', B .. 'ls', ARGV[1], lease)
		redis.call('SET', B .. 'rl:' .. ep, entries)
		return retries(lease, entries)
	end
end
local cur, n = tonumber(h[2]), tonumber(h[3])
if cur < n then
	local count = math.min(batch, n - cur)
	local lease = string.format('%d:f:%d:%d', redis.call('HINCRBY', KEYS[2], 'ep', 1), cur, count)
	redis.call('HSET', KEYS[2], 'cur', cur + count)
	redis.call('ZADD', B .. 'ls', ARGV[1], lease)
	return first_pass(lease, cur, count)
end
return {'none', tonumber(redis.call('ZRANGE', B .. 'rd', 0, 0)[1] or '-1')}
