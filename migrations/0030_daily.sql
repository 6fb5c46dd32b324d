-- What is looked after once a day: assistants at Vapi, and counts that nobody reads any more.

alter table org_integrations add column ensured_at timestamptz;
comment on column org_integrations.ensured_at is 'When the assistants at Vapi were last found, or made, as they should be.';

grant create on schema public to voxanne_gate;
grant select (is_primary, is_paused, ensured_at) on org_integrations to voxanne_gate;

-- Clinics whose assistants nobody has looked at for that long. What somebody deleted at Vapi is noticed so.
create function list_unensured(p_hours integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select i.org_id from public.org_integrations i
   where i.provider = 'vapi' and i.is_primary and not i.is_paused and i.active_credential_id is not null
     and coalesce(i.ensured_at, 'epoch') < now() - make_interval(hours => p_hours) and i.org_id > p_after
   order by i.org_id limit p_limit
$$;

-- Clinics with counts of what machines did that are older than that.
create function list_old_counts(p_days integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select distinct c.org_id from public.machine_counts c
   where c.minute < now() - make_interval(days => p_days) and c.org_id > p_after
   order by 1 limit p_limit
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.list_unensured(integer, uuid, integer)'::regprocedure,
    'public.list_old_counts(integer, uuid, integer)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function list_unensured, list_old_counts to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
