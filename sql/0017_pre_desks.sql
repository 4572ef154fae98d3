-- Where an agent is signed on: at their own phone (empty), at another one, or at a telephone outside.

alter table agents
    add column desk text not null default '' check (desk ~ '^([0-9]{2,8}|outside:\+?[0-9]{3,20})?$'),
    add column confirms_outside boolean not null default true;        -- outside, where a machine may pick up: 1 takes the call
