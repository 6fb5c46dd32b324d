-- The gate functions: the only ways to see across organizations, each as narrow as its purpose.
--
-- They belong to voxanne_gate, which owns no table and bypasses nothing; what it may see is granted
-- column by column here. None of them raises on purpose: an error inside the BEGIN round trip would
-- hand a broken connection to the next user.

grant create on schema public to voxanne_gate;

grant select on organizations, memberships, data_keys, webhook_secrets, api_keys to voxanne_gate;
grant insert on organizations to voxanne_gate;
grant select (id, email, name, disabled_at) on users to voxanne_gate;
grant select on platform_admins to voxanne_gate;
grant select, update (last_seen_at, idle_expires_at) on sessions to voxanne_gate;
grant select, insert, delete, update (last_used_at, name, role) on assistant_org_mapping to voxanne_gate;
grant select, insert, delete, update (last_used_at, number) on phone_number_org_mapping to voxanne_gate;
grant insert, select (org_id, id, dedupe_key, status, next_attempt_at, lease_until, attempts, received_at),
      update (lease_until, attempts) on inbound_events to voxanne_gate;
grant select, insert, update (count) on machine_counts to voxanne_gate;
grant select (org_id, id, kind, run_at, lease_until, attempts), update (lease_until, attempts) on jobs to voxanne_gate;
grant select (org_id, id, expires_at, revoked_at, role, key_hash, last_used_at), update (last_used_at) on api_keys to voxanne_gate;

grant select (org_id, id, last_success_at), update (last_success_at) on org_integrations to voxanne_gate;

create policy gate_select on organizations for select to voxanne_gate using (true);
create policy gate_insert on organizations for insert to voxanne_gate with check (true);
create policy gate_select on memberships for select to voxanne_gate using (true);
create policy gate_select on data_keys for select to voxanne_gate using (true);
create policy gate_select on webhook_secrets for select to voxanne_gate using (true);
create policy gate_select on api_keys for select to voxanne_gate using (true);
create policy gate_update on api_keys for update to voxanne_gate using (true) with check (true);
create policy gate_insert on inbound_events for insert to voxanne_gate with check (true);
create policy gate_select on inbound_events for select to voxanne_gate using (true);
create policy gate_update on inbound_events for update to voxanne_gate using (true) with check (true);
create policy gate_select on org_integrations for select to voxanne_gate using (true);
create policy gate_update on org_integrations for update to voxanne_gate using (true) with check (true);
create policy gate_select on machine_counts for select to voxanne_gate using (true);
create policy gate_insert on machine_counts for insert to voxanne_gate with check (true);
create policy gate_update on machine_counts for update to voxanne_gate using (true) with check (true);
create policy gate_select on jobs for select to voxanne_gate using (true);
create policy gate_update on jobs for update to voxanne_gate using (true) with check (true);

-- Begins a browser request: who is asking, for which organization, in which role. Sets the three
-- settings of the transaction, or none of them and says why. `p_expected` is the organization that
-- the page was opened with; null where the caller has none.
create function begin_request(p_session bytea, p_expected uuid)
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

