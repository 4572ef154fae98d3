-- What happened: events as they came, and the calls, legs, segments and agents' states projected from them.

create table call_events (
    id text primary key,                                  -- ours: writing it twice is harmless
    call text not null,                                   -- empty for what happens to an agent outside any call
    at timestamptz not null,
    kind text not null,
    body jsonb not null
);
create index call_events_call on call_events (call, at) where call <> '';
create index call_events_agent on call_events (at) where call = '';

create table calls (
    id text primary key,
    direction text not null,
    caller text not null,
    caller_name text not null,
    dialled text not null,
    trunk text not null,
    node text not null,
    language text not null,
    flow text not null,
    dtmf_path text not null,                              -- keys pressed, as node:keys, in order
    queue text not null,
    agent text not null,                                  -- who talked; without a talk, who was offered it last
    started_at timestamptz not null,
    answered_at timestamptz,                              -- we picked up
    connected_at timestamptz,                             -- first heard an agent
    ended_at timestamptz,
    duration_ms bigint not null,
    ivr_ms bigint not null,
    wait_ms bigint not null,
    ring_ms bigint not null,
    talk_ms bigint not null,
    hold_ms bigint not null,
    wrapup_ms bigint not null,
    offers integer not null,
    ended_by text not null,
    cause integer not null,
    outcome text not null,                                -- empty while the call is up
    witnessed boolean not null,                           -- the end is Asterisk's own word: no worker was there
    recordings text[] not null
);
create index calls_started on calls (started_at desc, id desc);
create index calls_caller on calls (caller text_pattern_ops, started_at desc);
create index calls_agent on calls (agent, started_at desc);
create index calls_queue on calls (queue, started_at desc);
create index calls_open on calls (node) where ended_at is null;

create table legs (
    id text primary key,
    call text not null,
    channel text not null,
    role text not null,
    party text not null,
    started_at timestamptz not null,
    answered_at timestamptz,
    ended_at timestamptz,
    ended_by text not null,
    cause integer not null,
    cause_text text not null
);
create index legs_call on legs (call);

create table segments (
    call text not null,
    position integer not null,
    kind text not null,                                   -- ivr, queue, ringing, announcing, talking, held, voicemail, other
    queue text not null,
    agent text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    primary key (call, position)
);

create table agent_states (
    agent text not null,
    started_at timestamptz not null,
    event text not null,
    state text not null,
    reason text not null,
    by text not null,
    primary key (agent, started_at, event)
);
