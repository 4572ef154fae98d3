-- Conference rooms. PINs stand as they are: whoever invites has to read them out.

create table conferences (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    title text not null default '',
    number text not null unique check (number ~ '^\+?[0-9*#]{1,32}$'),
    language text not null default 'zh' check (language in ('zh', 'en')),
    guest_pin text not null default '' check (guest_pin ~ '^([0-9]{4,12})?$'),
    moderator_pin text not null default '' check (moderator_pin ~ '^([0-9]{4,12})?$'),
    most_members integer not null default 50 check (most_members between 2 and 200),
    waits_for_moderator boolean not null default false,
    ends_with_moderator boolean not null default false,
    muted_on_entry boolean not null default false,
    announces text not null default 'tone' check (announces in ('off', 'tone', 'count')),
    records boolean not null default false,
    opens_at timestamptz,
    closes_at timestamptz,
    check (guest_pin = '' or guest_pin <> moderator_pin),
    check (moderator_pin <> '' or not (waits_for_moderator or ends_with_moderator)),
    check (opens_at < closes_at)
);
