#!lua
-- Due points become one message with frozen text, or are recorded as not sent, in one step.
-- KEYS: lease, points, decided, due, mids, message, lastrm, audit, cancelled message
-- ARGV: fence, now, mid ("" = no message), due, lastrm field ("" = none), nominal instant, old mid to cancel ("" = none),
--       field of the contact's instants, of those of a unit's contacts ("" = none), number of point pairs,
--       (point id, outcome) .., audit json, then message field, value ..
-- Answers 1 new message, 0 it existed or none was asked for.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
-- Puts the instant in front of those of FIELD, of which KEPT remain. A message that replaces another has the same one.
local function note(field, kept)
	if field == '' then
		return
	end
	local all = { ARGV[6] }
	for at in string.gmatch(redis.call('HGET', KEYS[7], field) or '', '%d+') do
		if at == ARGV[6] then
			return
		end
		if #all < kept then
			all[#all + 1] = at
		end
	end
	redis.call('HSET', KEYS[7], field, table.concat(all, ' '))
end
local now, mid, n = ARGV[2], ARGV[3], tonumber(ARGV[10])
local i = 11
for _ = 1, n do
	redis.call('ZREM', KEYS[2], ARGV[i])
	redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
	i = i + 2
end
if ARGV[i] ~= '' then
	redis.call('XADD', KEYS[8], '*', 'j', ARGV[i])
end
i = i + 1
if ARGV[7] ~= '' then
	-- Somebody cancelled it, or the bot has it already: then there is nothing to replace.
	if redis.call('HGET', KEYS[9], 'st') ~= 'queued' then
		return 0
	end
	redis.call('HSET', KEYS[9], 'st', 'cancelled', 'why', 'replanned', 'done', now)
	redis.call('ZREM', KEYS[4], ARGV[7])
end
if mid == '' or redis.call('EXISTS', KEYS[6]) == 1 then
	return 0
end
redis.call('HSET', KEYS[6], 'st', 'queued', 'att', '0', 'tries', '0', 'ca', now, unpack(ARGV, i))
redis.call('ZADD', KEYS[4], ARGV[4], mid)
redis.call('ZADD', KEYS[5], now, mid)
if ARGV[5] ~= '' then
	redis.call('HSET', KEYS[7], ARGV[5], ARGV[6])
end
note(ARGV[8], 10) -- CONTACT_SENT
note(ARGV[9], 40) -- PLAN_REMINDED
return 1
