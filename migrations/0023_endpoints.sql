-- Events out: the endpoints that a clinic names, what happened, who is to be told of it, each try to tell, and counts by
-- the hour. Plain tables: what is looked up is found by an index, and what is pruned goes clinic by clinic.

create table endpoints (
  org_id uuid not null references organizations,
  id uuid not null,
  workflow_name text not null check (workflow_name ~ '^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$'),
  destination text not null default 'url' check (destination in ('url', 'google_sheets')),
  url text not null check (length(url) <= 2048),
  settings jsonb not null default '{}',
  description text not null default '' check (length(description) <= 500),
  events text[] not null default '{}',
  sealed_auth bytea,
  key_version integer,
  auth_hint jsonb not null default '{}',
  is_active boolean not null default true,
  disabled_reason text,
  disabled_at timestamptz,
  failures_in_row integer not null default 0,
  failing_since timestamptz,
  blocked_until timestamptz,
  blocked_reason text,
  attempts_total bigint not null default 0,
  attempts_succeeded bigint not null default 0,
  attempts_failed bigint not null default 0,
  last_called_at timestamptz,
  last_status integer,
  last_error text,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_by text not null,
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint endpoints_workflow_name_key unique (org_id, workflow_name),
  foreign key (org_id, key_version) references data_keys
);
comment on column endpoints.url is 'Where events go; of a destination that is no URL, the address under which people open it.';
comment on column endpoints.settings is 'What a destination other than a URL needs, without secrets.';
comment on column endpoints.events is 'The kinds that are wanted; empty for all.';
comment on column endpoints.sealed_auth is 'Headers of the clinic''s own, or a bearer; null where there are none.';
comment on column endpoints.auth_hint is 'Names of those headers, with their values masked.';
comment on column endpoints.disabled_reason is 'Why the service switched it off: gone, failing. Null where a person did.';
comment on column endpoints.failures_in_row is 'Since the last success. From a threshold on one try at a time goes out.';
comment on column endpoints.blocked_until is 'Nothing is sent before: the endpoint fails (breaker) or asked for it (throttled).';
call protect_tenant_table('endpoints', '{owner,admin,platform}', '{owner,admin,service,platform}', '{owner,admin,platform}');

-- What signs. A rotation adds one and gives the others an end.
create table endpoint_secrets (
  org_id uuid not null references organizations,
  id uuid not null,
  endpoint_id uuid not null,
  sealed bytea not null,
  key_version integer not null,
  hint text not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  not_after timestamptz,
  primary key (org_id, id),
  foreign key (org_id, endpoint_id) references endpoints on delete cascade,
  foreign key (org_id, key_version) references data_keys
);
create index endpoint_secrets_endpoint on endpoint_secrets (org_id, endpoint_id);
call protect_tenant_table('endpoint_secrets', '{owner,admin,platform}', '{owner,admin,service,platform}',
                          '{owner,admin,service,platform}');

-- What happened. The payload holds the very bytes that are sent, in every try, and the caller's metadata.
create table outbound_events (
  org_id uuid not null references organizations,
  id uuid not null,
  kind text not null check (length(kind) between 1 and 80),
  sealed_payload bytea,
  key_version integer not null,
  triggered_by text not null,
  created_at timestamptz not null default now(),
  emptied_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
create index outbound_events_filled on outbound_events (created_at, org_id) where emptied_at is null;
create index outbound_events_by_time on outbound_events (org_id, created_at desc);
call protect_tenant_table('outbound_events', '{owner,admin,member,service,platform}', '{service}', '{owner,service}');

-- One event for one endpoint. It outlives the endpoint, so the name of the workflow stands here too.
create table deliveries (
  org_id uuid not null references organizations,
  id uuid not null,
  event_id uuid not null,
  endpoint_id uuid not null,
  workflow_name text not null,
  kind text not null,
  cause text not null default 'event' check (cause in ('event', 'call', 'test')),
  status text not null default 'pending' check (status in ('pending', 'succeeded', 'dead', 'parked')),
  attempts integer not null default 0,
  rounds integer not null default 1,
  next_attempt_at timestamptz,
  last_status integer,
  last_error text,
  triggered_by text not null,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, event_id) references outbound_events
);
comment on column deliveries.status is 'pending: in the queue; dead: every try failed; parked: the endpoint is switched off or gone.';
comment on column deliveries.rounds is 'One more with every replay: each begins the schedule anew.';
create index deliveries_event on deliveries (org_id, event_id);
create index deliveries_by_time on deliveries (org_id, created_at desc);
create index deliveries_by_endpoint on deliveries (org_id, endpoint_id, created_at desc);
create index deliveries_unfinished on deliveries (org_id, status, created_at desc) where status <> 'succeeded';
call protect_tenant_table('deliveries', '{owner,admin,member,service,platform}', '{owner,admin,service,platform}',
                          '{owner,service}');

