-- Whose customer a caller is, and which skills a number or a caller asks for.

alter table callers
    add column owner text references agents (number) on delete set null,
    add column need jsonb not null default '{}';                      -- skill → least level

alter table numbers
    add column need jsonb not null default '{}';
