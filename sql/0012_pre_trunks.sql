-- Trunks by API: registered at the provider, known by address or by password, in an order, with rules for numbers.

alter table trunks
    add column enabled boolean not null default true,
    add column registers boolean not null default false,              -- signs in at outbound_host, so that calls find us
    add column codecs text[] not null default '{alaw,ulaw,g722,opus}',
    add column position integer not null default 100,                 -- the lowest is tried first
    add column caller_number text check (caller_number ~ '^\+?[0-9]{2,20}$'),
    add column main_number text check (main_number ~ '^\+?[0-9*#]{1,32}$'),
    add column inbound_password text,                                 -- the provider signs in as trunk-<name>
    add column called_rules jsonb not null default '[]',              -- lines/trunks.py: NumberRule
    add column dialled_rules jsonb not null default '[]';
