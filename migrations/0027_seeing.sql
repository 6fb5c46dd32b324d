-- What the pages of inbound events look for, and what people who keep a page open are told.

-- All events of one call; and those that wait for a person, of which there are few. The list itself
-- goes along the primary key, whose ids are ordered by time.
create index inbound_events_call on inbound_events (org_id, call_id, id) where call_id is not null;
create index inbound_events_parked on inbound_events (org_id, id) where status = 'parked';

grant create on schema public to voxanne_gate;
grant select (verification_status, is_paused, last_verified_at) on org_integrations to voxanne_gate;
grant select (id) on delivery_attempts to voxanne_gate;

-- What a watcher compares from one second to the next, of the clinics that somebody watches: ids and
-- states. `stays` is true for what is listed until it changes; the others age out of the window that
-- begins at `p_floor`.
create function list_live_marks(p_orgs uuid[], p_floor uuid)
returns table (org_id uuid, topic text, id uuid, mark text, stays boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.org_id, x.topic, x.id, x.mark, x.stays
    from unnest(p_orgs) as o (org_id)
   cross join lateral (
     (select 'events'::text as topic, e.id, e.status || ' ' || e.attempts as mark, e.status = 'received' as stays
        from public.inbound_events e
       where e.org_id = o.org_id and e.id >= p_floor
       order by e.id desc limit 200)
     union all
     (select 'events', e.id, e.status || ' ' || e.attempts, true
        from public.inbound_events e
       where e.org_id = o.org_id and e.status = 'received' and e.id < p_floor
       limit 200)
     union all
     select 'status', i.id,
            concat_ws(' ', i.verification_status, i.is_paused, i.active_credential_id, i.last_verified_at), true
       from public.org_integrations i where i.org_id = o.org_id
     union all
     (select 'deliveries', a.id, '', false
        from public.delivery_attempts a
       where a.org_id = o.org_id and a.id >= p_floor
       order by a.id desc limit 200)
     union all
     (select 'deliveries', q.delivery_id, q.claims || ' ' || q.due_at, true
        from public.delivery_queue q where q.org_id = o.org_id
       limit 200)
   ) x
$$;

-- Which of those who watch may do so no longer, by their place in the list: the session or key has
-- ended, the person is no member any more (and no staff with a live grant) or has gone to another clinic,
-- or the clinic is suspended. Unlike the functions that begin a request, it does not count as a use of
-- the session. In plpgsql, whose statements are read when it is called: grants of staff come with a later
-- file.
create function list_ended_watchers(p_proof bytea[], p_is_key boolean[], p_org uuid[]) returns setof bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query
  select w.place
    from unnest(p_proof, p_is_key, p_org) with ordinality as w (proof, is_key, org_id, place)
   where not case when w.is_key then exists (
           select 1 from public.api_keys k join public.organizations o on o.id = k.org_id
            where k.key_hash = w.proof and k.org_id = w.org_id and k.revoked_at is null
              and (k.expires_at is null or k.expires_at > now()) and o.suspended_at is null)
         else exists (
           select 1 from public.sessions s
             join public.users u on u.id = s.user_id
             join public.organizations o on o.id = s.org_id
            where s.id_hash = w.proof and s.org_id = w.org_id and u.disabled_at is null
              and s.expires_at > now() and s.idle_expires_at > now() and o.suspended_at is null
              and (exists (select 1 from public.memberships m
                            where m.org_id = s.org_id and m.user_id = s.user_id)
                   or exists (select 1 from public.support_grants g
                                join public.platform_admins p on p.user_id = g.user_id
                               where g.org_id = s.org_id and g.user_id = s.user_id
                                 and g.ended_at is null and g.expires_at > now())))
         end;
end
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.list_live_marks(uuid[], uuid)'::regprocedure,
    'public.list_ended_watchers(bytea[], boolean[], uuid[])'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function list_live_marks, list_ended_watchers to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
