-- Addresses of endpoints are secrets: whoever knows one can post to it, and n8n and Zapier put a token into its path. They
-- are sealed as one with what is sent along, so nobody who can only write to the table pairs a stored token with another
-- address. And what was typed into the form of an endpoint that was not right waits sealed, as a draft.

-- SQL can seal nothing, so rows from before keep `url` and `sealed_auth` until a worker has sealed them, which it does as
-- soon as it starts. Both columns are empty from then on.
alter table endpoints
  alter column url drop not null,
  add column sealed_target bytea,
  add column address text;
comment on column endpoints.url is 'The address of a row from before it was sealed; null in all others.';
comment on column endpoints.sealed_auth is 'The headers of such a row; null in all others.';
comment on column endpoints.sealed_target is 'Where events go, and headers of the clinic''s own or a bearer. Of a destination that is no URL, the address under which people open it.';
comment on column endpoints.address is 'That address with its path masked; null in a row from before.';
comment on column endpoints.key_version is 'Of sealed_target; in a row from before, of sealed_auth.';
create index endpoints_plain on endpoints (org_id) where address is null;

create table endpoint_drafts (
  org_id uuid not null references organizations,
  id uuid not null,
  endpoint_id uuid,
  sealed bytea not null,
  key_version integer not null,
  created_by text not null,
  expires_at timestamptz not null,
  primary key (org_id, id),
  foreign key (org_id, endpoint_id) references endpoints on delete cascade,
  foreign key (org_id, key_version) references data_keys
);
comment on table endpoint_drafts is 'Address, bearer and headers that somebody typed a moment ago into a form that was not right.';
comment on column endpoint_drafts.endpoint_id is 'Whose form it was; null for a new endpoint.';
comment on column endpoint_drafts.created_by is 'Who typed it: a draft serves nobody else.';
create index endpoint_drafts_endpoint on endpoint_drafts (org_id, endpoint_id) where endpoint_id is not null;
create index endpoint_drafts_expired on endpoint_drafts (expires_at);
call protect_tenant_table('endpoint_drafts', '{owner,admin,platform}', '{owner,admin,service,platform}',
                          '{owner,admin,service,platform}');

grant create on schema public to voxanne_gate;
grant select (address) on endpoints to voxanne_gate;
grant select (org_id, expires_at) on endpoint_drafts to voxanne_gate;
create policy gate_select on endpoint_drafts for select to voxanne_gate using (true);

-- Clinics with endpoints whose address lies open, or with drafts that have expired, in the order of their ids.
create function list_untended_endpoints(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select e.org_id from public.endpoints e where e.address is null and e.org_id > p_after
  union
  select d.org_id from public.endpoint_drafts d where d.expires_at < now() and d.org_id > p_after
   order by 1 limit p_limit
$$;
revoke all on function list_untended_endpoints(uuid, integer) from public;
alter function list_untended_endpoints(uuid, integer) owner to voxanne_gate;
set role voxanne_gate;
grant execute on function list_untended_endpoints to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
