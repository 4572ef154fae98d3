-- Which calls are recorded, and who is told or asked before. Of the rules that fit a call the first by position and name decides;
-- where none does, the queue's own record_calls.

create table recording_rules (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    position integer not null default 100,
    queue text not null default '',                                    -- empty: any
    agent text not null default '',
    number text not null default '',                                   -- the line: the number that was dialled
    direction text not null default '' check (direction in ('', 'inbound', 'outbound', 'internal')),
    percent integer not null default 100 check (percent between 0 and 100),
    announces boolean not null default false,                          -- the caller is told that the call is recorded
    asks_consent boolean not null default false,                       -- and may decline by a key
    check (announces or not asks_consent),
    check (not announces or (percent > 0 and agent = ''))
);
