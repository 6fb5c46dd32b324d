-- What rotating keys and addresses needs to see across organizations: wrapped keys (never opened
-- here), their number per key-encryption key, and who has work to do.

grant create on schema public to voxanne_gate;

grant update (kek_id, wrapped) on data_keys to voxanne_gate;
create policy gate_update on data_keys for update to voxanne_gate using (true) with check (true);
grant insert, update (run_at, error) on jobs to voxanne_gate;
create policy gate_insert on jobs for insert to voxanne_gate with check (true);
grant select (provider, active_credential_id) on org_integrations to voxanne_gate;

-- Data keys that another than the given key-encryption key wraps.
create function list_keys_to_rewrap(p_kek bigint, p_limit integer)
returns table (org_id uuid, version integer, kek_id bigint, wrapped bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select k.org_id, k.version, k.kek_id, k.wrapped from public.data_keys k
   where k.kek_id <> p_kek order by k.org_id, k.version limit p_limit
$$;

-- Stores rewrapped keys, each only where it is still wrapped as it was read; returns how many.
create function store_rewrapped(p_org uuid[], p_version integer[], p_old bytea[], p_kek bigint, p_wrapped bytea[])
returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with done as (
    update public.data_keys k set kek_id = p_kek, wrapped = u.wrapped
      from unnest(p_org, p_version, p_old, p_wrapped) as u (org_id, version, old, wrapped)
     where k.org_id = u.org_id and k.version = u.version and k.wrapped = u.old
    returning 1
  )
  select count(*) from done
$$;

-- How many data keys each key-encryption key protects.
create function count_keys_by_kek() returns table (kek_id bigint, keys bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select k.kek_id, count(*) from public.data_keys k group by k.kek_id order by k.kek_id
$$;

-- Asks for a job in every organization that has Vapi connected: the service's address has changed.
create function request_job_everywhere(p_kind text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.jobs (org_id, id, kind)
  select i.org_id, gen_random_uuid(), p_kind from public.org_integrations i
   where i.provider = 'vapi' and i.active_credential_id is not null
  on conflict (org_id, kind) do update set run_at = now(), error = null
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.list_keys_to_rewrap(bigint, integer)'::regprocedure,
    'public.store_rewrapped(uuid[], integer[], bytea[], bigint, bytea[])'::regprocedure,
    'public.count_keys_by_kek()'::regprocedure,
    'public.request_job_everywhere(text)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function list_keys_to_rewrap, store_rewrapped, count_keys_by_kek, request_job_everywhere to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
