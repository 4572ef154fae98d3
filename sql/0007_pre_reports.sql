-- Reports find what they count by time: who entered a queue, what was offered, when agents talked.

create index call_events_counted on call_events (kind, at) where kind in ('queued', 'offered', 'wrap_up_ended');
create index segments_spoken on segments (started_at) where kind in ('talking', 'held');
