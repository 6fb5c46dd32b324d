-- What the service does by itself: empties what was kept long enough, removes what nobody can bring
-- back, parks what a dead process left in flight, deletes ended webhook credentials, logs the heads
-- of the trails. The gate only tells which clinics have something to do; the work is done in a
-- transaction of that clinic, under its policies.

grant create on schema public to voxanne_gate;

-- A mark instead of a look at the sealed column: the gate sees no sealed bytes.
alter table inbound_events add column emptied_at timestamptz;
comment on column inbound_events.emptied_at is 'When the clinic''s retention emptied the payload. The key that tells repetitions apart stays.';
alter table messages add column emptied_at timestamptz;
comment on column messages.emptied_at is 'When the clinic''s retention emptied recipient and text.';
alter table org_integrations add column notice text;
comment on column org_integrations.notice is 'Something that the clinic should know although the credential works.';

-- By time first: what arrives is always added at the end, which costs the inbox next to nothing.
create index inbound_events_filled on inbound_events (received_at, org_id) where emptied_at is null and status <> 'received';
create index messages_filled on messages (org_id, created_at) where emptied_at is null and status <> 'sending';
create index messages_sending on messages (created_at) where status = 'sending';
create index org_credentials_drafts on org_credentials (draft_expires_at) where draft_expires_at is not null;
create index org_credentials_ended on org_credentials (coalesce(superseded_at, disconnected_at))
  where draft_expires_at is null and coalesce(superseded_at, disconnected_at) is not null;
create index webhook_secrets_ended on webhook_secrets (not_after) where not_after is not null;

grant select (emptied_at) on inbound_events to voxanne_gate;
grant select (org_id, status, created_at, emptied_at) on messages to voxanne_gate;
grant select (org_id, superseded_at, disconnected_at, draft_expires_at) on org_credentials to voxanne_gate;
grant select (org_id, seq, hash) on audit_heads to voxanne_gate;
create policy gate_select on messages for select to voxanne_gate using (true);
create policy gate_select on org_credentials for select to voxanne_gate using (true);
create policy gate_select on audit_heads for select to voxanne_gate using (true);

-- Throttled sign-ins and the like: nobody knows whose they were, so they belong to no clinic.
create table platform_counts (
  minute timestamptz not null,
  cause text not null,
  count bigint not null,
  primary key (minute, cause)
);
comment on table platform_counts is 'What machines do outside of any clinic, per cause and minute. Global.';
revoke all on platform_counts from public;
grant select, insert, update on platform_counts to voxanne_app;
grant select on platform_counts to voxanne_backup;

-- Clinics that hold payloads or texts for longer than they asked for, in the order of their ids.
create function list_overdue_payloads(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.id from public.organizations o
   where o.id > p_after
     and (exists (select 1 from public.inbound_events e
                   where e.org_id = o.id and e.emptied_at is null and e.status <> 'received'
                     and e.received_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.messages m
                   where m.org_id = o.id and m.emptied_at is null and m.status <> 'sending'
                     and m.created_at < now() - make_interval(days => o.retention_days)))
   order by o.id limit p_limit
$$;

-- Clinics with drafts that have expired, or versions that can no longer be brought back. The hour is
-- for a restore that is under way in the last moment.
create function list_overdue_credentials(p_days integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select c.org_id from public.org_credentials c
   where c.draft_expires_at is not null and c.draft_expires_at < now() and c.org_id > p_after
  union
  select c.org_id from public.org_credentials c
   where c.draft_expires_at is null and coalesce(c.superseded_at, c.disconnected_at) is not null
     and coalesce(c.superseded_at, c.disconnected_at) < now() - make_interval(days => p_days, hours => 1)
     and c.org_id > p_after
   order by 1 limit p_limit
$$;

-- Clinics with messages whose process is gone: no send takes that long.
create function list_stuck_messages(p_seconds integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select distinct m.org_id from public.messages m
   where m.status = 'sending' and m.created_at < now() - make_interval(secs => p_seconds) and m.org_id > p_after
   order by 1 limit p_limit
$$;

-- Clinics with webhook secrets that verify no more and can be deleted at Vapi, or that are so old
-- that nobody will ask again.
create function list_ended_secrets(p_days integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select distinct s.org_id from public.webhook_secrets s
   where s.not_after is not null and s.not_after < now() and s.org_id > p_after
     and (s.not_after < now() - make_interval(days => p_days)
          or exists (select 1 from public.org_integrations i
                      where i.org_id = s.org_id and i.provider = 'vapi' and i.active_credential_id is not null))
   order by 1 limit p_limit
$$;

-- The heads of the clinics' trails, for the log: how many rows, and the last hash.
create function list_audit_heads(p_after uuid, p_limit integer)
returns table (org_id uuid, seq bigint, hash bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select h.org_id, h.seq, h.hash from public.audit_heads h where h.org_id > p_after order by h.org_id limit p_limit
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.list_overdue_payloads(uuid, integer)'::regprocedure,
    'public.list_overdue_credentials(integer, uuid, integer)'::regprocedure,
    'public.list_stuck_messages(integer, uuid, integer)'::regprocedure,
    'public.list_ended_secrets(integer, uuid, integer)'::regprocedure,
    'public.list_audit_heads(uuid, integer)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function list_overdue_payloads, list_overdue_credentials, list_stuck_messages, list_ended_secrets,
  list_audit_heads to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;

-- A dump needs every table and the sequences behind them.
grant select on sessions, rate_counters, credential_changes to voxanne_backup;
grant select on all sequences in schema public to voxanne_backup;
do $$
begin
  if to_regclass('public._sqlx_migrations') is not null then
    execute 'grant select on public._sqlx_migrations to voxanne_backup';
  end if;
end
$$;
