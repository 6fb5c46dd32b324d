-- Staff of the platform in a clinic: only with a reason, for an hour, in the clinic's own trail, and with
-- the rights of a role of their own.

create table support_grants (
  org_id uuid not null references organizations,
  id uuid not null,
  user_id uuid not null,
  staff text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  primary key (org_id, id)
);
create index support_grants_live on support_grants (org_id, user_id, expires_at) where ended_at is null;
call protect_tenant_table('support_grants', '{platform}', '{owner,platform}', '{owner,service}');

-- What setting up an account of a clinic touches, and nothing else: staff never read a patient's message
-- by a right of their own, change no agent and send nothing.
create procedure let_role_write(tbl regclass, cmd text, roles text[])
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  own constant text := 'org_id = (select current_setting(''app.org_id'')::uuid)';
  may constant text := '(select current_setting(''app.role'')) = any (%L::text[])';
begin
  execute format('drop policy tenant_%s on %s', cmd, tbl);
  if cmd = 'insert' then
    execute format('create policy tenant_insert on %s for insert to voxanne_app with check (%s and ' || may || ')', tbl, own, roles);
  elsif cmd = 'update' then
    execute format('create policy tenant_update on %s for update to voxanne_app using (%s and ' || may || ') with check (%s and ' || may || ')',
                   tbl, own, roles, own, roles);
  else
    execute format('create policy tenant_delete on %s for delete to voxanne_app using (%s and ' || may || ')', tbl, own, roles);
  end if;
end
$$;
revoke all on procedure let_role_write from public;

call let_role_write('org_integrations', 'insert', '{owner,admin,platform}');
call let_role_write('org_credentials', 'insert', '{owner,admin,platform}');
call let_role_write('org_credentials', 'update', '{owner,admin,service,platform}');
call let_role_write('org_credentials', 'delete', '{owner,admin,service,platform}');
call let_role_write('oauth_tokens', 'delete', '{owner,admin,service,platform}');
call let_role_write('jobs', 'insert', '{owner,admin,service,platform}');
call let_role_write('jobs', 'update', '{owner,admin,service,platform}');
call let_role_write('jobs', 'delete', '{owner,admin,service,platform}');
call let_role_write('webhook_secrets', 'update', '{owner,admin,service,platform}');
call let_role_write('agent_configs', 'update', '{owner,admin,service,platform}');

grant create on schema public to voxanne_gate;
grant select (org_id, user_id, expires_at, ended_at) on support_grants to voxanne_gate;
create policy gate_select on support_grants for select to voxanne_gate using (true);

