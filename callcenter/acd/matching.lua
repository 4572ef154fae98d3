#!lua name=@LIBRARY@
-- Who answers whom, decided in one atomic step. Loaded by matching.py, which puts the library's name in: it
-- holds a hash of this file, so workers of two versions can run side by side, each with its own.
--
-- Keys (standalone Redis; built here, all below one prefix):
--   agent:N    hash   mode (what the agent wants: ready, paused, offline), reason, reachable, activity (what goes on:
--                     ringing, talking, wrapup or empty), call, offer, resting, state (what all that amounts to), since, idle_since
--   serves:N   hash   queue -> penalty
--   waiting:Q  zset   call -> order (ms; lower is sooner)
--   idle:Q     zset   agent -> penalty * PENALTY + idle_since: who of Q may be offered a call this very moment
--   call:C     hash   queue, order, since, offer, agent
--   offers     count  of all offers so far: their ids never repeat
--   weight     hash   queue -> weight (higher is served first)
--
-- Invariants: an agent has at most one offer or conversation; a waiting call and an agent idle for its queue never
-- exist together when a function ends; a call is in waiting:Q or under offer, never both.

local PREFIX = 'cc:acd:'
local PENALTY = 1e13

local function agent_key(number) return PREFIX .. 'agent:' .. number end
local function serves_key(number) return PREFIX .. 'serves:' .. number end
local function call_key(call) return PREFIX .. 'call:' .. call end
local function waiting_key(queue) return PREFIX .. 'waiting:' .. queue end
local function idle_key(queue) return PREFIX .. 'idle:' .. queue end

local function read_hash(key)
  local flat, hash = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do hash[flat[i]] = flat[i + 1] end
  return hash
end

local function new_outcome() return { offers = {}, changes = {}, notes = {} } end

local function effective(agent)
  if agent.activity ~= nil and agent.activity ~= '' then return agent.activity end
  local mode = agent.mode or 'offline'
  if mode == 'offline' then return mode end
  if agent.reachable ~= '1' then return 'unreachable' end
  return mode
end

-- Bring what follows from an agent's facts in line with them; tell when the state has changed.
local function settle(number, now, by, out)
  local key = agent_key(number)
  local agent = read_hash(key)
  local state = effective(agent)
  local serves = redis.call('HGETALL', serves_key(number))
  local free = state == 'ready' and agent.resting ~= '1'
  for i = 1, #serves, 2 do
    if free then
      redis.call('ZADD', idle_key(serves[i]), tonumber(serves[i + 1]) * PENALTY + tonumber(agent.idle_since or now), number)
    else
      redis.call('ZREM', idle_key(serves[i]), number)
    end
  end
  if state ~= agent.state or (agent.told_reason or '') ~= (agent.reason or '') then
    redis.call('HSET', key, 'state', state, 'since', now, 'told_reason', agent.reason or '')
    out.changes[#out.changes + 1] = cjson.encode({
      agent = number, state = state, reason = agent.reason or '', since_ms = now, by = by, call = agent.call or '', mode = agent.mode or 'offline',
      reachable = agent.reachable == '1',
    })
  end
  return free
end

local function seconds(ms) return string.format('%.1f s', ms / 1000) end

local function offer(call, queue, number, now, out)
  local rivals = redis.call('ZCARD', idle_key(queue))
  local idle_since = tonumber(redis.call('HGET', agent_key(number), 'idle_since') or now)
  local penalty = redis.call('HGET', serves_key(number), queue)
  local id = call .. '/' .. redis.call('INCR', PREFIX .. 'offers')
  redis.call('ZREM', waiting_key(queue), call)
  redis.call('HSET', call_key(call), 'offer', id, 'agent', number)
  redis.call('HSET', agent_key(number), 'activity', 'ringing', 'call', call, 'offer', id, 'reason', '')
  settle(number, now, 'system', out)
  out.offers[#out.offers + 1] = cjson.encode({
    id = id, call = call, queue = queue, agent = number,
    because = {
      'longest idle of ' .. rivals .. ' free: ' .. seconds(now - idle_since),
      'penalty ' .. penalty,
      'caller waited ' .. seconds(now - tonumber(redis.call('HGET', call_key(call), 'since') or now)),
    },
  })
