#!lua flags=allow-oom
-- A gateway's final receipt of one attempt. A fact: never fenced, merged from any state; delivered is final. One that fits no
-- attempt of ours is kept for a while: what the store has lost may come back.
-- KEYS: message, orphans, due, outbox, trying, unknown, park, dead, await, audit
-- ARGV: mid, attempt, now, "delivered" or "undelivered", code, gateway, recipient (index of the number), receipt as json,
--       "1": it was in the list already, oldest score kept in the list, most kept, audit json
-- Answers {"new" | "same" | "unknown" | "misrouted", state, receipts in the list, 1 when it was added to it}.
local mid, n, word, gateway = ARGV[1], tonumber(ARGV[2]), ARGV[4], ARGV[6]
local m = redis.call('HMGET', KEYS[1], 'st', 'att', 'rcp', 'gw', 'a' .. ARGV[2], 'r' .. ARGV[2])
local st, attempt, receipt = m[1], m[5], m[6]
local function orphan(why)
	local added = 0
	redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[10])
	if ARGV[9] ~= '1' then
		added = redis.call('ZADD', KEYS[2], 'NX', ARGV[3], ARGV[8])
		local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[11])
		if over > 0 then
			redis.call('ZPOPMIN', KEYS[2], over)
		end
	end
	return {why, st or 'none', redis.call('ZCARD', KEYS[2]), added}
end
if not st or n < 1 or n > tonumber(m[2] or '0') then
	return orphan('unknown')
end
-- The gateway of this attempt: as recorded with its verdict, else that of the one in progress.
local sent_by = attempt and string.match(attempt, '^%S+ %S+ %S+ %S+ (%S+)$')
if not sent_by and n == tonumber(m[2]) then
	sent_by = m[4]
end
if m[3] ~= ARGV[7] or (sent_by and sent_by ~= gateway) then
	return orphan('misrouted')
end
redis.call('ZREM', KEYS[2], ARGV[8])
local function answer(how, state)
	return {how, state, redis.call('ZCARD', KEYS[2]), 0}
end
local known = receipt and string.match(receipt, '^%S+ (%S+)')
if known == 'delivered' or known == word then
	return answer('same', st)
end
redis.call('HSET', KEYS[1], 'r' .. n, ARGV[3] .. ' ' .. word .. ' ' .. ARGV[5])
-- Whoever reports on it has taken it.
if not attempt or not string.find(attempt, ' accepted ', 1, true) then
	redis.call('HSET', KEYS[1], 'a' .. n, ARGV[3] .. ' accepted receipt - ' .. gateway)
end
if ARGV[12] ~= '' then
	redis.call('XADD', KEYS[10], '*', 'j', ARGV[12])
end
if st == 'delivered' or (word == 'undelivered' and n < tonumber(m[2])) then
	return answer('new', st) -- a later attempt may still arrive
end
for i = 3, 9 do
	-- A later attempt that is on its way stays to be settled, whatever it says.
	if i ~= 5 or n == tonumber(m[2]) then
		redis.call('ZREM', KEYS[i], mid)
	end
end
redis.call('HSET', KEYS[1], 'st', word, 'done', ARGV[3], 'why', word == 'delivered' and '' or ARGV[5])
return answer('new', word)
