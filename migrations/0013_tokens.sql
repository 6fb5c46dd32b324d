-- Other programs: scopes of API keys, and tokens of issuers that the operator trusts.

-- Null allows all that the key's role may; else only what is named: 'integrations:read'.
alter table api_keys add column scopes text[];

-- Whose tokens are believed. Global: an issuer belongs to the installation, and may speak for one
-- clinic or for any. What an HMAC issuer signs with is sealed with the platform's data key.
create table jwt_issuers (
  id uuid primary key,
  issuer text not null unique check (issuer <> ''),
  audience text not null check (audience <> ''),
  only_organization uuid references organizations,
  max_role text not null check (max_role in ('admin', 'member')),
  jwks_url text,
  sealed_secret bytea,
  key_version integer,
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  check ((jwks_url is null) <> (sealed_secret is null)),
  check ((sealed_secret is null) = (key_version is null))
);
comment on table jwt_issuers is 'Issuers of tokens that other programs bring. Global.';
revoke all on jwt_issuers from public;
grant select, insert, update on jwt_issuers to voxanne_app;
grant select on jwt_issuers to voxanne_backup, voxanne_gate;

grant create on schema public to voxanne_gate;

-- As before, and with the scopes of the key, separated by spaces; null where it has none.
drop function begin_api_key(bytea);
create function begin_api_key(p_hash bytea)
returns table (verdict text, key_id uuid, org_id uuid, org_name text, role text, scopes text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  k record;
begin
  select ak.id, ak.org_id, ak.role, ak.last_used_at, ak.scopes, o.name, o.suspended_at into k
    from public.api_keys ak join public.organizations o on o.id = ak.org_id
   where ak.key_hash = p_hash and ak.revoked_at is null
     and (ak.expires_at is null or ak.expires_at > now());
  if not found then
    return query select 'no_key'::text, null::uuid, null::uuid, null::text, null::text, null::text;
  elsif k.suspended_at is not null then
    return query select 'suspended'::text, k.id, k.org_id, k.name, null::text, null::text;
  else
    if k.last_used_at is null or k.last_used_at < now() - interval '1 minute' then
      update public.api_keys ak set last_used_at = now() where ak.org_id = k.org_id and ak.id = k.id;
    end if;
    perform set_config('app.org_id', k.org_id::text, true),
            set_config('app.user_id', '', true),
            set_config('app.role', k.role, true);
    return query select 'ok'::text, k.id, k.org_id, k.name, k.role, array_to_string(k.scopes, ' ');
  end if;
end
$$;
grant select (scopes) on api_keys to voxanne_gate;

-- Begins a request that carries a verified token of an issuer, for the clinic that the token names.
-- A disabled issuer is refused at once, whatever a process remembers of it; a token never gets more
-- than its issuer may give.
create function begin_token(p_issuer uuid, p_org uuid, p_role text)
returns table (verdict text, org_id uuid, org_name text, role text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  t record;
  granted text;
begin
  select i.only_organization, i.max_role, o.id, o.name, o.suspended_at into t
    from public.jwt_issuers i left join public.organizations o on o.id = p_org
   where i.id = p_issuer and i.disabled_at is null;
  if not found then
    return query select 'no_key'::text, null::uuid, null::text, null::text;
  elsif t.id is null or (t.only_organization is not null and t.only_organization <> p_org) then
    return query select 'foreign_organization'::text, null::uuid, null::text, null::text;
  elsif t.suspended_at is not null then
    return query select 'suspended'::text, t.id, t.name, null::text;
  else
    granted := case when p_role = 'admin' and t.max_role = 'admin' then 'admin' else 'member' end;
    perform set_config('app.org_id', t.id::text, true),
            set_config('app.user_id', '', true),
            set_config('app.role', granted, true);
    return query select 'ok'::text, t.id, t.name, granted;
  end if;
end
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.begin_api_key(bytea)'::regprocedure,
    'public.begin_token(uuid, uuid, text)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function begin_api_key, begin_token to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
