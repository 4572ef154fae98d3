#!lua name=@LIBRARY@
-- Who answers whom, decided in one atomic step. Loaded by matching.py, which puts the library's name in: it
-- holds a hash of this file, so workers of two versions can run side by side, each with its own.
--
-- Everything is time: a caller's ORDER is the moment since which they wait, less the head start of their queue and
-- of their priority. The lowest order is served first, whatever the queue. Whoever waits grows older like everybody
-- else, so nobody can be overtaken by callers who come later than their head start: starvation is impossible.
--
-- A CLASS is a set of callers whom the same agents may answer: a queue, the skills needed, the highest penalty
-- allowed, or one preferred agent. Callers move from class to class as their rings widen.
--
-- Keys (standalone Redis; built here, all below one prefix):
--   agent:N    hash   mode (what the agent wants: ready, paused, offline), reason, until (of a pause or wrap-up, ms), reachable,
--                     activity (what goes on: ringing, talking, wrapup or empty), call, offer, resting, misses,
--                     state (what all that amounts to), since, idle_since, idle_member (the agent's name in idle:K while free)
--   serves:N   hash   queue -> 'penalty weight position'
--   levels:N   hash   skill -> level
--   tally:N    hash   calls, talk_ms, turn:Q, pass:Q: since the agent signed on
--   may:N      set    classes whose callers the agent may answer
--   queue:Q    hash   strategy, most, widen_ms, head_ms, step_ms, auto_pause, turns
--   members:Q  set    agents;  classes:Q  set  classes
--   class:K    hash   queue, need (JSON skill -> level), most_penalty, agent
--   idle:K     zset   'idle_since/agent' -> penalty * PENALTY + what the strategy counts: who may be offered a call this very moment
--   waiting:K  zset   call -> order;  open:K  zset  call -> order: ringing already, but wants more phones
--   line:Q     zset   call -> order: all who wait or for whom phones ring
--   call:C     hash   queue, order, since, entered, priority, class, step, steps (JSON), home (the worker that has the call), number
--   ring:C     hash   offer -> agent
--   back:Q:T   string since when the caller with telephone number T had waited who went away
--   kept       zset   'Q:T' -> ms until when that place is kept
--   due        zset   'what:whom' -> ms: what has to happen by itself
--   mail:W     list   offers for calls of worker W that another worker's step made
--   offers     count  of all offers so far, from the moment of the first set-up on: their ids never repeat
--   configured string there once set up: without it Redis has forgotten everything, and says so
--   agents, queues  sets of names;  clock  hash  boot, offset: by which a set clock is recognised
--
-- Invariants, true whenever a function ends (tests/acd names them alike):
--   one_call       an agent has at most one offer or conversation
--   one_end        an offer ends once; its second end is stale and changes nothing
--   no_pair        a waiting call and an agent free for its class never stand side by side
--   no_loss        a call is waiting or ringing until it is answered or leaves, never both, never neither
--   in_order       an agent gets the lowest order of all that they may answer

local PREFIX = 'cc:acd2:'
local PENALTY = 2 ^ 36
local STRIDE = 10000
local DUE_AT_ONCE = 100
local EXPLAINED = 40
local MAIL_KEPT_S = 3600
local CLOCK_STEP_MS = 1000
local FORGOTTEN_AT_ONCE = 2

local DUE = PREFIX .. 'due'
local KEPT = PREFIX .. 'kept'
local function key(kind, name) return PREFIX .. kind .. ':' .. name end

local function read_hash(name)
  local flat, hash = redis.call('HGETALL', name), {}
  for i = 1, #flat, 2 do hash[flat[i]] = flat[i + 1] end
  return hash
end

local function new_outcome() return { offers = {}, changes = {}, ended = {}, wrapups = {}, notes = {} } end

local function note(out, word) out.notes[#out.notes + 1] = cjson.encode(word) end

-- Agents

local function effective(agent)
  if agent.activity ~= nil and agent.activity ~= '' then return agent.activity end
  local mode = agent.mode or 'offline'
  if mode == 'offline' then return mode end
  if agent.reachable ~= '1' then return 'unreachable' end
  return mode
end

local function membership(number, queue)
  local packed = redis.call('HGET', key('serves', number), queue)
  if not packed then return nil end
  local penalty, weight, position = packed:match('^(%d+) (%d+) (%d+)$')
  return { penalty = tonumber(penalty), weight = tonumber(weight), position = tonumber(position) }
end

-- What the strategy counts: the agent with the least is asked first; among equals the longest idle, then the lowest number.
local COUNTS = {
  longest_idle = function() return 0 end,
  fewest_calls = function(tally) return tonumber(tally.calls or 0) end,
  least_talk = function(tally) return tonumber(tally.talk_ms or 0) end,
  round_robin = function(tally, queue) return tonumber(tally['turn:' .. queue] or 0) end,
  linear = function(_, _, member) return member.position end,
  random = function() return 0 end,
  weighted = function(tally, queue) return tonumber(tally['pass:' .. queue] or 0) end,
  ring_all = function() return 0 end,
  ring_progressive = function() return 0 end,
}

local function queue_of(class) return class:match('^[^|]+') end

local function unlist(number, agent)
  if (agent.idle_member or '') == '' then return end
  for _, class in ipairs(redis.call('SMEMBERS', key('may', number))) do redis.call('ZREM', key('idle', class), agent.idle_member) end
  redis.call('HSET', key('agent', number), 'idle_member', '')
end

local function list_free(number, agent, now)
  local name = string.format('%015d/%s', tonumber(agent.idle_since or now), number)
  local tally, scores = read_hash(key('tally', number)), {}
  for _, class in ipairs(redis.call('SMEMBERS', key('may', number))) do
    local queue = queue_of(class)
    if not scores[queue] then
      local member = membership(number, queue)
      local strategy = redis.call('HGET', key('queue', queue), 'strategy')
      scores[queue] = member.penalty * PENALTY + COUNTS[strategy](tally, queue, member)
    end
    redis.call('ZADD', key('idle', class), scores[queue], name)
  end
  redis.call('HSET', key('agent', number), 'idle_member', name)
end

local function tell(number, agent, out, fresh)
  out.changes[#out.changes + 1] = cjson.encode({
    agent = number, state = agent.state, reason = agent.reason or '', since_ms = tonumber(agent.since or 0), by = agent.by or '', call = agent.call or '',
    mode = agent.mode or 'offline', reachable = agent.reachable == '1', until_ms = tonumber(agent['until'] or 0), fresh = fresh,
    revision = redis.call('HINCRBY', key('agent', number), 'revision', 1),
  })
end

-- Bring what follows from an agent's facts in line with them; tell when the state has changed. Returns whether the agent is free.
local function settle(number, now, by, out)
  local agent = read_hash(key('agent', number))
  local state = effective(agent)
  local free = state == 'ready' and agent.resting ~= '1'
  if not free then
    unlist(number, agent)
  elseif (agent.idle_member or '') == '' then
    list_free(number, agent, now)
  end
  if state ~= agent.state or (agent.told_reason or '') ~= (agent.reason or '') then
    if state == 'paused' then
      local limit = tonumber(agent.pause_ms or 0)
      agent['until'] = limit > 0 and now + limit or 0
      if limit > 0 and agent.pause_ends == '1' then redis.call('ZADD', DUE, agent['until'], 'pause:' .. number) end
    elseif state ~= 'wrapup' then
      agent['until'] = 0
    end
    redis.call('HSET', key('agent', number), 'state', state, 'since', now, 'told_reason', agent.reason or '', 'until', agent['until'] or 0)
    agent.state, agent.since, agent.by = state, now, by
    tell(number, agent, out, true)
  end
  return free
end

-- Put an agent's free time to an end that counts: nothing goes on any more.
local function clear(number, now, idle_since)
  redis.call('HSET', key('agent', number), 'activity', '', 'call', '', 'idle_since', idle_since or now)
  redis.call('HDEL', key('agent', number), 'offer')
end

-- Classes

local function lacks(number, need)
  for skill, level in pairs(need) do
    local has = tonumber(redis.call('HGET', key('levels', number), skill) or 0)
    if has < level then return skill .. ' ' .. has .. ' < ' .. level end
  end
end

local function ruled_out_of(class, number)
  if (class.agent or '') ~= '' and class.agent ~= number then return 'preferred agent ' .. class.agent .. ' first' end
  local member = membership(number, class.queue)
  if not member then return 'serves another queue' end
  if class.most_penalty ~= '' and member.penalty > tonumber(class.most_penalty) then
    return 'penalty ' .. member.penalty .. ' > ' .. class.most_penalty
  end
  local short = lacks(number, cjson.decode(class.need))
  return short and ('skill ' .. short)
end

local function link(number, name, class)
  if ruled_out_of(class, number) == nil then redis.call('SADD', key('may', number), name) end
end

-- A class is made when its first caller comes; agents who are free at that moment are listed in it.
local function need_class(step, queue, now)
  local name = step.class
  if redis.call('EXISTS', key('class', name)) == 1 then return end
  local class = { queue = queue, need = step.need or '{}', most_penalty = tostring(step.most_penalty or ''), agent = step.agent or '' }
  redis.call('HSET', key('class', name), 'queue', queue, 'need', class.need, 'most_penalty', class.most_penalty, 'agent', class.agent)
  redis.call('SADD', key('classes', queue), name)
  for _, number in ipairs(redis.call('SMEMBERS', key('members', queue))) do
    if ruled_out_of(class, number) == nil then
      local agent = read_hash(key('agent', number))
      unlist(number, agent)
      redis.call('SADD', key('may', number), name)
      if effective(agent) == 'ready' and agent.resting ~= '1' then list_free(number, agent, now) end
    end
  end
end

-- Explaining

local function seconds(ms) return string.format('%.1f s', ms / 1000) end

local STANDS_OUT = { offline = 1, paused = 1, unreachable = 1, ringing = 1, talking = 1, wrapup = 1 }

local function verdict(number, class, chosen)
  if number == chosen then return 'chosen' end
  local agent = read_hash(key('agent', number))
  local state = agent.state or 'offline'
  if STANDS_OUT[state] then return (agent.reason or '') ~= '' and state .. ' (' .. agent.reason .. ')' or state end
  if agent.resting == '1' then return 'resting after a missed call' end
  return ruled_out_of(class, number) or 'free, but asked later'
end

local function considered(class_name, chosen)
  local class, found = read_hash(key('class', class_name)), {}
  if not class.queue then return found end
  if redis.call('SCARD', key('members', class.queue)) > EXPLAINED then return found end
  local members = redis.call('SMEMBERS', key('members', class.queue))
  table.sort(members)
  for _, number in ipairs(members) do found[#found + 1] = { agent = number, verdict = verdict(number, class, chosen) } end
  return found
end

local WORDS = {
  longest_idle = 'longest idle', fewest_calls = 'fewest calls', least_talk = 'least talk time', round_robin = 'next in turn', linear = 'first in the list',
  random = 'drawn', weighted = 'furthest behind their share', ring_all = 'all who are free', ring_progressive = 'longest idle, others follow',
}

local function because(call, class, number, agent, strategy, rivals, now)
  local member = membership(number, queue_of(class))
  local reasons = {
    WORDS[strategy] .. ' of ' .. rivals .. ' free: idle ' .. seconds(now - tonumber(agent.idle_since or now)),
    'penalty ' .. member.penalty,
    'caller waited ' .. seconds(now - tonumber(call.since)),
  }
  local head = tonumber(call.since) - tonumber(call.order)
  if head ~= 0 then reasons[#reasons + 1] = 'head start ' .. seconds(head) end
  if class ~= queue_of(class) then reasons[#reasons + 1] = 'asked for: ' .. class:sub(#queue_of(class) + 2) end
  if tonumber(call.step) > 1 then reasons[#reasons + 1] = 'ring ' .. call.step end
  return reasons
end

-- Offers

local function schedule(what, whom, at) redis.call('ZADD', DUE, at, what .. ':' .. whom) end
local function unschedule(what, whom) redis.call('ZREM', DUE, what .. ':' .. whom) end

local function offer(name, number, now, out, worker)
  local call = read_hash(key('call', name))
  local class, queue = call.class, call.queue
  local facts = redis.call('HMGET', key('queue', queue), 'strategy', 'most', 'widen_ms')
  local strategy = facts[1]
  local agent = read_hash(key('agent', number))
  local rivals = redis.call('ZCARD', key('idle', class))
  local found = considered(class, number)
  local id = name .. '/' .. redis.call('INCR', PREFIX .. 'offers')
  redis.call('ZREM', key('waiting', class), name)
  redis.call('HSET', key('ring', name), id, number)
  redis.call('HSET', key('agent', number), 'activity', 'ringing', 'call', name, 'offer', id, 'reason', '')
  local turns = redis.call('HINCRBY', key('queue', queue), 'turns', 1)
  redis.call('HSET', key('tally', number), 'turn:' .. queue, turns)
  settle(number, now, 'system', out)
  local wants_more = strategy == 'ring_all' and redis.call('HLEN', key('ring', name)) < tonumber(facts[2])
  if wants_more then
    redis.call('ZADD', key('open', class), call.order, name)
  else
    redis.call('ZREM', key('open', class), name)
  end
  if strategy == 'ring_progressive' then schedule('widen', name, now + tonumber(facts[3])) end
  local told = cjson.encode({
    id = id, call = name, queue = queue, agent = number, made_ms = now, because = because(call, class, number, agent, strategy, rivals, now),
  })
  if #found > 0 then told = told:sub(1, -2) .. ',"considered":' .. cjson.encode(found) .. '}' end
  if (call.home or '') == worker then
    out.offers[#out.offers + 1] = told
  else
    redis.call('RPUSH', key('mail', call.home or ''), told)
    redis.call('EXPIRE', key('mail', call.home or ''), MAIL_KEPT_S)
  end
end

local function number_of(member) return member and member:match('/(.*)$') end

local function draw(class, salt)
  local first = redis.call('ZRANGE', key('idle', class), 0, 0, 'WITHSCORES')
  if not first[1] then return nil end
  local count = redis.call('ZCOUNT', key('idle', class), first[2], first[2])
  local index = tonumber(redis.sha1hex(salt):sub(1, 8), 16) % count
  return redis.call('ZRANGE', key('idle', class), index, index)[1]
end

local function choose(class, strategy, name)
  if strategy == 'random' then return number_of(draw(class, name .. (redis.call('GET', PREFIX .. 'offers') or ''))) end
  return number_of(redis.call('ZRANGE', key('idle', class), 0, 0)[1])
end

-- The agents for one caller, who may be waiting or want more phones.
local function match_call(name, now, out, worker)
  local class, queue = unpack(redis.call('HMGET', key('call', name), 'class', 'queue'))
  if not class then return end
  local strategy, most = unpack(redis.call('HMGET', key('queue', queue), 'strategy', 'most'))
  local phones = strategy == 'ring_all' and tonumber(most) - redis.call('HLEN', key('ring', name)) or 1
  for _ = 1, phones do
    local number = choose(class, strategy, name)
    if not number then return end
    offer(name, number, now, out, worker)
  end
end

local function head_of(kind, number)
  local best, best_order
  for _, class in ipairs(redis.call('SMEMBERS', key('may', number))) do
    local head = redis.call('ZRANGE', key(kind, class), 0, 0, 'WITHSCORES')
    local order = tonumber(head[2])
    if order and (best == nil or order < best_order or (order == best_order and head[1] < best)) then
      best, best_order = head[1], order
    end
  end
  return best
end

-- The caller for one free agent: the lowest order of all whom they may answer; whoever wants more phones comes after whoever has none.
local function match_agent(number, now, out, worker)
  local call = head_of('waiting', number) or head_of('open', number)
  if call then offer(call, number, now, out, worker) end
end

local function settle_and_match(number, now, by, out, worker)
  if settle(number, now, by, out) then match_agent(number, now, out, worker) end
end

-- Callers

local function order_of(call)
  local head_ms, step_ms = unpack(redis.call('HMGET', key('queue', call.queue), 'head_ms', 'step_ms'))
  return tonumber(call.since) - tonumber(head_ms or 0) - tonumber(call.priority or 0) * tonumber(step_ms or 0)
end

local function set_order(name, call)
  local order = order_of(call)
  redis.call('HSET', key('call', name), 'order', order)
  redis.call('ZADD', key('line', call.queue), order, name)
  for _, kind in ipairs({ 'waiting', 'open' }) do
    if redis.call('ZSCORE', key(kind, call.class), name) then redis.call('ZADD', key(kind, call.class), order, name) end
  end
end

-- A preferred agent who is not at work is not waited for.
local function worth_waiting_for(step, queue)
  if (step.agent or '') == '' then return true end
  local state = redis.call('HGET', key('agent', step.agent), 'state') or 'offline'
  return state ~= 'offline' and state ~= 'paused' and state ~= 'unreachable' and membership(step.agent, queue) ~= nil
end

local function find_step(steps, queue, entered, now)
  local found = 1
  for index, step in ipairs(steps) do
    if index == 1 or entered + step.after_ms <= now or not worth_waiting_for(steps[index - 1], queue) then found = index else break end
  end
  return found
end

-- Put a caller into the class of the moment, to wait there or to go on ringing, and arrange for the next one.
local function place(name, now)
  local call = read_hash(key('call', name))
  local steps = cjson.decode(call.steps)
  local index = find_step(steps, call.queue, tonumber(call.entered), now)
  local step, class = steps[index], steps[index].class
  if (call.class or '') ~= '' and call.class ~= class then
    redis.call('ZREM', key('waiting', call.class), name)
    if redis.call('ZREM', key('open', call.class), name) == 1 then redis.call('ZADD', key('open', class), call.order, name) end
  end
  need_class(step, call.queue, now)
  redis.call('HSET', key('call', name), 'class', class, 'step', index)
  if redis.call('EXISTS', key('ring', name)) == 0 then redis.call('ZADD', key('waiting', class), call.order, name) end
  local following = steps[index + 1]
  if following then schedule('relax', name, tonumber(call.entered) + following.after_ms) else unschedule('relax', name) end
end

local function forget_call(name, call)
  if call.queue then
    redis.call('ZREM', key('line', call.queue), name)
    redis.call('ZREM', key('waiting', call.class), name)
    redis.call('ZREM', key('open', call.class), name)
  end
  unschedule('relax', name)
  unschedule('widen', name)
  redis.call('DEL', key('call', name), key('ring', name))
end

-- The call is over for the ACD; offers still out end with it: answered elsewhere, or the caller is gone. Returns the agents
-- who are free by that: whoever may wait for them must be in place before they are matched.
local function finish(name, call, how, now, out)
  local flat, freed = redis.call('HGETALL', key('ring', name)), {}
  forget_call(name, call)
  for i = 1, #flat, 2 do
    local id, number = flat[i], flat[i + 1]
    if redis.call('HGET', key('agent', number), 'offer') == id then
      out.ended[#out.ended + 1] = cjson.encode({ id = id, call = name, agent = number, ['end'] = how })
      clear(number, now, redis.call('HGET', key('agent', number), 'idle_since'))
      freed[#freed + 1] = number
    end
  end
  return freed
end

local function match_freed(freed, now, out, worker)
  for _, number in ipairs(freed) do settle_and_match(number, now, 'system', out, worker) end
end

local function match_if_waiting(name, now, out, worker)
  local class = redis.call('HGET', key('call', name), 'class')
  if class and redis.call('ZSCORE', key('waiting', class), name) then match_call(name, now, out, worker) end
end

-- What happens by itself

local function wrapup_ended(number, agent, now, out)
  out.wrapups[#out.wrapups + 1] = cjson.encode({ agent = number, call = agent.call or '', since_ms = tonumber(agent.since or now) })
end

local happens = {}

function happens.widen(name, now, out, worker)
  local class, order = unpack(redis.call('HMGET', key('call', name), 'class', 'order'))
  if not class or redis.call('EXISTS', key('ring', name)) == 0 then return end
  redis.call('ZADD', key('open', class), order, name)
  match_call(name, now, out, worker)
end

function happens.rest(number, now, out, worker)
  redis.call('HSET', key('agent', number), 'resting', '0')
  settle_and_match(number, now, 'system', out, worker)
end

function happens.wrapup(number, now, out, worker)
  local agent = read_hash(key('agent', number))
  if agent.activity ~= 'wrapup' then return end
  wrapup_ended(number, agent, now, out)
  clear(number, now)
  settle_and_match(number, now, 'system', out, worker)
end

function happens.pause(number, now, out, worker)
  if redis.call('HGET', key('agent', number), 'mode') ~= 'paused' then return end
  redis.call('HSET', key('agent', number), 'mode', 'ready', 'reason', '', 'idle_since', now)
  settle_and_match(number, now, 'system', out, worker)
end

-- Callers whose rings widen change their class before anything is matched, and are matched in their order after everything else.
local function widen_rings(names, now, out, worker)
  table.sort(names, function(one, other) return one.order < other.order end)
  for _, caller in ipairs(names) do
    local class, queue = unpack(redis.call('HMGET', key('call', caller.name), 'class', 'queue'))
    if class and (redis.call('ZSCORE', key('waiting', class), caller.name) or redis.call('HGET', key('queue', queue), 'strategy') == 'ring_all') then
      match_call(caller.name, now, out, worker)
    end
  end
end

local function run_due(now, out, worker)
  local others, callers = {}, {}
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)) do
    redis.call('ZREM', DUE, entry)
    local what, whom = entry:match('^(%a+):(.*)$')
    if what ~= 'relax' then
      others[#others + 1] = { what = what, whom = whom }
    elseif redis.call('EXISTS', key('call', whom)) == 1 then
      place(whom, now)
      callers[#callers + 1] = { name = whom, order = tonumber(redis.call('HGET', key('call', whom), 'order')) }
    end
  end
  for _, entry in ipairs(others) do happens[entry.what](entry.whom, now, out, worker) end
  widen_rings(callers, now, out, worker)
end

-- Somebody set the machine's clock: every moment that is kept moves with it. offset: wall clock less monotonic clock, ms, as the
-- worker sees it on the boot of that name; on another boot the offset means nothing.
local function follow_clock(now, boot, offset)
  local known_boot, known = unpack(redis.call('HMGET', PREFIX .. 'clock', 'boot', 'offset'))
  local by = known_boot == boot and offset - tonumber(known) or 0
  if known_boot == boot and math.abs(by) < CLOCK_STEP_MS then return end
  redis.call('HSET', PREFIX .. 'clock', 'boot', boot, 'offset', offset)
  if by == 0 then return end
  for _, number in ipairs(redis.call('SMEMBERS', PREFIX .. 'agents')) do
    local agent = read_hash(key('agent', number))
    unlist(number, agent)
    for _, field in ipairs({ 'since', 'until', 'idle_since' }) do
      local moment = tonumber(agent[field] or 0)
      if moment > 0 then redis.call('HSET', key('agent', number), field, moment + by) end
    end
    agent = read_hash(key('agent', number))
    if effective(agent) == 'ready' and agent.resting ~= '1' then list_free(number, agent, now) end
  end
  for _, queue in ipairs(redis.call('SMEMBERS', PREFIX .. 'queues')) do
    for _, name in ipairs(redis.call('ZRANGE', key('line', queue), 0, -1)) do
      local call = read_hash(key('call', name))
      call.since = tonumber(call.since) + by
      redis.call('HSET', key('call', name), 'since', call.since, 'entered', tonumber(call.entered) + by)
      set_order(name, call)
    end
  end
  local due = redis.call('ZRANGE', DUE, 0, -1, 'WITHSCORES')
  for i = 1, #due, 2 do redis.call('ZADD', DUE, tonumber(due[i + 1]) + by, due[i]) end
  local kept = redis.call('ZRANGE', KEPT, 0, -1, 'WITHSCORES')
  for i = 1, #kept, 2 do
    redis.call('ZADD', KEPT, tonumber(kept[i + 1]) + by, kept[i])
    local since = redis.call('GET', key('back', kept[i]))
    if since then redis.call('SET', key('back', kept[i]), string.format('%d', tonumber(since) + by)) end
  end
end

-- Places of callers who went away: kept for a while, by the time that is given like all else, and given back once.
local function keep_place(whose, since, till)
  redis.call('SET', key('back', whose), since)
  redis.call('ZADD', KEPT, till, whose)
end

local function place_back(whose, now)
  local since, till = redis.call('GETDEL', key('back', whose)), redis.call('ZSCORE', KEPT, whose)
  redis.call('ZREM', KEPT, whose)
  -- Without a moment it was kept by a version before this one, and expires by itself.
  if since and (not till or tonumber(till) > now) then return tonumber(since) end
end

-- Each step that may keep one place more forgets up to two: what is kept never grows beyond what may be given back.
local function forget_places(now)
  for _, whose in ipairs(redis.call('ZRANGEBYSCORE', KEPT, '-inf', now, 'LIMIT', 0, FORGOTTEN_AT_ONCE)) do
    redis.call('DEL', key('back', whose))
    redis.call('ZREM', KEPT, whose)
  end
end

local ops = {}

-- A caller begins to wait (again: after a crash, with since and entered kept).
function ops.enqueue(a, now, out, worker)
  local old = read_hash(key('call', a.call))
  if old.queue == a.queue and redis.call('EXISTS', key('ring', a.call)) == 1 then
    -- Asked again because the answer was lost, or by the worker that took the call over: the offers stand.
    redis.call('HSET', key('call', a.call), 'home', worker)
    local flat = redis.call('HGETALL', key('ring', a.call))
    for i = 1, #flat, 2 do
      out.offers[#out.offers + 1] = cjson.encode({ id = flat[i], call = a.call, queue = a.queue, agent = flat[i + 1], because = { 'offered before' } })
    end
    return
  end
  local freed = old.queue and finish(a.call, old, 'caller_gone', now, out) or {}
  local since = a.since
  if (a.number or '') ~= '' then
    local back = place_back(a.queue .. ':' .. a.number, now)
    if back and back < since then
      since = back
      note(out, 'place_back')
    end
  end
  -- Taken over by another worker: what a supervisor said meanwhile stands.
  local priority = old.queue == a.queue and tonumber(old.entered) == a.entered and tonumber(old.priority) or a.priority
  local call = { queue = a.queue, since = since, priority = priority }
  redis.call('HSET', key('call', a.call), 'queue', a.queue, 'since', since, 'entered', a.entered, 'priority', priority, 'class', '', 'step', 1,
    'order', order_of(call), 'steps', cjson.encode(a.steps), 'home', worker, 'number', a.number or '')
  redis.call('ZADD', key('line', a.queue), order_of(call), a.call)
  place(a.call, now)
  match_freed(freed, now, out, worker)
  match_if_waiting(a.call, now, out, worker)
end

-- A caller no longer waits; every offer that is out ends with it. keep_ms: how long the place is kept for the same number.
function ops.leave(a, now, out, worker)
  forget_places(now)
  local call = read_hash(key('call', a.call))
  if not call.queue then return end
  match_freed(finish(a.call, call, 'caller_gone', now, out), now, out, worker)
  if (a.keep_ms or 0) > 0 and (call.number or '') ~= '' then
    keep_place(call.queue .. ':' .. call.number, call.since, now + a.keep_ms)
  end
end

-- Another name takes the caller's place: somebody who is to be called back.
function ops.replace(a, now, out, worker)
  local call = read_hash(key('call', a.call))
  if not call.queue then
    note(out, 'stale')
    return
  end
  local freed = finish(a.call, call, 'caller_gone', now, out)
  call.home = worker
  for field, value in pairs(call) do redis.call('HSET', key('call', a.by), field, value) end
  redis.call('HSET', key('call', a.by), 'class', '')
  redis.call('ZADD', key('line', call.queue), call.order, a.by)
  place(a.by, now)
  match_freed(freed, now, out, worker)
  match_if_waiting(a.by, now, out, worker)
end

function ops.prioritise(a, now, out)
  local call = read_hash(key('call', a.call))
  if not call.queue then
    note(out, 'stale')
    return
  end
  call.priority = a.priority
  redis.call('HSET', key('call', a.call), 'priority', a.priority)
  set_order(a.call, call)
end

local function answered(a, agent, now, out, worker)
  local call = read_hash(key('call', a.call))
  redis.call('HSET', key('agent', a.agent), 'activity', 'talking', 'misses', 0)
  redis.call('HDEL', key('agent', a.agent), 'offer')
  settle(a.agent, now, 'system', out)
  redis.call('HINCRBY', key('tally', a.agent), 'calls', 1)
  local member = call.queue and membership(a.agent, call.queue)
  if member then redis.call('HINCRBY', key('tally', a.agent), 'pass:' .. call.queue, math.floor(STRIDE / math.max(member.weight, 1))) end
  match_freed(finish(a.call, call, 'elsewhere', now, out), now, out, worker)
end

local function missed(a, queue, now)
  local misses = redis.call('HINCRBY', key('agent', a.agent), 'misses', 1)
  local limit = tonumber(queue and redis.call('HGET', key('queue', queue), 'auto_pause') or 0)
  if limit > 0 and misses >= limit and redis.call('HGET', key('agent', a.agent), 'mode') == 'ready' then
    redis.call('HSET', key('agent', a.agent), 'mode', 'paused', 'reason', 'missed', 'misses', 0, 'pause_ms', 0)
  end
end

-- The one end of an offer. Anything but the offer that stands is stale and changes nothing.
function ops.offer_end(a, now, out, worker)
  local agent = read_hash(key('agent', a.agent))
  if agent.offer ~= a.offer then
    note(out, 'stale')
    return
  end
  redis.call('HDEL', key('ring', a.call), a.offer)
  if a['end'] == 'answered' then return answered(a, agent, now, out, worker) end
  local call = read_hash(key('call', a.call))
  clear(a.agent, now, a.keep_place and agent.idle_since or now)
  redis.call('HSET', key('agent', a.agent), 'resting', a.rest_ms > 0 and '1' or '0')
  if a.rest_ms > 0 then schedule('rest', a.agent, now + a.rest_ms) end
  if a.missed then missed(a, call.queue, now) end
  if a['end'] == 'unreachable' then redis.call('HSET', key('agent', a.agent), 'reachable', '0') end
  local again = call.queue and redis.call('EXISTS', key('ring', a.call)) == 0
  if again and a['end'] == 'caller_gone' then
    forget_call(a.call, call)
    again = false
  elseif again then
    redis.call('ZREM', key('open', call.class), a.call)
    unschedule('widen', a.call)
    place(a.call, now)
  end
  settle_and_match(a.agent, now, 'system', out, worker)
  if again then
    match_if_waiting(a.call, now, out, worker)
  elseif call.queue and redis.call('HGET', key('queue', call.queue), 'strategy') == 'ring_all' and redis.call('EXISTS', key('ring', a.call)) == 1 then
    redis.call('ZADD', key('open', call.class), call.order, a.call)
    match_call(a.call, now, out, worker)
  end
end

-- pause_ms: how long a pause may last, 0 without limit; ends: whether it is over by itself then.
function ops.set_mode(a, now, out, worker)
  local agent = read_hash(key('agent', a.agent))
  local name = key('agent', a.agent)
  if agent.activity == 'wrapup' and a.end_wrapup then
    wrapup_ended(a.agent, agent, now, out)
    unschedule('wrapup', a.agent)
    clear(a.agent, now)
    agent.activity = ''
  end
  if (agent.mode or 'offline') == 'offline' and a.mode ~= 'offline' then redis.call('DEL', key('tally', a.agent)) end
  redis.call('HSET', name, 'mode', a.mode, 'reason', a.reason or '', 'resting', '0', 'misses', 0)
  redis.call('HSET', name, 'pause_ms', a.pause_ms or 0, 'pause_ends', a.ends and '1' or '0')
  unschedule('rest', a.agent)
  unschedule('pause', a.agent)
  if a.mode == 'ready' and agent.mode ~= 'ready' then redis.call('HSET', name, 'idle_since', now) end
  settle_and_match(a.agent, now, a.by or '', out, worker)
end

function ops.set_reachable(a, now, out, worker)
  redis.call('HSET', key('agent', a.agent), 'reachable', a.reachable and '1' or '0')
  local told = #out.changes
  settle_and_match(a.agent, now, 'phone', out, worker)
  local agent = read_hash(key('agent', a.agent))
  if #out.changes == told and agent.state then tell(a.agent, agent, out, false) end
end

-- The agent rings or talks outside any queue, or goes on talking after a crash. Refused while another call has them.
function ops.busy(a, now, out)
  local agent = read_hash(key('agent', a.agent))
  local activity = agent.activity or ''
  if (activity == 'ringing' or activity == 'talking') and agent.call ~= a.call then
    note(out, 'stale')
    return
  end
  if activity == 'wrapup' then
    wrapup_ended(a.agent, agent, now, out)
    unschedule('wrapup', a.agent)
  end
  redis.call('HSET', key('agent', a.agent), 'activity', a.activity, 'call', a.call)
  redis.call('HDEL', key('agent', a.agent), 'offer')
  settle(a.agent, now, 'system', out)
end

-- The conversation is over; another call's end changes nothing.
function ops.call_over(a, now, out, worker)
  local agent = read_hash(key('agent', a.agent))
  if agent.call ~= a.call or agent.activity == 'wrapup' then
    note(out, 'stale')
    return
  end
  if agent.state == 'talking' then
    redis.call('HINCRBY', key('tally', a.agent), 'talk_ms', math.max(0, now - tonumber(agent.since or now)))
  end
  if a.wrap_up_ms > 0 and agent.mode ~= 'offline' then
    redis.call('HSET', key('agent', a.agent), 'activity', 'wrapup', 'until', now + a.wrap_up_ms)
    redis.call('HDEL', key('agent', a.agent), 'offer')
    schedule('wrapup', a.agent, now + a.wrap_up_ms)
  else
    clear(a.agent, now)
  end
  settle_and_match(a.agent, now, 'system', out, worker)
end

-- More time for the after-call work; stale when it is over.
function ops.extend_wrapup(a, now, out)
  local agent = read_hash(key('agent', a.agent))
  if agent.activity ~= 'wrapup' then
    note(out, 'stale')
    return
  end
  agent['until'] = tonumber(agent['until'] or now) + a.by_ms
  redis.call('HSET', key('agent', a.agent), 'until', agent['until'])
  schedule('wrapup', a.agent, agent['until'])
  tell(a.agent, agent, out, false)
end

-- What had to happen meanwhile happens in run_due, before every step.
function ops.tick() end

-- After a worker's start: what waits for a moment too far away (the clock was put back) waits no longer than it would have from now.
function ops.repair(a, now)
  local flat = redis.call('ZRANGE', DUE, 0, -1, 'WITHSCORES')
  for i = 1, #flat, 2 do
    local what = flat[i]:match('^%a+')
    local longest = a.longest_ms[what]
    if longest and tonumber(flat[i + 1]) > now + longest then redis.call('ZADD', DUE, now + longest, flat[i]) end
  end
end

-- Redis has forgotten everything: agents as the worker remembers them. Nothing of it is told; nobody is matched yet.
function ops.restore_agents(a, now)
  for _, agent in ipairs(a.agents) do
    redis.call('HSET', key('agent', agent.agent), 'mode', agent.mode, 'reason', agent.reason, 'told_reason', agent.reason, 'reachable',
      agent.reachable and '1' or '0', 'activity', agent.activity, 'call', agent.call, 'state', agent.state, 'since', agent.since_ms,
      'idle_since', agent.since_ms, 'until', agent.until_ms)
    if agent.activity == 'wrapup' then schedule('wrapup', agent.agent, agent.until_ms) end
  end
end

-- A caller for whom phones ring already, by offers that are to stand.
function ops.adopt(a, now, out, worker)
  for _, one in ipairs(a.offers) do
    redis.call('HSET', key('ring', a.call), one.id, one.agent)
    redis.call('HSET', key('agent', one.agent), 'activity', 'ringing', 'call', a.call, 'offer', one.id)
  end
  local call = { queue = a.queue, since = a.since, priority = a.priority }
  redis.call('HSET', key('call', a.call), 'queue', a.queue, 'since', a.since, 'entered', a.entered, 'priority', a.priority, 'class', '', 'step', 1,
    'order', order_of(call), 'steps', cjson.encode(a.steps), 'home', worker, 'number', a.number or '')
  redis.call('ZADD', key('line', a.queue), order_of(call), a.call)
  place(a.call, now)
end

-- What is set up: agents with their skills and queues, queues with their rules. Nobody's call is disturbed.
function ops.configure(a, now, out, worker)
  redis.call('SET', PREFIX .. 'offers', now, 'NX')
  redis.call('SET', PREFIX .. 'configured', '1')
  redis.call('DEL', PREFIX .. 'queues')
  for _, queue in ipairs(a.queues) do redis.call('SADD', PREFIX .. 'queues', queue.name) end
  local keep = {}
  for _, agent in ipairs(a.agents) do keep[agent.number] = true end
  for _, number in ipairs(redis.call('SMEMBERS', PREFIX .. 'agents')) do
    unlist(number, read_hash(key('agent', number)))
    redis.call('DEL', key('serves', number), key('levels', number), key('may', number))
    if not keep[number] then
      redis.call('DEL', key('agent', number), key('tally', number))
      redis.call('SREM', PREFIX .. 'agents', number)
    end
  end
  for _, queue in ipairs(a.queues) do
    redis.call('HSET', key('queue', queue.name), 'strategy', queue.strategy, 'most', queue.most, 'widen_ms', queue.widen_ms,
      'head_ms', queue.head_ms, 'step_ms', queue.step_ms, 'auto_pause', queue.auto_pause)
    redis.call('DEL', key('members', queue.name))
  end
  for _, agent in ipairs(a.agents) do
    redis.call('SADD', PREFIX .. 'agents', agent.number)
    for skill, level in pairs(agent.skills) do redis.call('HSET', key('levels', agent.number), skill, level) end
  end
  for _, member in ipairs(a.members) do
    redis.call('HSET', key('serves', member.agent), member.queue, member.penalty .. ' ' .. member.weight .. ' ' .. member.position)
    redis.call('SADD', key('members', member.queue), member.agent)
  end
  for _, queue in ipairs(a.queues) do
    for _, name in ipairs(redis.call('SMEMBERS', key('classes', queue.name))) do
      if redis.call('ZCARD', key('waiting', name)) + redis.call('ZCARD', key('open', name)) == 0 then
        redis.call('DEL', key('class', name), key('idle', name))
        redis.call('SREM', key('classes', queue.name), name)
      else
        local class = read_hash(key('class', name))
        for _, number in ipairs(redis.call('SMEMBERS', key('members', queue.name))) do link(number, name, class) end
      end
    end
    for _, name in ipairs(redis.call('ZRANGE', key('line', queue.name), 0, -1)) do set_order(name, read_hash(key('call', name))) end
  end
  for _, agent in ipairs(a.agents) do settle_and_match(agent.number, now, 'system', out, worker) end
end

local function run(keys, args)
  local out, now, worker = new_outcome(), tonumber(args[2]), args[3]
  if args[1] ~= 'configure' and redis.call('EXISTS', PREFIX .. 'configured') == 0 then return '{"notes":["forgotten"]}' end
  follow_clock(now, args[5], tonumber(args[6]))
  run_due(now, out, worker)
  ops[args[1]](cjson.decode(args[4]), now, out, worker)
  local due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
  return '{"offers":[' .. table.concat(out.offers, ',') .. '],"changes":[' .. table.concat(out.changes, ',')
    .. '],"ended":[' .. table.concat(out.ended, ',') .. '],"wrapups":[' .. table.concat(out.wrapups, ',')
    .. '],"notes":[' .. table.concat(out.notes, ',') .. '],"due_ms":' .. string.format('%d', tonumber(due) or 0) .. '}'
end

-- One waiting caller as they stand now: place in the line, class, next widening, and what rules each agent out.
local function explain(keys, args)
  local name = args[1]
  local call = read_hash(key('call', name))
  if not call.queue then return cjson.encode({ found = false }) end
  local class, agents = read_hash(key('class', call.class)), {}
  for _, number in ipairs(redis.call('SMEMBERS', key('members', call.queue))) do
    local ringing = redis.call('HGET', key('agent', number), 'call') == name
    agents[#agents + 1] = { agent = number, verdict = ringing and 'rings for this call' or verdict(number, class) }
  end
  table.sort(agents, function(one, other) return one.agent < other.agent end)
  local steps = cjson.decode(call.steps)
  local following = steps[tonumber(call.step) + 1]
  local ahead = redis.call('ZRANK', key('line', call.queue), name) or 0
  local told = {
    found = true, queue = call.queue, position = ahead + 1, class = call.class, since_ms = tonumber(call.since), priority = tonumber(call.priority),
    head_start_ms = tonumber(call.since) - tonumber(call.order), ring = tonumber(call.step),
  }
  if following then told.next_class, told.next_at_ms = following.class, tonumber(call.entered) + following.after_ms end
  if #agents > 0 then told.agents = agents end
  return cjson.encode(told)
end

-- Classes in which a caller waits while an agent is free for it: none, ever.
local function pairs_standing(keys, args)
  local found = {}
  for _, queue in ipairs(cjson.decode(args[1])) do
    for _, class in ipairs(redis.call('SMEMBERS', key('classes', queue))) do
      if redis.call('ZCARD', key('waiting', class)) > 0 and redis.call('ZCARD', key('idle', class)) > 0 then found[#found + 1] = class end
    end
  end
  return found
end

redis.register_function('@LIBRARY@', run)
redis.register_function({ function_name = '@LIBRARY@_explain', callback = explain, flags = { 'no-writes' } })
redis.register_function({ function_name = '@LIBRARY@_pairs', callback = pairs_standing, flags = { 'no-writes' } })
