-- Callers the centre knows: who goes first, who may be refused, in which language they are spoken to.

create table callers (
    key text primary key,                                             -- one for all spellings of a number: lines/callers.py
    number text not null check (number ~ '^\+?[0-9]{2,32}$'),         -- as it was given
    name text not null default '',
    vip boolean not null default false,
    blacklisted boolean not null default false,
    language text check (language in ('zh', 'en')),                   -- null: the dialled number's
    note text not null default '',
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);