-- Begins a request that carries an API key, given the SHA-256 of the key.
create function begin_api_key(p_hash bytea)
returns table (verdict text, key_id uuid, org_id uuid, org_name text, role text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  k record;
begin
  select ak.id, ak.org_id, ak.role, ak.last_used_at, o.name, o.suspended_at into k
    from public.api_keys ak join public.organizations o on o.id = ak.org_id
   where ak.key_hash = p_hash and ak.revoked_at is null
     and (ak.expires_at is null or ak.expires_at > now());
  if not found then
    return query select 'no_key'::text, null::uuid, null::uuid, null::text, null::text;
  elsif k.suspended_at is not null then
    return query select 'suspended'::text, k.id, k.org_id, k.name, null::text;
  else
    if k.last_used_at is null or k.last_used_at < now() - interval '1 minute' then
      update public.api_keys ak set last_used_at = now() where ak.org_id = k.org_id and ak.id = k.id;
    end if;
    perform set_config('app.org_id', k.org_id::text, true),
            set_config('app.user_id', '', true),
            set_config('app.role', k.role, true);
    return query select 'ok'::text, k.id, k.org_id, k.name, k.role;
  end if;
end
$$;

-- The clinics that a person may switch to.
create function organizations_of(p_user uuid)
returns table (org_id uuid, name text, role text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.id, o.name, m.role
    from public.memberships m join public.organizations o on o.id = m.org_id
   where m.user_id = p_user and o.suspended_at is null
   order by o.name, o.id
$$;

create function create_organization(p_id uuid, p_name text, p_slug text, p_time_zone text, p_country text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.organizations (id, name, slug, time_zone, country)
  values (p_id, p_name, p_slug, p_time_zone, p_country)
$$;

-- How many clinics there are: the first-run page asks.
create function count_organizations() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select count(*) from public.organizations
$$;

-- Everything that verifying a Vapi webhook needs, in one answer: the clinic of an assistant (or,
-- failing that, of a phone number), its live verification secrets and the wrapped keys for them.
create function resolve_vapi(p_assistant uuid, p_phone_number uuid)
returns table (org_id uuid, role text, secret_id uuid, scheme text, params jsonb, sealed bytea, key_version integer,
               not_after timestamptz, wrapped bytea, kek_id bigint, keep_transcripts boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with hit as (
    select a.org_id, a.role, 0 as rank from public.assistant_org_mapping a where a.vapi_assistant_id = p_assistant
    union all
    select p.org_id, 'inbound', 1 from public.phone_number_org_mapping p where p.vapi_phone_number_id = p_phone_number
    order by rank limit 1
  )
  select h.org_id, h.role, s.id, s.scheme, s.params, s.sealed, s.key_version, s.not_after, k.wrapped, k.kek_id,
         o.keep_transcripts
    from hit h
    join public.organizations o on o.id = h.org_id and o.suspended_at is null
    left join public.webhook_secrets s on s.org_id = h.org_id and s.source = 'vapi'
                                       and (s.not_after is null or s.not_after > now())
    left join public.data_keys k on k.org_id = s.org_id and k.version = s.key_version
$$;

-- Claims an assistant for the organization of the transaction; the first claim wins. The caller
-- has read the assistant with the clinic's own key before.
create function claim_assistant(p_assistant uuid, p_role text, p_name text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  own constant uuid := current_setting('app.org_id')::uuid;
begin
  insert into public.assistant_org_mapping (vapi_assistant_id, org_id, role, name)
  values (p_assistant, own, p_role, p_name)
  on conflict (vapi_assistant_id) do update set name = excluded.name, role = excluded.role
   where assistant_org_mapping.org_id = own;
  return exists (select 1 from public.assistant_org_mapping m where m.vapi_assistant_id = p_assistant and m.org_id = own);
end
$$;

create function release_assistant(p_assistant uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  delete from public.assistant_org_mapping m
   where m.vapi_assistant_id = p_assistant and m.org_id = current_setting('app.org_id')::uuid
$$;

create function claim_phone_number(p_number_id uuid, p_number text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  own constant uuid := current_setting('app.org_id')::uuid;
begin
  insert into public.phone_number_org_mapping (vapi_phone_number_id, org_id, number)
  values (p_number_id, own, p_number)
  on conflict (vapi_phone_number_id) do update set number = excluded.number
   where phone_number_org_mapping.org_id = own;
  return exists (select 1 from public.phone_number_org_mapping m where m.vapi_phone_number_id = p_number_id and m.org_id = own);
end
$$;

-- Releases all that the organization of the transaction has claimed: Vapi was disconnected.
create function release_routes() returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  delete from public.assistant_org_mapping m where m.org_id = current_setting('app.org_id')::uuid;
  delete from public.phone_number_org_mapping m where m.org_id = current_setting('app.org_id')::uuid
$$;

-- What the organization of the transaction has claimed.
create function own_routes()
returns table (kind text, provider_id uuid, role text, name text, last_used_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select 'assistant', m.vapi_assistant_id, m.role, m.name, m.last_used_at
    from public.assistant_org_mapping m where m.org_id = current_setting('app.org_id')::uuid
  union all
  select 'phone_number', p.vapi_phone_number_id, 'inbound', p.number, p.last_used_at
    from public.phone_number_org_mapping p where p.org_id = current_setting('app.org_id')::uuid
$$;

-- Notes when assistants were last used, gathered in memory by the caller.
create function touch_assistants(p_ids uuid[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update public.assistant_org_mapping m set last_used_at = now() where m.vapi_assistant_id = any (p_ids)
$$;

-- Notes when integrations last served a real use, gathered in memory by the caller.
create function touch_integrations(p_org uuid[], p_id uuid[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update public.org_integrations i set last_success_at = now()
    from unnest(p_org, p_id) as u (org_id, id) where i.org_id = u.org_id and i.id = u.id
$$;

-- Stores verified events of several organizations in one statement and tells which of them are
-- new; the others were there before. `received` ones are being answered right now: workers leave
-- them alone for a minute. One unknown organization fails the statement, and the caller
-- then tries row by row.
create function accept_inbound(p_org uuid[], p_id uuid[], p_source text[], p_kind text[], p_call text[], p_dedupe bytea[],
                               p_payload bytea[], p_key_version integer[], p_summary text[], p_trace text[], p_status text[])
returns table (id uuid)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.inbound_events
    (org_id, id, source, kind, call_id, dedupe_key, sealed_payload, key_version, summary, trace, status, processed_at, next_attempt_at)
  select u.org_id, u.id, u.source, u.kind, u.call_id, u.dedupe_key, u.payload, u.key_version, u.summary::jsonb, u.trace::jsonb,
         u.status, case when u.status = 'processed' then now() end,
         case when u.status = 'received' then now() + interval '1 minute' end
    from unnest(p_org, p_id, p_source, p_kind, p_call, p_dedupe, p_payload, p_key_version, p_summary, p_trace, p_status)
      as u (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, trace, status)
  on conflict (org_id, dedupe_key) do nothing
  returning inbound_events.id
$$;

-- Takes due events for this worker, oldest first, under a lease by database time.
create function lease_inbound(p_limit integer, p_seconds integer)
returns table (org_id uuid, id uuid, attempts integer)
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
  returning e.org_id, e.id, e.attempts
$$;

create function lease_jobs(p_limit integer, p_seconds integer)
returns table (org_id uuid, id uuid, kind text, attempts integer)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with due as (
    select j.org_id, j.id from public.jobs j
     where j.run_at <= now() and (j.lease_until is null or j.lease_until < now())
     order by j.run_at limit p_limit for update skip locked
  )
  update public.jobs j
     set lease_until = now() + make_interval(secs => p_seconds), attempts = j.attempts + 1
    from due where j.org_id = due.org_id and j.id = due.id
  returning j.org_id, j.id, j.kind, j.attempts
$$;

-- Adds counts of what machines did, gathered in memory per organization, cause and minute.
create function add_machine_counts(p_org uuid[], p_minute timestamptz[], p_cause text[], p_count bigint[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.machine_counts as c (org_id, minute, cause, count)
  select * from unnest(p_org, p_minute, p_cause, p_count)
  on conflict (org_id, minute, cause) do update set count = c.count + excluded.count
$$;

do $$
declare
  f regprocedure;
begin
  for f in
    select p.oid::regprocedure from pg_catalog.pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.prosecdef
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
do $$
declare
  f regprocedure;
begin
  for f in
    select p.oid::regprocedure from pg_catalog.pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.prosecdef
  loop
    execute format('grant execute on function %s to voxanne_app', f);
  end loop;
end
$$;
reset role;
revoke create on schema public from voxanne_gate;
