#!lua
-- A broadcast begins: its record, what screens and loudspeakers show, and its messages to groups, in one step. Groups get a
-- commended once; a tombstone is never written over.
-- KEYS: lease, broadcasts, audit, publicity, groups, due, mids, then one record for each message
-- ARGV: fence, broadcast id, its json, audit json, now, honour id, group json, due of the messages,
--       number of items, (field, json) .., number of messages, (mid, number of words, field, value ..) ..
-- Answers the fields of publicity that were written.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('XADD', KEYS[3], '*', 'j', ARGV[4])
local now, written, i = ARGV[5], {}, 10
for _ = 1, tonumber(ARGV[9]) do
	local old = redis.call('HGET', KEYS[4], ARGV[i])
	if not old or not string.find(old, '"withdrawn":true', 1, true) then
		redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
		written[#written + 1] = ARGV[i]
	end
	i = i + 2
end
local n = tonumber(ARGV[i])
i = i + 1
if n == 0 or redis.call('HEXISTS', KEYS[5], ARGV[6]) == 1 then
	return written
end
redis.call('HSET', KEYS[5], ARGV[6], ARGV[7])
for k = 1, n do
	local mid, words = ARGV[i], tonumber(ARGV[i + 1])
	if redis.call('EXISTS', KEYS[7 + k]) == 0 then
		redis.call('HSET', KEYS[7 + k], 'st', 'queued', 'att', '0', 'tries', '0', 'ca', now,
			unpack(ARGV, i + 2, i + 1 + words))
		redis.call('ZADD', KEYS[6], ARGV[8], mid)
		redis.call('ZADD', KEYS[7], now, mid)
	end
	i = i + 2 + words
end
return written