-- What waits for its next try: small, since what is done leaves it. A lease moves `due_at` to its own end, so what a dead
-- process held is due again by itself.
create table delivery_queue (
  org_id uuid not null references organizations,
  delivery_id uuid not null,
  endpoint_id uuid not null,
  due_at timestamptz not null default now(),
  lease_until timestamptz,
  claims integer not null default 0,
  tries integer not null default 0,
  primary key (org_id, delivery_id),
  foreign key (org_id, delivery_id) references deliveries on delete cascade
);
comment on column delivery_queue.claims is 'Counts leases: who holds an older one writes nothing any more.';
comment on column delivery_queue.tries is 'Tries of this round that were recorded.';
create index delivery_queue_due on delivery_queue (due_at);
create index delivery_queue_lanes on delivery_queue (org_id, endpoint_id, due_at);
create index delivery_queue_leased on delivery_queue (org_id, endpoint_id) where lease_until is not null;
call protect_tenant_table('delivery_queue', '{owner,admin,member,service,platform}', '{owner,admin,service,platform}',
                          '{owner,admin,service,platform}');

-- Each try. What was sent is the event's payload; headers are kept without their secrets.
create table delivery_attempts (
  org_id uuid not null references organizations,
  id uuid not null,
  delivery_id uuid not null,
  endpoint_id uuid not null,
  number integer not null,
  outcome text not null check (outcome in ('succeeded', 'redirected', 'gone', 'throttled', 'refused', 'server_error', 'timeout',
                                           'connection', 'name', 'tls', 'blocked', 'not_sent')),
  status_code integer,
  millis integer not null,
  error text,
  request_headers jsonb not null default '{}',
  response_headers jsonb not null default '{}',
  sealed_answer bytea,
  key_version integer,
  answer_bytes integer not null default 0,
  attempted_at timestamptz not null default now(),
  emptied_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, delivery_id) references deliveries,
  foreign key (org_id, key_version) references data_keys
);
create index delivery_attempts_delivery on delivery_attempts (org_id, delivery_id);
create index delivery_attempts_by_time on delivery_attempts (org_id, attempted_at desc);
create index delivery_attempts_by_endpoint on delivery_attempts (org_id, endpoint_id, attempted_at desc);
create index delivery_attempts_filled on delivery_attempts (attempted_at, org_id) where emptied_at is null;
call protect_tenant_table('delivery_attempts', '{service}', '{service}', '{owner,service}');

-- Attempts by endpoint, hour and outcome, brought up to date in the transaction of each attempt. The columns b00 to b15
-- count attempts by duration; up to, in milliseconds: 25, 50, 100, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000,
-- 7500, 10000, and above.
create table delivery_hours (
  org_id uuid not null references organizations,
  endpoint_id uuid not null,
  hour timestamptz not null,
  outcome text not null,
  attempts bigint not null,
  millis_total bigint not null,
  millis_most integer not null,
  slowest uuid not null,
  b00 integer not null default 0, b01 integer not null default 0, b02 integer not null default 0,
  b03 integer not null default 0, b04 integer not null default 0, b05 integer not null default 0,
  b06 integer not null default 0, b07 integer not null default 0, b08 integer not null default 0,
  b09 integer not null default 0, b10 integer not null default 0, b11 integer not null default 0,
  b12 integer not null default 0, b13 integer not null default 0, b14 integer not null default 0,
  b15 integer not null default 0,
  primary key (org_id, endpoint_id, hour, outcome)
);
comment on column delivery_hours.slowest is 'The attempt that took millis_most.';
create index delivery_hours_by_hour on delivery_hours (org_id, hour);
call protect_tenant_table('delivery_hours', '{service}', '{service}', '{owner,service}');

-- What looks across clinics: the queue, and whose answers were kept long enough.
grant create on schema public to voxanne_gate;
grant select (org_id, delivery_id, endpoint_id, due_at, lease_until, claims) on delivery_queue to voxanne_gate;
grant update (due_at, lease_until, claims) on delivery_queue to voxanne_gate;
grant select (org_id, id, is_active, failures_in_row, blocked_until) on endpoints to voxanne_gate;
grant select (org_id, created_at, emptied_at) on outbound_events to voxanne_gate;
grant select (org_id, attempted_at, emptied_at) on delivery_attempts to voxanne_gate;
create policy gate_select on delivery_queue for select to voxanne_gate using (true);
create policy gate_update on delivery_queue for update to voxanne_gate using (true) with check (true);
create policy gate_select on endpoints for select to voxanne_gate using (true);
create policy gate_select on outbound_events for select to voxanne_gate using (true);
create policy gate_select on delivery_attempts for select to voxanne_gate using (true);

