#!lua
-- Makes the waiting reminder points equal to the plan: adds new ones, moves changed ones, never revives a
-- point that was decided. KEYS: lease, points, decided  ARGV: fence, then id, due ("" removes) ..
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local changed = 0
for i = 2, #ARGV, 2 do
	local id, due = ARGV[i], ARGV[i + 1]
	if due == '' then
		changed = changed + redis.call('ZREM', KEYS[2], id)
	elseif redis.call('HEXISTS', KEYS[3], id) == 0 then
		changed = changed + redis.call('ZADD', KEYS[2], 'CH', due, id)
	end
end
return changed
