#!lua flags=allow-oom
-- Whoever still waits (0, 6) will not be sent to any more; a part of a segment at a time, the first part ends leases and
-- retries. A call in flight ends as it ends. KEYS: fence, h  ARGV: fence, new nibble, first byte, bytes
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) < fence then
	return redis.error_reply('FENCED')
end
local B, to, from = string.sub(KEYS[2], 1, -2), tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[2]) == 0 then
	return 0
end
if from == 0 then
	redis.call('HSET', KEYS[2], 'st', '2', 'to', ARGV[2])
	for _, lease in ipairs(redis.call('ZRANGE', B .. 'ls', 0, -1)) do
		redis.call('DEL', B .. 'rl:' .. string.match(lease, '^(%d+):'))
	end
	for _, minute in ipairs(redis.call('ZRANGE', B .. 'rd', 0, -1)) do
		redis.call('DEL', B .. 'rq:' .. minute)
		redis.call('HDEL', KEYS[2], 'rc:' .. minute)
	end
	redis.call('DEL', B .. 'ls', B .. 'rd')
end
local function ends(n)
	return (n == 0 or n == 6) and to or n
end
local map = {}
for byte = 0, 255 do
	local hi, lo = math.floor(byte / 16), byte % 16
	map[string.char(byte)] = string.char(ends(hi) * 16 + ends(lo))
end
local old = redis.call('GETRANGE', B .. 'oc', from, from + tonumber(ARGV[4]) - 1)
local new = string.gsub(old, '.', map)
if new ~= old then
	redis.call('SETRANGE', B .. 'oc', from, new)
end
return 1
