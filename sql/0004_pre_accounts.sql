-- Who may use the console and the API, and who did what that must be known later.

create table users (
    name text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$'),
    role text not null check (role in ('admin', 'supervisor', 'agent')),
    agent text references agents,                                     -- the job number of a user who takes calls
    password text not null,                                           -- argon2id, with its parameters
    language text check (language in ('zh', 'en')),                   -- null: what the browser asks for
    active boolean not null default true,
    password_changed_at timestamptz not null default now(),           -- older sessions no longer count
    created_at timestamptz not null default now()
);

create unique index users_agent on users (agent) where agent is not null;

create table api_tokens (
    id bigint generated always as identity primary key,
    title text not null,
    digest bytea not null unique,                                     -- SHA-256 of the token; tokens are long and random
    role text not null check (role in ('admin', 'supervisor', 'agent')),
    active boolean not null default true,
    created_at timestamptz not null default now()
);

create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,                                                -- user:NAME or token:TITLE
    what text not null,                                               -- the operation, as rights.py calls it
    subject text not null default '',                                 -- the call, recording, agent, user it was done to
    details jsonb not null default '{}',
    address inet
);

create index audit_at on audit (at desc);
create index audit_subject on audit (subject) where subject <> '';
