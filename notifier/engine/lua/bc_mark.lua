#!lua
-- A call is about to be made: whoever may get it is marked 1 (in flight) and both caps are debited, in one step.
-- Packed fields: recipient 0 has the highest bits of byte 0. oc, cc: 4 bits; fc: 2 bits; oo: 1 bit.
-- KEYS: fence, h  ARGV: fence, lease, day (yyyymmdd), recipients (u16 big-endian each, rising), day cap, campaign cap
-- Answers {"ok", a letter for each: a goes, it was waiting; b goes, a retry; c d opted out; e f capped; - nothing to do},
-- {"st", state} or {"lease", ""}.
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) < fence then
	return redis.error_reply('FENCED')
elseif tonumber(ARGV[1]) > fence then
	redis.call('SET', KEYS[1], ARGV[1])
end
local A, B, day, list = string.sub(KEYS[1], 1, -6), string.sub(KEYS[2], 1, -2), ARGV[3], ARGV[4]
local day_cap, all_cap, floor = tonumber(ARGV[5]), tonumber(ARGV[6]), math.floor
local h = redis.call('HMGET', KEYS[2], 'st', 'n', 'day')
if h[1] ~= '0' then
	return {'st', h[1] or ''}
elseif not redis.call('ZSCORE', B .. 'ls', ARGV[2]) then
	return {'lease', ''}
end
local n, fc = tonumber(h[2]), A .. 'fc:' .. day
if h[3] ~= day then
	redis.call('HSET', KEYS[2], 'day', day)
end
if redis.call('EXISTS', fc) == 0 then
	redis.call('SETRANGE', fc, floor((n + 3) / 4) - 1, '\0')
	redis.call('EXPIRE', fc, 259200)
end
if redis.call('EXISTS', A .. 'cc') == 0 then
	redis.call('SETRANGE', A .. 'cc', floor((n + 1) / 2) - 1, '\0')
end
-- Bytes FROM..TO of a string as numbers; what is not there yet is zero.
local function bytes(key, from, to)
	local t = {string.byte(redis.call('GETRANGE', key, from, to), 1, -1)}
	for i = #t + 1, to - from + 1 do
		t[i] = 0
	end
	return t
end
-- ADD to every byte; nil when a field of WIDTH values in one of them has reached CAP.
local function bump(s, add, width, cap)
	local first = string.byte(s, 1)
	local is_even = s == string.rep(string.sub(s, 1, 1), #s)
	local t = is_even and {first} or {string.byte(s, 1, -1)}
	for i = 1, #t do
		local rest = t[i]
		while rest > 0 do
			if rest % width >= cap then
				return nil
			end
			rest = floor(rest / width)
		end
		t[i] = t[i] + add
	end
	return is_even and string.rep(string.char(t[1]), #s) or string.char(unpack(t))
end
-- Whole bytes of people who all wait, none of whom has opted out or reached a cap: the usual case.
local count = #list / 2
local a1, a2 = string.byte(list, 1, 2)
local z1, z2 = string.byte(list, -2, -1)
local from, upto = a1 * 256 + a2, z1 * 256 + z2
if from % 8 == 0 and count % 8 == 0 and upto - from + 1 == count then
	local oc = redis.call('GETRANGE', B .. 'oc', from / 2, floor(upto / 2))
	local oo = redis.call('GETRANGE', A .. 'oo', from / 8, floor(upto / 8))
	if oc == string.rep('\0', count / 2) and oo == string.rep('\0', #oo) then
		local cc = bump(redis.call('GETRANGE', A .. 'cc', from / 2, floor(upto / 2)), 17, 16, all_cap)
		local today = bump(redis.call('GETRANGE', fc, from / 4, floor(upto / 4)), 85, 4, day_cap)
		if cc and today and #cc == count / 2 and #today == count / 4 then
			redis.call('SETRANGE', B .. 'oc', from / 2, string.rep('\17', count / 2))
			redis.call('SETRANGE', A .. 'cc', from / 2, cc)
			redis.call('SETRANGE', fc, from / 4, today)
			return {'ok', string.rep('a', count)}
		end
	end
end
local ids, out, k = {}, {}, 1
for i = 1, #list, 2 do
	ids[#ids + 1] = string.byte(list, i) * 256 + string.byte(list, i + 1)
end
while k <= #ids do
	-- Recipients that stand close together are done in one reading and one writing.
	local first, last = ids[k], k
	while last < #ids and ids[last + 1] - first < 512 do
		last = last + 1
	end
	local o, f, b = floor(first / 2), floor(first / 4), floor(first / 8)
	local oc = bytes(B .. 'oc', o, floor(ids[last] / 2))
	local cc = bytes(A .. 'cc', o, floor(ids[last] / 2))
	local day_count = bytes(fc, f, floor(ids[last] / 4))
	local oo = bytes(A .. 'oo', b, floor(ids[last] / 8))
	local changed, goes = false, false
	for j = k, last do
		local id = ids[j]
		local at, high = floor(id / 2) - o + 1, id % 2 == 0 and 16 or 1
		local was = floor(oc[at] / high) % 16
		if was ~= 0 and was ~= 6 then
			out[j] = '-'
		else
			local fat, fhigh = floor(id / 4) - f + 1, 4 ^ (3 - id % 4)
			local new
			if floor(oo[floor(id / 8) - b + 1] / 2 ^ (7 - id % 8)) % 2 == 1 then
				new, out[j] = 8, was == 0 and 'c' or 'd'
			elseif floor(day_count[fat] / fhigh) % 4 >= day_cap or floor(cc[at] / high) % 16 >= all_cap then
				new, out[j] = 9, was == 0 and 'e' or 'f'
			else
				new, out[j] = 1, was == 0 and 'a' or 'b'
				day_count[fat] = day_count[fat] + fhigh
				cc[at] = cc[at] + high
				goes = true
			end
			oc[at] = oc[at] + (new - was) * high
			changed = true
		end
	end
	if changed then
		redis.call('SETRANGE', B .. 'oc', o, string.char(unpack(oc)))
	end
	if goes then
		redis.call('SETRANGE', A .. 'cc', o, string.char(unpack(cc)))
		redis.call('SETRANGE', fc, f, string.char(unpack(day_count)))
	end
	k = last + 1
end
return {'ok', table.concat(out)}
