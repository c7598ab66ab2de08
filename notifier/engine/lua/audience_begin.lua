#!lua
-- An import begins: its id, and a record by which a broken-off one is removed.
-- KEYS: lease, seq, begun  ARGV: fence, segments
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local id = 'a' .. redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[3], id, ARGV[2])
return id
