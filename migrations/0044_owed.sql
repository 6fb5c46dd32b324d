-- What a process that dies leaves behind, and who finds it: what a booking still owes its patient, tool calls
-- that nobody ended, events that were leased and not begun.

-- A booking that ended owes one thing: a confirmation where it was booked, a note to the team where it was not.
-- It is written with the state itself, so no death in between loses it.
alter table appointments
  add column owed text check (owed in ('confirmation', 'follow_up')),
  add column owed_at timestamptz,
  add column owed_claims integer not null default 0,
  add column looks integer not null default 0;
comment on column appointments.owed_at is 'From when on a worker takes it; until then whoever ended the booking is at it.';
comment on column appointments.owed_claims is 'Which claim on it this is: an older one may send nothing any more.';
comment on column appointments.looks is 'How often the calendar was looked at in vain.';
create index appointments_owed on appointments (owed_at) where owed is not null;

-- The appointment that a message tells of: whoever takes it up sees whether it was told.
alter table messages add column appointment_id uuid;
create index messages_appointment on messages (org_id, appointment_id) where appointment_id is not null;

create index tool_calls_running on tool_calls (started_at) where status = 'running';

-- By clinic, so that one with many events due hides nobody else's.
drop index inbound_events_due;
create index inbound_events_due on inbound_events (org_id, next_attempt_at) where status = 'received';

grant create on schema public to voxanne_gate;
grant select (owed, owed_at, looks) on appointments to voxanne_gate;
grant select (org_id, status, started_at) on tool_calls to voxanne_gate;
create policy gate_select on tool_calls for select to voxanne_gate using (true);

-- Bookings that nobody knows the outcome of, cancelled ones whose event is still in the calendar, and what
-- is owed. Who was looked at in vain is looked at less and less often.
create or replace function list_open_appointments(p_seconds integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.org_id from public.appointments a
   where (a.status = 'pending' or a.must_release)
     and a.updated_at < now() - make_interval(secs =>
           least(p_seconds * power(2, least(a.looks, 12)), case when a.status = 'pending' then 300 else 7200 end))
     and a.org_id > p_after
  union
  select a.org_id from public.appointments a
   where a.owed is not null and a.owed_at <= now() and a.org_id > p_after
   order by 1 limit p_limit
$$;

-- Clinics with messages, calls or tool calls whose process is gone: nothing of them takes that long.
create or replace function list_stuck_messages(p_seconds integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select m.org_id from public.messages m
   where m.status = 'sending' and m.created_at < now() - make_interval(secs => p_seconds) and m.org_id > p_after
  union
  select c.org_id from public.outbound_calls c
   where c.status = 'placing' and c.created_at < now() - make_interval(secs => p_seconds) and c.org_id > p_after
  union
  select t.org_id from public.tool_calls t
   where t.status = 'running' and t.started_at < now() - make_interval(secs => p_seconds) and t.org_id > p_after
   order by 1 limit p_limit
$$;

-- Takes due events for this worker under a lease by database time. It walks from clinic to clinic, on from
-- where the last walk ended, and takes the oldest of each, then the second of each, and so on: however many
-- one clinic has due, another one's is in the next batch. What is leased is no attempt; an attempt is counted
-- when its work begins.
drop function lease_inbound(integer, integer);
create function lease_inbound(p_after uuid, p_limit integer, p_seconds integer)
returns table (org_id uuid, id uuid, source text, kind text, call_id text, attempts integer)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with recursive ahead as (
    select p_after as org_id, 0 as place
    union all
    select (select e.org_id from public.inbound_events e
             where e.status = 'received' and e.org_id > a.org_id and e.next_attempt_at <= now()
               and (e.lease_until is null or e.lease_until < now())
             order by e.org_id limit 1), a.place + 1
      from ahead a where a.org_id is not null and a.place < p_limit),
  behind as (
    select '00000000-0000-0000-0000-000000000000'::uuid as org_id, 0 as place
    union all
    select (select e.org_id from public.inbound_events e
             where e.status = 'received' and e.org_id > b.org_id and e.org_id <= p_after and e.next_attempt_at <= now()
               and (e.lease_until is null or e.lease_until < now())
             order by e.org_id limit 1), b.place + 1
      from behind b where b.org_id is not null and b.place < p_limit),
  clinics as (
    select c.org_id from (
      select a.org_id from ahead a where a.place > 0 and a.org_id is not null
      union all
      select b.org_id from behind b where b.place > 0 and b.org_id is not null) c
     limit p_limit),
  oldest as (
    select o.org_id, o.id, o.next_attempt_at, row_number() over (partition by o.org_id order by o.next_attempt_at) as turn
      from clinics c cross join lateral (
        select e.org_id, e.id, e.next_attempt_at from public.inbound_events e
         where e.org_id = c.org_id and e.status = 'received' and e.next_attempt_at <= now()
           and (e.lease_until is null or e.lease_until < now())
         order by e.next_attempt_at limit p_limit) o),
  due as (
    select e.org_id, e.id from oldest o join public.inbound_events e on e.org_id = o.org_id and e.id = o.id
     where e.status = 'received' and e.next_attempt_at <= now()
       and (e.lease_until is null or e.lease_until < now())
     order by o.turn, o.next_attempt_at limit p_limit for update of e skip locked)
  update public.inbound_events e set lease_until = now() + make_interval(secs => p_seconds)
    from due where e.org_id = due.org_id and e.id = due.id
  returning e.org_id, e.id, e.source, e.kind, e.call_id, e.attempts
$$;
revoke all on function lease_inbound(uuid, integer, integer) from public;
alter function lease_inbound(uuid, integer, integer) owner to voxanne_gate;
set role voxanne_gate;
grant execute on function lease_inbound to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
