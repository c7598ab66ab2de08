#!lua flags=allow-oom
-- What became of one attempt. A fact: never fenced, merged from any state, once per attempt.
-- KEYS: message, outbox, due, park, unknown, dead, audit
-- ARGV: mid, attempt, now, verdict, class, code, retry after (ms, 0: no hint), max tries, audit json
-- Answers {state, 1 when this verdict is new, due again or 0, channel, route}.
local st = redis.call('HGET', KEYS[1], 'st')
if not st then
	return {'none', 0, 0, '', ''}
end
local mid, n, now, verdict, class = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local field = 'a' .. n
local had = redis.call('HGET', KEYS[1], field)
local function answer(state, new, due)
	local to = redis.call('HMGET', KEYS[1], 'ch', 'route')
	return {state, new, due or 0, to[1] or '', to[2] or ''}
end
if had and not string.find(had, ' unknown ', 1, true) then
	return answer(st, 0)
end
if had and verdict == 'unknown' then
	return answer(st, 0)
end
redis.call('HSET', KEYS[1], field, now .. ' ' .. verdict .. ' ' .. class .. ' ' .. ARGV[6], 'code', ARGV[6])
if ARGV[9] ~= '' then
	redis.call('XADD', KEYS[7], '*', 'j', ARGV[9])
end
-- An older attempt's late verdict settles the message only when it says that somebody has it.
if n ~= redis.call('HGET', KEYS[1], 'att') and verdict ~= 'accepted' then
	return answer(st, 1)
end
if st == 'accepted' then
	return answer(st, 1)
end
local function leave()
	redis.call('ZREM', KEYS[2], mid)
	redis.call('ZREM', KEYS[3], mid)
	redis.call('ZREM', KEYS[4], mid)
	redis.call('ZREM', KEYS[5], mid)
	redis.call('ZREM', KEYS[6], mid)
end
leave()
local new, due
if verdict == 'accepted' then
	new = 'accepted'
elseif verdict == 'unknown' then
	new = 'unknown'
	redis.call('HINCRBY', KEYS[1], 'unk', 1)
	redis.call('ZADD', KEYS[5], now, mid)
elseif verdict == 'refused_final' then
	new = 'dead'
	redis.call('ZADD', KEYS[6], now, mid)
elseif verdict == 'not_sent' and class == 'late' then
	new = 'expired'
elseif verdict == 'not_sent' and class == 'cancelled' then
	new = 'cancelled'
else
	-- Not sent, or refused for now: 15 s doubling to 30 minutes, or longer where the other side said so. A rate
	-- refusal is no try; what surely was not sent is tried until its time is over.
	local tries = tonumber(redis.call('HGET', KEYS[1], 'tries') or '0')
	if class ~= 'rate' then
		tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
	end
	if verdict == 'refused_temp' and tries >= tonumber(ARGV[8]) then
		new = 'dead'
		redis.call('ZADD', KEYS[6], now, mid)
	else
		local delay = tonumber(ARGV[7])
		if class ~= 'rate' then
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
