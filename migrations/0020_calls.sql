-- What became of a call, who of the callers may want an appointment, and who is told at once.

-- Somebody who called and may want an appointment. A caller is known by a keyed hash of the number, so
-- that calling again is no second lead; without a number each call is one of its own.
create table leads (
  org_id uuid not null references organizations,
  id uuid not null,
  first_call_id text not null,
  last_call_id text not null,
  caller_key bytea,
  caller_mask text,
  sealed_contact bytea,
  key_version integer not null,
  score integer not null,
  reasons jsonb not null default '[]',
  calls integer not null default 1,
  hot_at timestamptz,
  first_call_at timestamptz not null,
  last_call_at timestamptz not null,
  closed_at timestamptz,
  emptied_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint leads_first_call_key unique (org_id, first_call_id),
  foreign key (org_id, key_version) references data_keys
);
comment on column leads.hot_at is 'When the lead became hot: once, and alerts go out with it.';
comment on column leads.closed_at is 'Set when the caller comes back after so long that it is a new lead.';
create unique index leads_open_caller on leads (org_id, caller_key) where closed_at is null and caller_key is not null;
create index leads_filled on leads (last_call_at, org_id) where emptied_at is null;
call protect_tenant_table('leads', '{service}', '{service}', '{owner,service}');

-- One row for a call, by Vapi's id, made by whichever of its messages comes first.
create table calls (
  org_id uuid not null references organizations,
  id uuid not null,
  call_id text not null,
  direction text not null default 'unknown' check (direction in ('inbound', 'outbound', 'web', 'unknown')),
  role text check (role in ('inbound', 'outbound')),
  assistant_id uuid,
  status text not null default 'in_progress' check (status in ('in_progress', 'ended')),
  caller_mask text,
  sealed_details bytea,
  key_version integer,
  has_summary boolean not null default false,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  duration_seconds integer,
  ended_reason text,
  cost numeric(12,5),
  outcome text check (outcome in ('booked', 'rescheduled', 'cancelled', 'message_taken', 'transferred', 'answered',
                                  'abandoned', 'no_answer', 'voicemail', 'failed')),
  lead_id uuid,
  lead_score integer,
  lead_reasons jsonb not null default '[]',
  is_hot boolean not null default false,
  reported_at timestamptz,
  emptied_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint calls_call_key unique (org_id, call_id),
  foreign key (org_id, lead_id) references leads,
  foreign key (org_id, key_version) references data_keys
);
comment on column calls.role is 'Of the assistant that spoke.';
comment on column calls.sealed_details is 'Number and name of the caller, the summary, what Vapi has extracted.';
comment on column calls.reported_at is 'When the report was worked off: the call is told to endpoints with it, once.';
create index calls_started on calls (org_id, started_at desc, id desc);
create index calls_outcome on calls (org_id, outcome, started_at desc, id desc);
create index calls_hot on calls (org_id, started_at desc, id desc) where is_hot;
create index calls_lead on calls (org_id, lead_id) where lead_id is not null;
create index calls_filled on calls (started_at, org_id) where emptied_at is null;
call protect_tenant_table('calls', '{service}', '{service}', '{owner,service}');

-- Whom a clinic wants to be told of a hot lead, and when. Without a row: nobody.
create table alert_settings (
  org_id uuid not null references organizations,
  is_on boolean not null default true,
  threshold integer not null default 70,
  text text not null default '',
  quiet_from integer,
  quiet_until integer,
  sealed_recipients bytea not null,
  key_version integer not null,
  updated_by uuid,
  updated_at timestamptz not null default now(),
  primary key (org_id),
  foreign key (org_id, key_version) references data_keys
);
comment on column alert_settings.text is 'Empty for the default text.';
comment on column alert_settings.quiet_from is 'Minutes after midnight in the clinic''s time zone; null where no hour is quiet.';
call protect_tenant_table('alert_settings', '{owner,admin}', '{owner,admin,service}', '{owner}');

-- One alert to one recipient: a row first, then the send, then the result on the row.
create table alerts (
  org_id uuid not null references organizations,
  id uuid not null,
  kind text not null check (kind in ('hot_lead', 'incident')),
  subject_id uuid not null,
  channel text not null check (channel in ('sms', 'email')),
  recipient_mask text not null,
  sealed_content bytea,
  key_version integer not null,
  status text not null default 'waiting' check (status in ('waiting', 'sending', 'sent', 'failed', 'parked')),
  due_at timestamptz not null,
  lease_until timestamptz,
  attempts integer not null default 0,
  error text,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  emptied_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
comment on column alerts.subject_id is 'The lead, or the incident.';
comment on column alerts.due_at is 'Later than its making where the clinic wants quiet.';
create index alerts_due on alerts (due_at) where status in ('waiting', 'sending');
create index alerts_subject on alerts (org_id, subject_id);
create index alerts_filled on alerts (created_at, org_id) where emptied_at is null and status not in ('waiting', 'sending');
call protect_tenant_table('alerts', '{service}', '{service}', '{owner,service}');

grant create on schema public to voxanne_gate;
grant select (org_id, id, status, due_at, lease_until, attempts, created_at, emptied_at), update (status, lease_until, attempts)
  on alerts to voxanne_gate;
grant select (org_id, started_at, emptied_at) on calls to voxanne_gate;
grant select (org_id, last_call_at, emptied_at) on leads to voxanne_gate;
create policy gate_select on alerts for select to voxanne_gate using (true);
create policy gate_update on alerts for update to voxanne_gate using (true) with check (true);
create policy gate_select on calls for select to voxanne_gate using (true);
create policy gate_select on leads for select to voxanne_gate using (true);

-- Takes due alerts for this worker under a lease, and says whose process died before its end. What is
-- due is decided by the caller's clock, which decided the quiet hours too; leases by the database's.
create function lease_alerts(p_now timestamptz, p_limit integer, p_seconds integer)
returns table (org_id uuid, id uuid, attempts integer, was_sending boolean)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with due as (
    select a.org_id, a.id, a.status from public.alerts a
     where a.status in ('waiting', 'sending') and a.due_at <= p_now
       and (a.status = 'waiting' or a.lease_until < now())
     order by a.due_at limit p_limit for update skip locked
  )
  update public.alerts a
     set status = 'sending', lease_until = now() + make_interval(secs => p_seconds), attempts = a.attempts + 1
    from due where a.org_id = due.org_id and a.id = due.id
  returning a.org_id, a.id, a.attempts, due.status = 'sending'
$$;

-- Clinics that hold what was said in calls, who called, or whom they told, for longer than they asked for.
create function list_overdue_calls(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.id from public.organizations o
   where o.id > p_after
     and (exists (select 1 from public.calls c
                   where c.org_id = o.id and c.emptied_at is null
                     and c.started_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.leads l
                   where l.org_id = o.id and l.emptied_at is null
                     and l.last_call_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.alerts a
                   where a.org_id = o.id and a.emptied_at is null and a.status not in ('waiting', 'sending')
                     and a.created_at < now() - make_interval(days => o.retention_days)))
   order by o.id limit p_limit
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.lease_alerts(timestamptz, integer, integer)'::regprocedure,
    'public.list_overdue_calls(uuid, integer)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function lease_alerts, list_overdue_calls to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