-- As before, and: staff with a live grant for the session's clinic are in it, as `platform`.
create or replace function begin_request(p_session bytea, p_expected uuid)
returns table (verdict text, user_id uuid, user_name text, user_email text, org_id uuid, org_name text, role text, is_staff boolean,
               organizations text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s record;
begin
  select se.user_id, se.org_id, se.last_seen_at, se.idle_expires_at, se.expires_at,
         u.name, u.email, u.disabled_at,
         o.name as org_name, o.suspended_at, m.role,
         exists (select 1 from public.platform_admins p where p.user_id = se.user_id) as is_staff
    into s
    from public.sessions se
    left join public.users u on u.id = se.user_id
    left join public.organizations o on o.id = se.org_id
    left join public.memberships m on m.org_id = se.org_id and m.user_id = se.user_id
   where se.id_hash = p_session;
  if not found or s.user_id is null or s.disabled_at is not null
     or s.expires_at <= now() or s.idle_expires_at <= now() then
    return query select 'no_session'::text, null::uuid, null::text, null::text, null::uuid, null::text, null::text, false, null::text;
    return;
  end if;
  if s.last_seen_at < now() - interval '1 minute' then
    update public.sessions se
       set last_seen_at = now(),
           idle_expires_at = now() + (s.idle_expires_at - s.last_seen_at)
     where se.id_hash = p_session;
  end if;
  if s.role is null and s.is_staff and s.org_id is not null and exists (
       select 1 from public.support_grants g
        where g.org_id = s.org_id and g.user_id = s.user_id and g.ended_at is null and g.expires_at > now()) then
    s.role := 'platform';
  end if;
  if s.org_id is null or s.role is null then
    return query select 'no_organization'::text, s.user_id, s.name, s.email, null::uuid, null::text, null::text, s.is_staff, null::text;
  elsif s.suspended_at is not null then
    return query select 'suspended'::text, s.user_id, s.name, s.email, s.org_id, s.org_name, null::text, s.is_staff, null::text;
  elsif p_expected is not null and p_expected <> s.org_id then
    return query select 'other_organization'::text, s.user_id, s.name, s.email, s.org_id, s.org_name, null::text, s.is_staff, null::text;
  else
    perform set_config('app.org_id', s.org_id::text, true),
            set_config('app.user_id', s.user_id::text, true),
            set_config('app.role', s.role, true);
    return query select 'ok'::text, s.user_id, s.name, s.email, s.org_id, s.org_name, s.role, s.is_staff,
      (select coalesce(json_agg(json_build_array(x.id, x.name) order by x.name), '[]')::text
         from (select o.id, o.name from public.memberships m join public.organizations o on o.id = m.org_id
                where m.user_id = s.user_id and o.suspended_at is null) x);
  end if;
end
$$;

-- Begins a request of staff for any clinic, named by the address: with a live grant, or, where
-- `p_opening` says so, to open one. Whoever is no staff learns nothing.
create function begin_platform(p_session bytea, p_org uuid, p_opening boolean)
returns table (verdict text, user_id uuid, user_name text, user_email text, org_id uuid, org_name text, role text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  s record;
begin
  select se.user_id, u.name, u.email, o.id as org_id, o.name as org_name,
         exists (select 1 from public.support_grants g
                  where g.org_id = p_org and g.user_id = se.user_id and g.ended_at is null and g.expires_at > now()) as has_grant
    into s
    from public.sessions se
    join public.users u on u.id = se.user_id and u.disabled_at is null
    join public.platform_admins p on p.user_id = se.user_id
    join public.organizations o on o.id = p_org
   where se.id_hash = p_session and se.expires_at > now() and se.idle_expires_at > now();
  if not found then
    return query select 'not_staff'::text, null::uuid, null::text, null::text, null::uuid, null::text, null::text;
  elsif not s.has_grant and not p_opening then
    return query select 'no_grant'::text, s.user_id, s.name, s.email, s.org_id, s.org_name, null::text;
  else
    perform set_config('app.org_id', s.org_id::text, true),
            set_config('app.user_id', s.user_id::text, true),
            set_config('app.role', 'platform', true);
    return query select 'ok'::text, s.user_id, s.name, s.email, s.org_id, s.org_name, 'platform'::text;
  end if;
end
$$;

-- Every clinic, for staff: how many accounts are connected, how many need somebody, whether this person
-- has access now. Nobody else gets a row.
grant select (org_id, active_credential_id, verification_status, is_paused) on org_integrations to voxanne_gate;
create function list_clinics_for_staff(p_session bytea)
returns table (id uuid, name text, slug text, suspended_at timestamptz, connected bigint, attention bigint, access_until timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.id, o.name, o.slug, o.suspended_at,
         (select count(*) from public.org_integrations i where i.org_id = o.id and i.active_credential_id is not null),
         (select count(*) from public.org_integrations i
           where i.org_id = o.id and i.active_credential_id is not null and i.verification_status = 'failed'),
         (select max(g.expires_at) from public.support_grants g
           where g.org_id = o.id and g.user_id = se.user_id and g.ended_at is null and g.expires_at > now())
    from public.sessions se
    join public.users u on u.id = se.user_id and u.disabled_at is null
    join public.platform_admins p on p.user_id = se.user_id
    cross join public.organizations o
   where se.id_hash = p_session and se.expires_at > now() and se.idle_expires_at > now()
   order by o.name, o.id
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.begin_platform(bytea, uuid, boolean)'::regprocedure,
    'public.list_clinics_for_staff(bytea)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function begin_platform, list_clinics_for_staff to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
