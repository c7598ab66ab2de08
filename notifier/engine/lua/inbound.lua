#!lua
-- One inbound event, whole: dedupe, facts, open question, answer, operator queue, audit.
-- KEYS: lease, in, fact, ask, due, mids, answer message, queue, audit, spool_seq, chat, binding code
-- ARGV: fence, now, event id, outcome, spool seq,
--       facts json ("" = unchanged), expected rev, new rev,
--       ask json ("" = delete, "=" = leave), ask expiry ms (wall; kept in the json too),
--       answer mid ("" = none), queue entry json ("" = none), audit json, chat binding "field value" ("" = none),
--       then answer field, value ..
-- A spool seq of 0 leaves the number as it is (one of several messages of one event).
-- Answers "ok", "dup", or "rev" when the facts changed meanwhile.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if redis.call('EXISTS', KEYS[2]) == 1 then
	return 'dup'
end
if ARGV[6] ~= '' then
	local rev = redis.call('HGET', KEYS[3], 'rev') or '0'
	if rev ~= ARGV[7] then
		return 'rev'
	end
	redis.call('HSET', KEYS[3], 'j', ARGV[6], 'rev', ARGV[8])
end
redis.call('HSET', KEYS[2], 'outcome', ARGV[4], 'at', ARGV[2])
if ARGV[4] == 'receipts' then
	redis.call('EXPIRE', KEYS[2], 691200) -- merged as often as they come: known only so as to be counted once
end
if ARGV[9] == '' then
	redis.call('DEL', KEYS[4])
elseif ARGV[9] ~= '=' then
	redis.call('SET', KEYS[4], ARGV[9])
end
if ARGV[11] ~= '' and redis.call('EXISTS', KEYS[7]) == 0 then
	redis.call('HSET', KEYS[7], 'st', 'queued', 'att', '0', 'tries', '0', 'ca', ARGV[2], unpack(ARGV, 15))
	redis.call('ZADD', KEYS[5], ARGV[2], ARGV[11])
	redis.call('ZADD', KEYS[6], ARGV[2], ARGV[11])
end
if ARGV[12] ~= '' then
	redis.call('HSET', KEYS[8], ARGV[3], ARGV[12])
end
if ARGV[13] ~= '' then
	redis.call('XADD', KEYS[9], '*', 'j', ARGV[13])
end
if ARGV[14] ~= '' then
	local field, value = string.match(ARGV[14], '^(%S+) (%S+)$')
	redis.call('HSET', KEYS[11], field, value)
end
if ARGV[4] == 'bind' then
	redis.call('DEL', KEYS[12]) -- a code is good for one try
end
if tonumber(ARGV[5]) > tonumber(redis.call('GET', KEYS[10]) or '0') then
	redis.call('SET', KEYS[10], ARGV[5])
end
return 'ok'
