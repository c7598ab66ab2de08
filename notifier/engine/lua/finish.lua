#!lua flags=allow-oom
-- A queued, parked or unknown message ends without being handed over (again), or waits for another time.
-- KEYS: lease, message, due, park, unknown, dead, audit
-- ARGV: fence, now, mid, new state (cancelled expired suppressed dead parked queued), why, due (queued), audit json,
--       "retry": an operator's: only what is parked or dead, and never what must not be repeated
-- Answers the state the message has now.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local st, mid, new = redis.call('HGET', KEYS[2], 'st'), ARGV[3], ARGV[4]
if ARGV[8] == 'retry' then
	if (st ~= 'parked' and st ~= 'dead') or redis.call('HGET', KEYS[2], 'class') == 'no_repeat' then
		return st or 'none'
	end
elseif st ~= 'queued' and st ~= 'parked' and st ~= 'unknown' then
	return st or 'none'
end
redis.call('ZREM', KEYS[3], mid)
redis.call('ZREM', KEYS[4], mid)
redis.call('ZREM', KEYS[5], mid)
redis.call('ZREM', KEYS[6], mid)
redis.call('HSET', KEYS[2], 'st', new, 'why', ARGV[5])
if new == 'queued' then
	redis.call('ZADD', KEYS[3], ARGV[6], mid)
elseif new == 'parked' then
	-- A person has to look: it waits without an end of its own.
	redis.call('ZADD', KEYS[4], '9000000000000000', mid)
else
	redis.call('HSET', KEYS[2], 'done', ARGV[2])
	if new == 'dead' then
		redis.call('ZADD', KEYS[6], ARGV[2], mid)
	end
end
if ARGV[7] ~= '' then
	redis.call('XADD', KEYS[7], '*', 'j', ARGV[7])
end
return new