end

local function match_queue(queue, now, out)
  while true do
    local call = redis.call('ZRANGE', waiting_key(queue), 0, 0)[1]
    local number = call and redis.call('ZRANGE', idle_key(queue), 0, 0)[1]
    if not number then return end
    offer(call, queue, number, now, out)
  end
end

-- The agent's queue with the highest weight, and among equals the caller who came first.
local function match_agent(number, now, out)
  local serves = redis.call('HKEYS', serves_key(number))
  local best, best_weight, best_order
  for _, queue in ipairs(serves) do
    local head = redis.call('ZRANGE', waiting_key(queue), 0, 0, 'WITHSCORES')
    if head[1] then
      local weight = tonumber(redis.call('HGET', PREFIX .. 'weight', queue) or 0)
      local order = tonumber(head[2])
      if best == nil or weight > best_weight or (weight == best_weight and order < best_order) then
        best, best_weight, best_order = { queue = queue, call = head[1] }, weight, order
      end
    end
  end
  if best then offer(best.call, best.queue, number, now, out) end
end

local function settle_and_match(number, now, by, out)
  if settle(number, now, by, out) then match_agent(number, now, out) end
end

local ops = {}

-- A caller begins to wait (again: after a crash, with the order and since kept).
function ops.enqueue(a, now, out)
  local old = read_hash(call_key(a.call))
  if old.queue and old.queue ~= a.queue then redis.call('ZREM', waiting_key(old.queue), a.call) end
  if old.offer and old.queue == a.queue and redis.call('HGET', agent_key(old.agent), 'offer') == old.offer then
    -- Asked again because the answer was lost: the offer stands.
    out.offers[1] = cjson.encode({ id = old.offer, call = a.call, queue = a.queue, agent = old.agent, because = { 'offered before' } })
    return
  end
  redis.call('HSET', call_key(a.call), 'queue', a.queue, 'order', a.order, 'since', a.since)
  redis.call('HDEL', call_key(a.call), 'offer', 'agent')
  redis.call('ZADD', waiting_key(a.queue), a.order, a.call)
  match_queue(a.queue, now, out)
end

-- A caller no longer waits; an offer that is out ends by offer_end.
function ops.leave(a, now, out)
  local call = read_hash(call_key(a.call))
  if call.queue then redis.call('ZREM', waiting_key(call.queue), a.call) end
  if not call.offer then redis.call('DEL', call_key(a.call)) end
end

-- The one end of an offer. Anything but the offer that stands is stale and changes nothing.
function ops.offer_end(a, now, out)
  local agent = read_hash(agent_key(a.agent))
  if agent.offer ~= a.offer then
    out.notes[1] = cjson.encode('stale')
    return
  end
  local call = read_hash(call_key(a.call))
  redis.call('HDEL', agent_key(a.agent), 'offer')
  redis.call('HDEL', call_key(a.call), 'offer', 'agent')
  if a['end'] == 'answered' then
    redis.call('HSET', agent_key(a.agent), 'activity', 'talking')
    redis.call('DEL', call_key(a.call))
    settle(a.agent, now, 'system', out)
    return
  end
  redis.call('HSET', agent_key(a.agent), 'activity', '', 'call', '', 'idle_since', a.keep_place and agent.idle_since or now,
    'resting', a.rest and '1' or '0')
  if a['end'] == 'unreachable' then redis.call('HSET', agent_key(a.agent), 'reachable', '0') end
  if a['end'] == 'caller_gone' or not call.queue then
    redis.call('DEL', call_key(a.call))
  else
    redis.call('ZADD', waiting_key(call.queue), call.order, a.call)
  end
  settle_and_match(a.agent, now, 'system', out)
  if call.queue then match_queue(call.queue, now, out) end
end

