-- Hot leads are told side by side: a provider of one clinic that does not answer keeps no other clinic waiting.

grant create on schema public to voxanne_gate;

-- Takes due alerts for this worker under a lease, the oldest of each clinic first and so many of one clinic at
-- the same time, and says whose process died before its end. What is due is decided by the caller's clock,
-- which decided the quiet hours too; leases by the database's. `attempts` is the claim of whoever took it.
drop function lease_alerts(timestamptz, integer, integer);
create function lease_alerts(p_now timestamptz, p_limit integer, p_seconds integer, p_per_clinic integer)
returns table (org_id uuid, id uuid, attempts integer, was_sending boolean)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with flying as (
    select f.org_id, count(*) as number from public.alerts f
     where f.status = 'sending' and f.lease_until >= now() group by f.org_id),
  turns as (
    select w.org_id, w.id, w.due_at, row_number() over (partition by w.org_id order by w.due_at) as turn
      from public.alerts w
     where w.status in ('waiting', 'sending') and w.due_at <= p_now
       and (w.status = 'waiting' or w.lease_until < now())),
  due as (
    select a.org_id, a.id, a.status from turns t
      join public.alerts a on a.org_id = t.org_id and a.id = t.id
      left join flying f on f.org_id = t.org_id
     where t.turn + coalesce(f.number, 0) <= p_per_clinic
       and a.status in ('waiting', 'sending') and (a.status = 'waiting' or a.lease_until < now())
     order by t.turn, t.due_at limit p_limit for update of a skip locked)
  update public.alerts a
     set status = 'sending', lease_until = now() + make_interval(secs => p_seconds), attempts = a.attempts + 1
    from due where a.org_id = due.org_id and a.id = due.id
  returning a.org_id, a.id, a.attempts, due.status = 'sending'
$$;
revoke all on function lease_alerts(timestamptz, integer, integer, integer) from public;
alter function lease_alerts(timestamptz, integer, integer, integer) owner to voxanne_gate;
set role voxanne_gate;
grant execute on function lease_alerts to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;

-- What agents have sent in a call, and in the last hour, is counted before they send more.
create index messages_of_tools on messages (org_id, created_at) where purpose = 'tool';
