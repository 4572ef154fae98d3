-- Callbacks: one live one per customer however the number is written, and what it takes to wait again after a restart.

alter table callbacks
    add column key text not null default '',                         -- one for all spellings of the number
    add column need jsonb not null default '{}',                     -- skill -> level that number, menu or caller ask for
    add column preferred text not null default '',                   -- the customer's own agent
    add column shown text not null default '';                       -- the number of ours that the customer sees
update callbacks set key = number;
alter table callbacks alter column key drop default;
drop index callbacks_one_live;
create unique index callbacks_one_live on callbacks (queue, key) where state in ('waiting', 'calling');
create index callbacks_by_asking on callbacks (asked_at desc, id desc);
