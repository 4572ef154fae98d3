-- The ACD: rules of queues, skills of agents, reasons to pause, callers to be called back.

alter table queues drop constraint queues_strategy_check;
alter table queues add constraint queues_strategy_check check (strategy in
    ('longest_idle', 'fewest_calls', 'least_talk', 'round_robin', 'linear', 'random', 'weighted', 'ring_all', 'ring_progressive'));
alter table queues drop column weight;
alter table queues
    add column head_start_s integer not null default 0 check (head_start_s between 0 and 86400),        -- priority between queues, as waiting time
    add column priority_step_s integer not null default 60 check (priority_step_s between 0 and 3600),  -- one point of a caller's priority, as waiting time
    add column return_window_s integer not null default 180 check (return_window_s between 0 and 3600), -- who rings again in it gets the place back
    add column ring_most integer not null default 20 check (ring_most between 1 and 100),               -- ring_all: phones at once
    add column widen_s integer not null default 8 check (widen_s between 1 and 300),                    -- ring_progressive: one phone more every so often
    add column preferred_wait_s integer not null default 0 check (preferred_wait_s between 0 and 3600), -- how long the caller's own agent is waited for
    add column auto_pause_after integer not null default 0 check (auto_pause_after between 0 and 20),   -- missed calls in a row; 0 never
    add column wrap_up_extra_s integer not null default 60 check (wrap_up_extra_s between 0 and 3600),  -- by how much an agent may prolong the wrap-up
    add column service_level_s integer not null default 20 check (service_level_s between 1 and 3600),
    add column rules jsonb not null default '{}';                                                       -- skills, rings, overflow, announcements, callback: acd/model.py Rules

alter table queue_members
    add column weight integer not null default 1 check (weight between 1 and 100),                      -- weighted: share of the calls
    add column position integer not null default 0 check (position between 0 and 100000);               -- linear: place in the list

create table skills (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    title text not null default ''
);

create table agent_skills (
    agent text not null references agents on delete cascade,
    skill text not null references skills on delete cascade,
    level integer not null check (level between 1 and 10),
    primary key (agent, skill)
);

create table pause_reasons (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    title_zh text not null,
    title_en text not null,
    paid boolean not null default true,
    limit_s integer check (limit_s between 10 and 86400),            -- null: no limit
    ends boolean not null default false,                             -- over by itself at the limit; else it only shows as too long
    position integer not null default 0
);

insert into pause_reasons (name, title_zh, title_en, paid, limit_s, ends, position) values
    ('break', '小休', 'Break', true, 900, false, 1),
    ('lunch', '午餐', 'Lunch', false, 3600, false, 2),
    ('training', '培训', 'Training', true, null, false, 3),
    ('meeting', '会议', 'Meeting', true, null, false, 4),
    ('paperwork', '文书', 'Paperwork', true, 1800, false, 5);

create table callbacks (
    id text primary key,                                             -- …-cbk
    queue text not null references queues on delete cascade,
    number text not null,                                            -- E.164 or as the caller gave it, checked
    name text not null default '',
    language text not null default 'zh' check (language in ('zh', 'en')),
    since timestamptz not null,                                      -- since when the caller waits: the place in the queue
    asked_at timestamptz not null default now(),
    asked_by text not null default '',                               -- call, web, api, or an agent
    first_call text,                                                 -- the call in which it was asked for
    priority integer not null default 0,
    state text not null default 'waiting' check (state in ('waiting', 'calling', 'done', 'failed', 'cancelled')),
    attempts integer not null default 0,
    next_try timestamptz not null default now(),
    ended_at timestamptz,
    outcome text,                                                    -- answered, no_answer, busy, failed, cancelled, no_agent
    last_call text                                                   -- the call that called back
);
create unique index callbacks_one_live on callbacks (queue, number) where state in ('waiting', 'calling');
create index callbacks_open on callbacks (next_try) where state in ('waiting', 'calling');
