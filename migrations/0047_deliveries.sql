-- Deliveries at work: endpoints that were switched off are incidents, a clinic's deliveries have a rate, and taking what
-- is due costs one look into an index however many endpoints wait.

-- An endpoint that was switched off stands on the overview until somebody has seen to it; staff may be who does.
alter table incidents drop constraint incidents_kind_check;
alter table incidents add constraint incidents_kind_check
  check (kind in ('not_connected', 'paused', 'refused', 'unreachable', 'gone', 'failing'));
comment on column incidents.target is 'The provider''s word: twilio; of an endpoint, endpoint: and its id.';
call let_role_write('incidents', 'update', '{owner,admin,service,platform}');

-- As before, in one statement, and with a rate. Lanes (the endpoints that something waits for) are found by stepping
-- through the index from one to the next, which gives the earliest due time of each; only where that has come the
-- endpoint is looked at. Of a clinic, no more is taken than keeps its tries of the last second, those in flight among them,
-- below p_per_second: what was recorded within that second and what is leased now are counted, so any number of processes
-- share the rate by the clock of the database. Every clinic gets its first one before any gets its second; of equals, who
-- comes after the one that was served last goes first. One worker takes at a time; the others come back a moment later.
drop function lease_deliveries(uuid, uuid, integer, integer, integer, integer, integer);
grant create on schema public to voxanne_gate;
create function lease_deliveries(p_org uuid, p_endpoint uuid, p_limit integer, p_seconds integer, p_per_clinic integer,
                                 p_per_endpoint integer, p_failures integer, p_per_second integer)
returns table (org_id uuid, delivery_id uuid, endpoint_id uuid, claim integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
-- The queue grows from nothing to a hundred thousand rows within minutes; what was counted before must not lead away
-- from the index.
set enable_seqscan = off set enable_bitmapscan = off as $$
#variable_conflict use_column
begin
  if not pg_try_advisory_xact_lock(7302348112026) then
    return;
  end if;
  if not exists (select 1 from public.delivery_queue q where q.due_at <= now()) then
    return;
  end if;
  return query
  with recursive lanes as (
    (select q.org_id, q.endpoint_id, q.due_at from public.delivery_queue q
      order by q.org_id, q.endpoint_id, q.due_at limit 1)
    union all
    select n.org_id, n.endpoint_id, n.due_at
      from lanes l
     cross join lateral (
       select q.org_id, q.endpoint_id, q.due_at from public.delivery_queue q
        where (q.org_id, q.endpoint_id) > (l.org_id, l.endpoint_id)
        order by q.org_id, q.endpoint_id, q.due_at limit 1) n
  ), in_flight as materialized (
    select q.org_id, q.endpoint_id, count(*) as number from public.delivery_queue q
     where q.lease_until is not null and q.lease_until > now()
     group by q.org_id, q.endpoint_id
  ), clinics as materialized (
    select d.org_id, least(p_per_clinic - d.in_flight, p_per_second - d.in_flight - r.number) as room
      from (select l.org_id,
                   coalesce((select sum(f.number) from in_flight f where f.org_id = l.org_id), 0)::bigint as in_flight
              from lanes l where l.due_at <= now() group by l.org_id) d
     cross join lateral (
       select count(*) as number
         from (select 1 from public.delivery_attempts a
                where a.org_id = d.org_id and a.attempted_at > now() - interval '1 second'
                order by a.attempted_at desc limit p_per_second) recent) r
  ), chosen as (
    select w.org_id, w.delivery_id, w.endpoint_id,
           row_number() over (partition by w.org_id order by w.place, w.is_before, w.endpoint_id) as place,
           w.is_before, w.room
      from (select l.org_id, l.endpoint_id, q.delivery_id, c.room,
                   (l.org_id, l.endpoint_id) <= (p_org, p_endpoint) as is_before,
                   row_number() over (partition by l.org_id, l.endpoint_id order by q.due_at) as place
              from lanes l
              join clinics c on c.org_id = l.org_id and c.room > 0
              join public.endpoints e on e.org_id = l.org_id and e.id = l.endpoint_id and e.is_active
               and (e.blocked_until is null or e.blocked_until <= now())
             cross join lateral (
               select case when e.failures_in_row >= p_failures then 1 else p_per_endpoint end
                      - coalesce((select f.number from in_flight f
                                   where f.org_id = l.org_id and f.endpoint_id = l.endpoint_id), 0) as room) own
             cross join lateral (
               select x.delivery_id, x.due_at from public.delivery_queue x
                where x.org_id = l.org_id and x.endpoint_id = l.endpoint_id and x.due_at <= now()
                order by x.due_at limit greatest(least(own.room, c.room), 0)) q
             where l.due_at <= now()) w
  ), taken as (
    select q.org_id, q.delivery_id, c.place, c.is_before from public.delivery_queue q
      join (select * from chosen where chosen.place <= chosen.room
             order by chosen.place, chosen.is_before, chosen.org_id, chosen.endpoint_id limit p_limit) c
        on c.org_id = q.org_id and c.delivery_id = q.delivery_id
       for update of q skip locked
  )
  update public.delivery_queue q
     set lease_until = now() + make_interval(secs => p_seconds), due_at = now() + make_interval(secs => p_seconds),
         claims = q.claims + 1
    from taken t
   where q.org_id = t.org_id and q.delivery_id = t.delivery_id
  returning q.org_id, q.delivery_id, q.endpoint_id, q.claims;
end
$$;
revoke all on function lease_deliveries(uuid, uuid, integer, integer, integer, integer, integer, integer) from public;
alter function lease_deliveries(uuid, uuid, integer, integer, integer, integer, integer, integer) owner to voxanne_gate;
set role voxanne_gate;
grant execute on function lease_deliveries to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;

-- What is dead or parked is counted up to a bound, and listed by state, within one index.
create index deliveries_by_state on deliveries (org_id, endpoint_id, status, created_at desc) where status <> 'succeeded';
