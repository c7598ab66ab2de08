#!lua flags=allow-oom
-- Start-up: the journal knows of an attempt that the store has forgotten. Chat: back into the outbox with that attempt; the
-- bot answers a repeat with the verdict it stored. SMS: trying again, to be settled by what else the journal says; when even the
-- message is forgotten, the attempt is kept for the day it is planned anew. What was ended meanwhile stays ended; but an SMS
-- that is still trying an earlier attempt, or dead after it, has had this one too.
-- KEYS: lease, message, due, outbox, unknown, park, trying, tried
-- ARGV: fence, mid, attempt, now, last record's kind (H: chat; T A R F N U: SMS), gateway, "<instance> <position before it>"
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local mid, n, kind = ARGV[2], tonumber(ARGV[3]), ARGV[5]
local att = tonumber(redis.call('HGET', KEYS[2], 'att') or '-1')
if att < 0 then
	local sure = kind == 'H' or kind == 'R' or kind == 'F' or kind == 'N'
	if not sure and n > tonumber(string.match(redis.call('HGET', KEYS[8], mid) or '', '^%d+') or '0') then
		redis.call('HSET', KEYS[8], mid, n .. ' ' .. kind .. ' ' .. ARGV[6])
	end
	return -1
end
local st = redis.call('HGET', KEYS[2], 'st')
local is_open = st == 'queued' or st == 'unknown' or st == 'parked' or
	(kind ~= 'H' and (st == 'trying' or st == 'dead'))
if att >= n or not is_open then
	return 0
end
for i = 3, 6 do
	redis.call('ZREM', KEYS[i], mid)
end
if kind == 'H' then
	redis.call('HSET', KEYS[2], 'att', ARGV[3], 'st', 'handed_over')
	redis.call('ZADD', KEYS[4], 0, mid)
else
	redis.call('HDEL', KEYS[2], 'a' .. n) -- a verdict that came before its attempt was known again: the journal has it, too
	redis.call('HSET', KEYS[2], 'att', ARGV[3], 'st', 'trying', 'gw', ARGV[6], 'jp', ARGV[7])
	redis.call('ZADD', KEYS[7], ARGV[4], mid)
end
return 1
