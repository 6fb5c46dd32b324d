-- What patients write, and who does not want to be written to.

create table inbound_messages (
  org_id uuid not null references organizations,
  id uuid not null,
  provider text not null,
  channel text not null check (channel in ('sms', 'whatsapp')),
  sender_mask text not null,
  number_hash bytea not null,
  keyword text check (keyword in ('stop', 'start', 'help')),
  sealed_content bytea,
  key_version integer not null,
  received_at timestamptz not null,
  emptied_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
comment on column inbound_messages.id is 'The id of the event that brought it, so that it is there once.';
comment on column inbound_messages.sealed_content is 'Number and text.';
create index inbound_messages_kept on inbound_messages (org_id, received_at) where emptied_at is null;
call protect_tenant_table('inbound_messages', '{service}', '{service}', '{owner,service}');

-- A number is a keyed hash, made for one clinic. A row stays when the number wants messages again: news
-- that come late must not win over what was said after them.
create table opt_outs (
  org_id uuid not null references organizations,
  number_hash bytea not null,
  channel text not null check (channel in ('sms', 'whatsapp')),
  number_mask text not null,
  is_out boolean not null,
  source text not null check (source in ('patient', 'provider', 'staff')),
  changed_at timestamptz not null,
  primary key (org_id, number_hash, channel)
);
call protect_tenant_table('opt_outs', '{owner,admin,service}', '{owner,admin,service}', '{owner,service}');

grant create on schema public to voxanne_gate;
grant select (org_id, emptied_at, received_at) on inbound_messages to voxanne_gate;
create policy gate_select on inbound_messages for select to voxanne_gate using (true);

-- Clinics that hold payloads or texts for longer than they asked for, in the order of their ids.
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
                     and i.received_at < now() - make_interval(days => o.retention_days)))
   order by o.id limit p_limit
$$;
revoke create on schema public from voxanne_gate;

-- Whom a message was for, as in `opt_outs`: a refusal that comes later says who does not want it.
alter table messages add column recipient_hash bytea;
