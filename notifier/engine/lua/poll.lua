#!lua
-- Everything that is due, and when to ask again: the scheduler never polls by time.
-- KEYS: lease, points, due, outbox, unknown, ctl, await
-- ARGV: fence, now (wall), score of the outbox up to which to publish (real), limit of messages, limit of points, unknown_wait_ms,
--       SMS that may begin now, how long a receipt is awaited (ms), prefix of message keys
-- Answers {state, points, due, outbox, unknown, next wall, next real, SMS that are due and must wait, without a receipt};
-- messages as mids.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
	return redis.error_reply('FENCED')
end
local now, real, limit, wait = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local function upto(key, score, n)
	return redis.call('ZRANGE', key, '-inf', string.format('%d', score), 'BYSCORE', 'LIMIT', 0, n)
end
local next_wall, next_real = -1, -1
local function after(key, score, add)
	local r = redis.call('ZRANGE', key, '(' .. string.format('%d', score), '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
	if r[2] then
		local t = tonumber(r[2]) + add
		if next_wall < 0 or t < next_wall then
			next_wall = t
		end
	end
end
local state = 'run'
if redis.call('HGET', KEYS[6], 'paused') == '1' then
	state = 'paused'
elseif redis.call('HGET', KEYS[6], 'hold') then
	state = 'hold'
end
local points, due, unknown, outbox, waiting, late = {}, {}, {}, {}, 0, {}
-- What waits for a gateway must not keep the chats waiting: it is passed over, up to a bound. When its time is over it is due
-- all the same, to be told so.
local function select_due()
	local slots, page = tonumber(ARGV[7]), 200
	for from = 0, 9800, page do
		local mids = redis.call('ZRANGE', KEYS[3], '-inf', string.format('%d', now), 'BYSCORE', 'LIMIT', from, page)
		for _, mid in ipairs(mids) do
			local m = redis.call('HMGET', ARGV[9] .. mid, 'ch', 'exp')
			local ends = tonumber(m[2] or '0')
			if m[1] ~= 'sms' or (ends > 0 and ends < now) then
				due[#due + 1] = mid
			elseif slots > 0 then
				slots = slots - 1
				due[#due + 1] = mid
			else
				waiting = waiting + 1
				if ends > 0 and (next_wall < 0 or ends + 1 < next_wall) then
					next_wall = ends + 1
				end
			end
			if #due == limit then
				return
			end
		end
		if #mids < page then
			return
		end
	end
end
if state == 'run' then
	points = upto(KEYS[2], now, ARGV[5])
	select_due()
	unknown = upto(KEYS[5], now - wait, limit)
	after(KEYS[2], now, 0)
	after(KEYS[3], now, 0)
	after(KEYS[5], now - wait, wait)
	late = upto(KEYS[7], now - tonumber(ARGV[8]), limit)
	after(KEYS[7], now - tonumber(ARGV[8]), tonumber(ARGV[8]))
	outbox = upto(KEYS[4], real, limit)
end
local r = redis.call('ZRANGE', KEYS[4], '(' .. string.format('%d', real), '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
if r[2] and state == 'run' then
	next_real = tonumber(r[2])
end
return {state, points, due, outbox, unknown, next_wall, next_real, waiting, late}
