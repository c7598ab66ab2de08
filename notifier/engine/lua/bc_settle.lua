#!lua flags=allow-oom
-- What became of a call: a fact, never fenced. Only what is in flight (1) changes, so that a receipt that came first stays;
-- an unknown (12) learns that it was accepted or refused. With mode "journal" the store may have forgotten that the call
-- was ever made: then also what waits (0, 6) changes. Whoever did not get it has his caps back.
-- KEYS: fence, h
-- ARGV: mode "verdict"|"journal", new nibble (0: surely not sent, waits on), recipients (u16 big-endian each, rising),
--       day of the mark ("": of the segment's last one), retry minute ("": none), attempt and level of the retry, minute of the day, code,
--       lease that ends ("": none), instance, journal position ("": none), fence
-- That a call surely was not sent is a fact for those it had marked, and these may be another's by now: 0 is fenced, and so
-- is the end of a lease.
-- Answers {forgotten, then old*16+new, how many, ..}, or {} when the store does not know the broadcast.
local A, B, floor = string.sub(KEYS[1], 1, -6), string.sub(KEYS[2], 1, -2), math.floor
local forgets, to, list = ARGV[1] == 'journal', tonumber(ARGV[2]), ARGV[3]
local is_stale = tonumber(ARGV[13]) < tonumber(redis.call('GET', KEYS[1]) or '0')
if is_stale and to == 0 then
	return redis.error_reply('FENCED')
end
local h = redis.call('HMGET', KEYS[2], 'st', 'to', 'day')
if not h[1] then
	return {}
end
-- Cancelled or over meanwhile: nobody waits any more.
local new = to
if (to == 0 or to == 6) and h[1] == '2' then
	new = tonumber(h[2])
end
local function bytes(key, from, to_byte)
	local t = {string.byte(redis.call('GETRANGE', key, from, to_byte), 1, -1)}
	for i = #t + 1, to_byte - from + 1 do
		t[i] = 0
	end
	return t
end
local is_sent = to == 2 or to == 12
local is_end = to == 2 or to == 4 or to == 5
local fc = A .. 'fc:' .. (ARGV[4] ~= '' and ARGV[4] or h[3] or '')
local has_day = nil
local counts, forgotten, ids, changed_ids, k = {}, 0, {}, {}, 1
for i = 1, #list, 2 do
	ids[#ids + 1] = string.byte(list, i) * 256 + string.byte(list, i + 1)
end
-- Whole bytes of people who are all still in flight, and nobody's caps change: the usual case.
local n, first_id, last_id = #ids, ids[1], ids[#ids]
if n > 0 and n % 2 == 0 and first_id % 2 == 0 and last_id - first_id + 1 == n and is_sent and
	redis.call('GETRANGE', B .. 'oc', first_id / 2, floor(last_id / 2)) == string.rep('\17', n / 2) then
	redis.call('SETRANGE', B .. 'oc', first_id / 2, string.rep(string.char(new * 17), n / 2))
	counts[16 + new] = n
	changed_ids = ids
	k = n + 1
end
while k <= #ids do
	local first, last = ids[k], k
	while last < #ids and ids[last + 1] - first < 512 do
		last = last + 1
	end
	local o, f = floor(first / 2), floor(first / 4)
	local oc = bytes(B .. 'oc', o, floor(ids[last] / 2))
	local cc = bytes(A .. 'cc', o, floor(ids[last] / 2))
	if has_day == nil then
		has_day = redis.call('EXISTS', fc) == 1
	end
	local day_count = has_day and bytes(fc, f, floor(ids[last] / 4))
	local changed, caps = false, false
	for j = k, last do
		local id = ids[j]
		local at, high = floor(id / 2) - o + 1, id % 2 == 0 and 16 or 1
		local was = floor(oc[at] / high) % 16
		local forgot = forgets and to ~= 0 and (was == 0 or (was == 6 and to ~= 6))
		if was == 1 or forgot or (was == 12 and is_end) then
			local by = 0
			if was == 1 and not is_sent then
				by = -1
			elseif forgot and is_sent then
				by = 1
			end
			if by ~= 0 then
				local c = floor(cc[at] / high) % 16
				if c + by >= 0 and c + by <= 15 then
					cc[at] = cc[at] + by * high
				end
				if has_day then
					local fat, fhigh = floor(id / 4) - f + 1, 4 ^ (3 - id % 4)
					local d = floor(day_count[fat] / fhigh) % 4
					if d + by >= 0 and d + by <= 3 then
						day_count[fat] = day_count[fat] + by * fhigh
					end
				end
				caps = true
			end
			oc[at] = oc[at] + (new - was) * high
			counts[was * 16 + new] = (counts[was * 16 + new] or 0) + 1
			changed_ids[#changed_ids + 1] = id
			forgotten = forgotten + (forgot and 1 or 0)
			changed = true
		end
	end
	if changed then
		redis.call('SETRANGE', B .. 'oc', o, string.char(unpack(oc)))
	end
	if caps then
		redis.call('SETRANGE', A .. 'cc', o, string.char(unpack(cc)))
		if has_day then
			redis.call('SETRANGE', fc, f, string.char(unpack(day_count)))
		end
	end
	k = last + 1
end
if #changed_ids > 0 and new == 6 and ARGV[5] ~= '' then
	local entries = {}
	for i = 1, #changed_ids do
		local id = changed_ids[i]
		entries[i] = string.char(tonumber(ARGV[6]), tonumber(ARGV[7]), floor(id / 256), id % 256)
	end
	redis.call('APPEND', B .. 'rq:' .. ARGV[5], table.concat(entries))
	redis.call('ZADD', B .. 'rd', ARGV[5], ARGV[5])
end
if #changed_ids > 0 and (new == 4 or new == 5 or new == 7 or new == 12) then
	-- 8 bytes for each: index, number of the code (0: too many different ones), minute of the day.
	local no = tonumber(redis.call('HGET', B .. 'ec', ARGV[9]) or '0')
	if no == 0 then
		no = redis.call('HLEN', B .. 'ec') + 1
		if no <= 1000 then
			redis.call('HSET', B .. 'ec', ARGV[9], no)
		else
			no = 0
		end
	end
	local minute, entries = tonumber(ARGV[8]), {}
	for i = 1, #changed_ids do
		local id = changed_ids[i]
		entries[i] = string.char(0, 0, floor(id / 256), id % 256, floor(no / 256), no % 256,
			floor(minute / 256), minute % 256)
	end
	redis.call('APPEND', B .. 'er', table.concat(entries))
end
if ARGV[10] ~= '' and not is_stale then
	redis.call('ZREM', B .. 'ls', ARGV[10])
	local ep = string.match(ARGV[10], '^(%d+):r:')
	if ep then
		redis.call('DEL', B .. 'rl:' .. ep)
	end
end
if ARGV[12] ~= '' and tonumber(ARGV[12]) > tonumber(redis.call('HGET', A .. 'journal', ARGV[11]) or '0') then
	redis.call('HSET', A .. 'journal', ARGV[11], ARGV[12])
end
local answer = {forgotten}
for key, count in pairs(counts) do
	answer[#answer + 1] = key
	answer[#answer + 1] = count
end
return answer
