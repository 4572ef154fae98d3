-- The centre as an administrator sets it up: agents, queues, trunks, numbers, flows.

create table agents (
    number text primary key check (number ~ '^[0-9]{2,8}$'),        -- job number = extension
    name text not null default '',
    language text not null default 'zh' check (language in ('zh', 'en')),
    sip_password text not null,                                      -- PJSIP needs the plain secret (or its HA1)
    pin text not null,
    active boolean not null default true,
    created_at timestamptz not null default now()
);

create table queues (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    title text not null,
    strategy text not null default 'longest_idle' check (strategy in ('longest_idle')),
    ring_timeout_s integer not null default 20 check (ring_timeout_s between 3 and 300),
    wrap_up_s integer not null default 5 check (wrap_up_s between 0 and 3600),
    max_wait_s integer check (max_wait_s between 1 and 86400),
    announce_agent boolean not null default true,                    -- 自动报工号
    record_calls boolean not null default true,
    music text not null default 'default',
    weight integer not null default 0
);

create table queue_members (
    queue text not null references queues on delete cascade,
    agent text not null references agents on delete cascade,
    penalty integer not null default 0 check (penalty >= 0),
    primary key (queue, agent)
);

create table trunks (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    title text not null default '',
    match text[] not null default '{}',                              -- networks the provider's calls come from
    outbound_host text,                                              -- host:port calls go out to; none: incoming only
    username text,
    password text
);

create table flows (
    name text not null check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    version integer not null check (version > 0),
    body jsonb not null,
    author text not null default '',
    created_at timestamptz not null default now(),
    primary key (name, version)
);

create table numbers (
    number text primary key check (number ~ '^\+?[0-9*#]{1,32}$'),
    title text not null default '',
    kind text not null check (kind in ('flow', 'queue', 'agent')),
    target text not null,
    language text not null default 'zh' check (language in ('zh', 'en'))
);
