#!lua flags=allow-oom
-- What became of one attempt. A fact: never fenced, merged from any state, once per attempt.
-- KEYS: message, outbox, due, park, unknown, dead, audit, trying, await, journal
-- ARGV: mid, attempt, now, verdict, class, code, retry after (ms, 0: no hint), max tries, audit json,
--       score in unknown ("since"), gateway ("" = not by SMS), provider id, instance ("" = no position), journal position
-- Answers {state, 1 when this verdict is new, due again or 0, channel, route}.
if ARGV[13] ~= '' then
	redis.call('HSET', KEYS[10], ARGV[13], ARGV[14])
end
local st = redis.call('HGET', KEYS[1], 'st')
if not st then
	return {'none', 0, 0, '', ''}
end
local mid, n, now, verdict, class, gateway = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[11]
if n == redis.call('HGET', KEYS[1], 'att') then
	redis.call('ZREM', KEYS[8], mid)
end
local field = 'a' .. n
local had = redis.call('HGET', KEYS[1], field)
local function answer(state, new, due)
	local to = redis.call('HMGET', KEYS[1], 'ch', 'route')
	return {state, new, due or 0, to[1] or '', to[2] or ''}
end
-- A receipt proves that it was accepted, whatever is said later; the gateway's own "accepted" is the better record.
local proven = had and string.find(had, ' accepted receipt ', 1, true)
if had and not string.find(had, ' unknown ', 1, true) and not (proven and verdict == 'accepted') then
	return answer(st, 0)
end
if had and verdict == 'unknown' then
	return answer(st, 0)
end
redis.call('HSET', KEYS[1], field, now .. ' ' .. verdict .. ' ' .. class .. ' ' .. ARGV[6] ..
	(gateway ~= '' and ' ' .. gateway or ''), 'code', ARGV[6])
if verdict == 'accepted' and gateway ~= '' then
	redis.call('HSET', KEYS[1], 'gw', gateway, 'pid', ARGV[12])
end
if ARGV[9] ~= '' then
	redis.call('XADD', KEYS[7], '*', 'j', ARGV[9])
end
-- An older attempt's late verdict settles the message only when it says that somebody has it.
if n ~= redis.call('HGET', KEYS[1], 'att') and verdict ~= 'accepted' then
	return answer(st, 1)
end
if st == 'accepted' or st == 'delivered' or st == 'undelivered' or st == 'no_receipt' then
	return answer(st, 1)
end
for _, i in ipairs({2, 3, 4, 5, 6, 9}) do
	redis.call('ZREM', KEYS[i], mid)
end
local new, due
if verdict == 'accepted' then
	new = 'accepted'
	if gateway ~= '' then
		redis.call('ZADD', KEYS[9], now, mid)
	end
elseif verdict == 'unknown' then
	new = 'unknown'
	redis.call('HINCRBY', KEYS[1], 'unk', 1)
	redis.call('ZADD', KEYS[5], ARGV[10], mid)
elseif verdict == 'refused_final' then
	new = 'dead'
	redis.call('ZADD', KEYS[6], now, mid)
elseif verdict == 'not_sent' and class == 'late' then
	new = 'expired'
elseif verdict == 'not_sent' and class == 'cancelled' then
	new = 'cancelled'
else
	-- Not sent, or refused for now: 15 s doubling to 30 minutes, or longer where the other side said so. No try: a rate
	-- refusal, a gateway that cannot be used, a send we held back ourselves. What surely was not sent is tried until its
	-- time is over.
	local counts = class ~= 'rate' and class ~= 'account' and class ~= 'held'
	local tries = tonumber(redis.call('HGET', KEYS[1], 'tries') or '0')
	if counts then
		tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
	end
	if verdict == 'refused_temp' and tries >= tonumber(ARGV[8]) then
		new = 'dead'
		redis.call('ZADD', KEYS[6], now, mid)
	else
		local delay = tonumber(ARGV[7])
		if counts then
			delay = math.max(delay, math.min(1800000, 15000 * 2 ^ math.min(tries - 1, 10)))
		end
		new = 'queued'
		due = tonumber(now) + math.max(delay, 1000)
		redis.call('ZADD', KEYS[3], string.format('%d', due), mid)
	end
end
redis.call('HSET', KEYS[1], 'st', new)
if new ~= 'queued' and new ~= 'unknown' then
	redis.call('HSET', KEYS[1], 'done', now)
end
return answer(new, 1, due)
