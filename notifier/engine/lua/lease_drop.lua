#!lua
-- Gives the lease up at an orderly stop, so that a standby need not wait. KEYS: lease  ARGV: instance
if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then
	redis.call('HSET', KEYS[1], 'until', '0')
	return 1
end
return 0
