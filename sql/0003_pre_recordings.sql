-- Recordings: encrypted audio in chunks, by month, so that keeping a year is dropping partitions.

create table recordings (
    id text primary key,
    call text not null,
    leg text not null,
    started_at timestamptz not null,
    duration_ms bigint not null default 0,
    channels integer not null default 2,                   -- caller left, agent right
    codec text not null default 'audio/ogg; codecs=opus',
    size bigint not null default 0,                        -- bytes of the plain audio file
    sha256 bytea,                                          -- of the plain audio file
    key_id text not null default '',
    wrapped_key bytea,
    state text not null check (state in ('stored', 'failed')),
    reason text not null default '',
    stored_at timestamptz not null default now()
);
create index recordings_call on recordings (call);
create index recordings_started on recordings (started_at);

create table recording_chunks (
    recording text not null,
    started_at timestamptz not null,                       -- the recording's: says which month it lies in
    number integer not null,
    body bytea not null,
    primary key (started_at, recording, number)
) partition by range (started_at);
alter table recording_chunks alter column body set storage external;  -- encrypted: compressing is in vain
create table recording_chunks_rest partition of recording_chunks default;
