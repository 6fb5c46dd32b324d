-- What is worked off the inbox, what stands in a clinic's way, and what a message belongs to.

-- `received` rows are being answered right now: workers leave them alone for a minute. `due` is said of
-- a row that nobody answers and that a worker is to take at once; it is stored as `received`, due now.
create or replace function accept_inbound(p_org uuid[], p_id uuid[], p_source text[], p_kind text[], p_call text[],
                                          p_dedupe bytea[], p_payload bytea[], p_key_version integer[], p_summary text[],
                                          p_trace text[], p_status text[])
returns table (id uuid)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.inbound_events
    (org_id, id, source, kind, call_id, dedupe_key, sealed_payload, key_version, summary, trace, status, processed_at, next_attempt_at)
  select u.org_id, u.id, u.source, u.kind, u.call_id, u.dedupe_key, u.payload, u.key_version, u.summary::json, u.trace::json,
         case u.status when 'due' then 'received' else u.status end,
         case when u.status = 'processed' then now() end,
         case u.status when 'due' then now() when 'received' then now() + interval '1 minute' end
    from unnest(p_org, p_id, p_source, p_kind, p_call, p_dedupe, p_payload, p_key_version, p_summary, p_trace, p_status)
      as u (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, trace, status)
  on conflict (org_id, dedupe_key) do nothing
  returning inbound_events.id
$$;

grant create on schema public to voxanne_gate;
grant select (source, kind, call_id) on inbound_events to voxanne_gate;

-- Takes due events for this worker, oldest first, under a lease by database time, and says what they
-- are: who works one off is decided by source and kind.
drop function lease_inbound(integer, integer);
create function lease_inbound(p_limit integer, p_seconds integer)
returns table (org_id uuid, id uuid, source text, kind text, call_id text, attempts integer)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with due as (
    select e.org_id, e.id from public.inbound_events e
     where e.status = 'received' and e.next_attempt_at <= now()
       and (e.lease_until is null or e.lease_until < now())
     order by e.next_attempt_at limit p_limit for update skip locked
  )
  update public.inbound_events e
     set lease_until = now() + make_interval(secs => p_seconds), attempts = e.attempts + 1
    from due where e.org_id = due.org_id and e.id = due.id
  returning e.org_id, e.id, e.source, e.kind, e.call_id, e.attempts
$$;
revoke all on function lease_inbound(integer, integer) from public;
alter function lease_inbound(integer, integer) owner to voxanne_gate;
set role voxanne_gate;
grant execute on function lease_inbound to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;

-- Something that a call needed and did not get, because of the clinic's account: one row for a cause
-- for as long as it lasts, however often it stands in the way.
create table incidents (
  org_id uuid not null references organizations,
  id uuid not null,
  kind text not null check (kind in ('not_connected', 'paused', 'refused', 'unreachable')),
  target text not null,
  sentence text not null,
  opened_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  count bigint not null default 1,
  closed_at timestamptz,
  closed_by uuid,
  primary key (org_id, id)
);
comment on column incidents.target is 'The provider''s word: twilio.';
comment on column incidents.closed_by is 'Who settled it by hand; null where it works again.';
create unique index incidents_open on incidents (org_id, target, kind) where closed_at is null;
call protect_tenant_table('incidents', '{service}', '{owner,admin,service}', '{owner,service}');

-- A message of a call is found with the call; one of an alert tells whether the alert went out.
alter table messages add column call_id text, add column alert_id uuid;
create index messages_call on messages (org_id, call_id) where call_id is not null;
create index messages_alert on messages (org_id, alert_id) where alert_id is not null;
