#!lua
-- One segment of an audience, whole. Counters of the campaign are zero, at their full length.
-- KEYS: fence, ph, meta, oo, cc of the segment
-- ARGV: fence, sealed numbers, area, n, nonce (hex), mac (hex), opt-out bits
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) < fence then
	return redis.error_reply('FENCED')
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[3], 'area', ARGV[3], 'n', ARGV[4], 'nonce', ARGV[5], 'mac', ARGV[6])
redis.call('SET', KEYS[4], ARGV[7])
redis.call('DEL', KEYS[5])
redis.call('SETRANGE', KEYS[5], math.floor((tonumber(ARGV[4]) + 1) / 2) - 1, '\0')
return 1
