#!lua flags=allow-oom
-- Receipts of one segment: facts, never fenced. 1, 2, 12 become 3 or 13; 13 becomes 3; 3 is final.
-- KEYS: fence, h  ARGV: minute of the day, then index, new nibble (3 or 13), code ..
-- Answers {old*16+new, how many, ..}, or {-1} when the store does not know the broadcast.
local B, floor, minute = string.sub(KEYS[2], 1, -2), math.floor, tonumber(ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 0 then
	return {-1}
end
local counts, failures = {}, {}
for i = 2, #ARGV, 3 do
	local id, to = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
	local at, high = floor(id / 2), id % 2 == 0 and 16 or 1
	local byte = string.byte(redis.call('GETRANGE', B .. 'oc', at, at)) or 0
	local was = floor(byte / high) % 16
	if was == 1 or was == 2 or was == 12 or (was == 13 and to == 3) then
		redis.call('SETRANGE', B .. 'oc', at, string.char(byte + (to - was) * high))
		counts[was * 16 + to] = (counts[was * 16 + to] or 0) + 1
		if to == 13 then
			local no = tonumber(redis.call('HGET', B .. 'ec', ARGV[i + 2]) or '0')
			if no == 0 then
				no = redis.call('HLEN', B .. 'ec') + 1
				if no <= 1000 then
					redis.call('HSET', B .. 'ec', ARGV[i + 2], no)
				else
					no = 0
				end
			end
			failures[#failures + 1] = string.char(0, 0, floor(id / 256), id % 256, floor(no / 256),
				no % 256, floor(minute / 256), minute % 256)
		end
	end
end
if #failures > 0 then
	redis.call('APPEND', B .. 'er', table.concat(failures))
end
local answer = {}
for key, count in pairs(counts) do
	answer[#answer + 1] = key
	answer[#answer + 1] = count
end
return answer