-- Takes due deliveries for this worker under a lease by database time. The queue is walked endpoint by endpoint, from
-- where the last walk ended, so that no clinic and no endpoint stands in another's way however much it has waiting. A
-- clinic has at most p_per_clinic in flight, an endpoint p_per_endpoint; one that failed p_failures times in a row has one
-- in flight, and none before it may be asked again. One worker walks at a time; the others come back a moment later.
create function lease_deliveries(p_org uuid, p_endpoint uuid, p_limit integer, p_seconds integer, p_per_clinic integer,
                                 p_per_endpoint integer, p_failures integer)
returns table (org_id uuid, delivery_id uuid, endpoint_id uuid, claim integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  nothing constant uuid := '00000000-0000-0000-0000-000000000000';
  at_org uuid := p_org;
  at_endpoint uuid := p_endpoint;
  lane record;
  target record;
  has_wrapped boolean := false;
  clinic uuid := nothing;
  clinic_in_flight integer := 0;
  lane_in_flight integer;
  room integer;
  took integer := 0;
begin
  if not pg_try_advisory_xact_lock(7302348112026) then
    return;
  end if;
  if not exists (select 1 from public.delivery_queue q where q.due_at <= now()) then
    return;
  end if;
  loop
    select q.org_id, q.endpoint_id into lane from public.delivery_queue q
     where (q.org_id, q.endpoint_id) > (at_org, at_endpoint)
     order by q.org_id, q.endpoint_id limit 1;
    if not found then
      exit when has_wrapped;
      has_wrapped := true;
      at_org := nothing;
      at_endpoint := nothing;
      clinic := nothing;
      continue;
    end if;
    exit when has_wrapped and (lane.org_id, lane.endpoint_id) > (p_org, p_endpoint);
    at_org := lane.org_id;
    at_endpoint := lane.endpoint_id;
    if clinic <> at_org then
      clinic := at_org;
      select count(*) into clinic_in_flight from public.delivery_queue q
       where q.org_id = at_org and q.lease_until is not null and q.lease_until > now();
    end if;
    continue when clinic_in_flight >= p_per_clinic;
    select e.is_active, e.blocked_until, e.failures_in_row into target from public.endpoints e
     where e.org_id = at_org and e.id = at_endpoint;
    continue when not found or not target.is_active or target.blocked_until > now();
    select count(*) into lane_in_flight from public.delivery_queue q
     where q.org_id = at_org and q.endpoint_id = at_endpoint and q.lease_until is not null and q.lease_until > now();
    room := case when target.failures_in_row >= p_failures then 1 else p_per_endpoint end - lane_in_flight;
    room := least(room, p_per_clinic - clinic_in_flight, p_limit - took);
    continue when room <= 0;
    for org_id, delivery_id, endpoint_id, claim in
      update public.delivery_queue q
         set lease_until = now() + make_interval(secs => p_seconds), due_at = now() + make_interval(secs => p_seconds),
             claims = q.claims + 1
       where q.org_id = at_org and q.delivery_id in (
               select d.delivery_id from public.delivery_queue d
                where d.org_id = at_org and d.endpoint_id = at_endpoint and d.due_at <= now()
                order by d.due_at limit room for update skip locked)
      returning q.org_id, q.delivery_id, q.endpoint_id, q.claims
    loop
      clinic_in_flight := clinic_in_flight + 1;
      took := took + 1;
      return next;
    end loop;
    exit when took >= p_limit;
  end loop;
end
$$;

-- Clinics that hold payloads or answers of events out for longer than they asked for, in the order of their ids.
create function list_overdue_deliveries(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.id from public.organizations o
   where o.id > p_after
     and (exists (select 1 from public.outbound_events e
                   where e.org_id = o.id and e.emptied_at is null
                     and e.created_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.delivery_attempts a
                   where a.org_id = o.id and a.emptied_at is null
                     and a.attempted_at < now() - make_interval(days => o.retention_days)))
   order by o.id limit p_limit
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.lease_deliveries(uuid, uuid, integer, integer, integer, integer, integer)'::regprocedure,
    'public.list_overdue_deliveries(uuid, integer)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function lease_deliveries, list_overdue_deliveries to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
