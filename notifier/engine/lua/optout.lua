#!lua flags=allow-oom
-- A number opts out (its first time counts) or in again. KEYS: lease, optout  ARGV: fence, index of the number, at ms ("" = in again)
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
if ARGV[3] == '' then
	return redis.call('HDEL', KEYS[2], ARGV[2])
end
return redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3])
