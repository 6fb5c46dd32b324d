-- Which clinics have appointments whose outcome is to be found out, or patients' data that was kept
-- long enough. The gate names clinics and sees no sealed column.

grant create on schema public to voxanne_gate;
grant select (org_id, status, must_release, updated_at, ends_at, emptied_at) on appointments to voxanne_gate;
grant select (org_id, created_at, emptied_at) on notes to voxanne_gate;
create policy gate_select on appointments for select to voxanne_gate using (true);
create policy gate_select on notes for select to voxanne_gate using (true);

-- Bookings that nobody knows the outcome of, and cancelled ones whose event is still in the calendar.
create function list_open_appointments(p_seconds integer, p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select distinct a.org_id from public.appointments a
   where (a.status = 'pending' or a.must_release)
     and a.updated_at < now() - make_interval(secs => p_seconds) and a.org_id > p_after
   order by 1 limit p_limit
$$;

-- Clinics that hold data of patients for longer than they asked for: of an appointment from its end,
-- of a note from the call.
create function list_overdue_patients(p_after uuid, p_limit integer) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.id from public.organizations o
   where o.id > p_after
     and (exists (select 1 from public.appointments a
                   where a.org_id = o.id and a.emptied_at is null
                     and a.ends_at < now() - make_interval(days => o.retention_days))
          or exists (select 1 from public.notes n
                   where n.org_id = o.id and n.emptied_at is null
                     and n.created_at < now() - make_interval(days => o.retention_days)))
   order by o.id limit p_limit
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.list_open_appointments(integer, uuid, integer)'::regprocedure,
    'public.list_overdue_patients(uuid, integer)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function list_open_appointments, list_overdue_patients to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