function ops.set_mode(a, now, out)
  local agent = read_hash(agent_key(a.agent))
  redis.call('HSET', agent_key(a.agent), 'mode', a.mode, 'reason', a.reason or '', 'resting', '0')
  if a.mode == 'ready' and agent.mode ~= 'ready' then redis.call('HSET', agent_key(a.agent), 'idle_since', now) end
  if agent.activity == 'wrapup' and a.end_wrapup then
    redis.call('HSET', agent_key(a.agent), 'activity', '', 'call', '', 'idle_since', now)
    out.notes[1] = cjson.encode('wrapup_ended')
  end
  settle_and_match(a.agent, now, a.by or '', out)
end

function ops.set_reachable(a, now, out)
  redis.call('HSET', agent_key(a.agent), 'reachable', a.reachable and '1' or '0')
  settle_and_match(a.agent, now, 'phone', out)
end

function ops.rest_over(a, now, out)
  redis.call('HSET', agent_key(a.agent), 'resting', '0')
  settle_and_match(a.agent, now, 'system', out)
end

-- The agent rings or talks outside any queue, or goes on talking after a crash. Refused while another call has them.
function ops.busy(a, now, out)
  local agent = read_hash(agent_key(a.agent))
  local activity = agent.activity or ''
  if (activity == 'ringing' or activity == 'talking') and agent.call ~= a.call then
    out.notes[1] = cjson.encode('stale')
    return
  end
  redis.call('HSET', agent_key(a.agent), 'activity', a.activity, 'call', a.call)
  redis.call('HDEL', agent_key(a.agent), 'offer')
  settle(a.agent, now, 'system', out)
end

-- The conversation is over; another call's end changes nothing.
function ops.call_over(a, now, out)
  local agent = read_hash(agent_key(a.agent))
  if agent.call ~= a.call or agent.activity == 'wrapup' then
    out.notes[1] = cjson.encode('stale')
    return
  end
  if a.wrap_up_ms > 0 and agent.mode ~= 'offline' then
    redis.call('HSET', agent_key(a.agent), 'activity', 'wrapup', 'wrapup_until', now + a.wrap_up_ms)
  else
    redis.call('HSET', agent_key(a.agent), 'activity', '', 'call', '', 'idle_since', now)
  end
  settle_and_match(a.agent, now, 'system', out)
end

function ops.wrapup_over(a, now, out)
  local agent = read_hash(agent_key(a.agent))
  if agent.activity ~= 'wrapup' or agent.call ~= a.call then
    out.notes[1] = cjson.encode('stale')
    return
  end
  redis.call('HSET', agent_key(a.agent), 'activity', '', 'call', '', 'idle_since', now)
  settle_and_match(a.agent, now, 'system', out)
end

-- What is set up: agents with their queues, queues with their weights. Nobody's call is disturbed.
function ops.configure(a, now, out)
  local keep = {}
  for _, number in ipairs(a.agents) do keep[number] = true end
  for _, number in ipairs(redis.call('SMEMBERS', PREFIX .. 'agents')) do
    local serves = redis.call('HKEYS', serves_key(number))
    for _, queue in ipairs(serves) do redis.call('ZREM', idle_key(queue), number) end
    redis.call('DEL', serves_key(number))
    if not keep[number] then
      redis.call('DEL', agent_key(number))
      redis.call('SREM', PREFIX .. 'agents', number)
    end
  end
  redis.call('DEL', PREFIX .. 'weight')
  for _, queue in ipairs(a.queues) do redis.call('HSET', PREFIX .. 'weight', queue.name, queue.weight) end
  for _, member in ipairs(a.members) do redis.call('HSET', serves_key(member.agent), member.queue, member.penalty) end
  for _, number in ipairs(a.agents) do
    redis.call('SADD', PREFIX .. 'agents', number)
    settle_and_match(number, now, 'system', out)
  end
  for _, queue in ipairs(a.queues) do match_queue(queue.name, now, out) end
end

redis.register_function('@LIBRARY@', function(keys, args)
  local out = new_outcome()
  ops[args[1]](cjson.decode(args[3]), tonumber(args[2]), out)
  return '{"offers":[' .. table.concat(out.offers, ',') .. '],"changes":[' .. table.concat(out.changes, ',')
    .. '],"notes":[' .. table.concat(out.notes, ',') .. ']}'
end)
