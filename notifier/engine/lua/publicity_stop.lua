#!lua flags=allow-oom
-- A message of publicity to a group that has not left does not go: cancelled for good, or parked until its broadcast goes on.
-- With the bot already: WHY marks it, so that what the bot takes back can be told from what an operator cancelled alone.
-- KEYS: lease, message, due, park  ARGV: fence, now, mid, new state (cancelled parked), why
-- Answers the state it had.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local st = redis.call('HGET', KEYS[2], 'st')
if st == 'queued' or (st == 'parked' and ARGV[4] == 'cancelled' and
	tonumber(redis.call('HGET', KEYS[2], 'unk') or '0') == 0) then
	redis.call('HSET', KEYS[2], 'st', ARGV[4], 'why', ARGV[5])
	redis.call('ZREM', KEYS[3], ARGV[3])
	redis.call('ZREM', KEYS[4], ARGV[3])
	if ARGV[4] == 'parked' then
		redis.call('ZADD', KEYS[4], '9000000000000000', ARGV[3])
	else
		redis.call('HSET', KEYS[2], 'done', ARGV[2])
	end
	return 'queued'
elseif st == 'handed_over' then
	redis.call('HSET', KEYS[2], 'why', ARGV[5])
end
return st or 'none'
