-- The telephone: a clinic's numbers at Vapi, and the calls that it places.

-- As Vapi told them last. Which clinic a number belongs to is said by phone_number_org_mapping alone.
create table phone_numbers (
  org_id uuid not null references organizations,
  id uuid not null,
  number text not null,
  name text not null default '',
  provider text not null default '',
  assistant_id uuid,
  refreshed_at timestamptz not null default now(),
  primary key (org_id, id)
);
comment on column phone_numbers.id is 'Vapi''s id.';
call protect_tenant_table('phone_numbers', '{owner,admin,service}', '{owner,admin,service}', '{owner,admin,service}');

create table outbound_calls (
  org_id uuid not null references organizations,
  id uuid not null,
  call_id text,
  customer_mask text not null,
  sealed_customer bytea,
  key_version integer not null,
  phone_number_id uuid not null,
  phone_number text not null,
  assistant_id uuid not null,
  status text not null default 'placing' check (status in ('placing', 'placed', 'failed', 'parked')),
  error_code text,
  error text,
  requested_by uuid,
  created_at timestamptz not null default now(),
  placed_at timestamptz,
  emptied_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
comment on column outbound_calls.id is 'Made by whoever asks, so that asking twice is one call.';
comment on column outbound_calls.call_id is 'Vapi''s id of the call.';
comment on column outbound_calls.sealed_customer is 'Number, name and variables.';
create index outbound_calls_newest on outbound_calls (org_id, created_at desc);
call protect_tenant_table('outbound_calls', '{owner,admin,service}', '{owner,admin,service}', '{owner,service}');

grant create on schema public to voxanne_gate;
grant select (org_id, status, emptied_at, created_at) on outbound_calls to voxanne_gate;
create policy gate_select on outbound_calls for select to voxanne_gate using (true);

-- Clinics with messages or calls whose process is gone: no send takes that long.
create or replace function list_stuck_messages(p_seconds integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select m.org_id from public.messages m
   where m.status = 'sending' and m.created_at < now() - make_interval(secs => p_seconds) and m.org_id > p_after
  union
  select c.org_id from public.outbound_calls c
   where c.status = 'placing' and c.created_at < now() - make_interval(secs => p_seconds) and c.org_id > p_after
   order by 1 limit p_limit
$$;

-- Clinics that hold payloads, texts or names for longer than they asked for, in the order of their ids.
create or replace function list_overdue_payloads(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.id from public.organizations o
   where o.id > p_after
     and (exists (select 1 from public.inbound_events e
                   where e.org_id = o.id and e.emptied_at is null and e.status <> 'received'
                     and e.received_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.messages m
                   where m.org_id = o.id and m.emptied_at is null and m.status <> 'sending'
                     and m.created_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.inbound_messages i
                   where i.org_id = o.id and i.emptied_at is null
                     and i.received_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.outbound_calls c
                   where c.org_id = o.id and c.emptied_at is null and c.status <> 'placing'
                     and c.created_at < now() - make_interval(days => o.retention_days)))
   order by o.id limit p_limit
$$;
revoke create on schema public from voxanne_gate;
