-- What people who keep a page of calls, appointments, messages or agents open are told, when a message
-- last changed, and when Vapi was last asked about an assistant.

alter table messages add column updated_at timestamptz not null default now();
comment on column messages.updated_at is 'When its state last changed: who watches is told what changed lately.';
create index messages_changed on messages (org_id, updated_at);
create index calls_changed on calls (org_id, updated_at);
create index appointments_changed on appointments (org_id, updated_at);
create index notes_done on notes (org_id, done_at) where done_at is not null;

-- What the page of a call shows beside its messages: appointments that it made, moved or cancelled, and the
-- events that it caused.
alter table appointments add column ended_call_id text;
comment on column appointments.ended_call_id is 'The call in which it was cancelled, or moved away.';
create index appointments_call on appointments (org_id, call_id) where call_id is not null;
create index appointments_ended_call on appointments (org_id, ended_call_id) where ended_call_id is not null;
alter table outbound_events add column call_id text;
comment on column outbound_events.call_id is 'The call that caused it, by Vapi''s id.';
create index outbound_events_call on outbound_events (org_id, call_id) where call_id is not null;

alter table delivery_attempts add column claimed_at timestamptz;
comment on column delivery_attempts.claimed_at is 'When the worker that made the try had taken the delivery.';

-- The page of agents compares by itself: whoever opens it asks, once a minute at most for each of them.
alter table agent_configs
  add column vapi_asked_at timestamptz,
  add column vapi_unanswered boolean not null default false;
comment on column agent_configs.vapi_asked_at is 'When Vapi was last asked how its assistant is, because somebody opened the page.';
comment on column agent_configs.vapi_unanswered is 'True where nothing came of it; vapi_found is what was known before.';

grant create on schema public to voxanne_gate;
grant select (id, updated_at) on messages to voxanne_gate;
grant select (id, status, updated_at) on calls to voxanne_gate;
grant select (id) on appointments to voxanne_gate;
grant select (id, done_at) on notes to voxanne_gate;
grant select (id) on inbound_messages to voxanne_gate;
grant select (updated_at) on org_integrations to voxanne_gate;
grant select (org_id, id, last_seen_at, count, closed_at) on incidents to voxanne_gate;
grant select (org_id, id, vapi_state, vapi_found, vapi_checked_at, vapi_synced_at, vapi_unanswered, updated_at) on agent_configs to voxanne_gate;
create policy gate_select on incidents for select to voxanne_gate using (true);
create policy gate_select on agent_configs for select to voxanne_gate using (true);

-- As before, with the other screens. Rows that are changed in place are found by when they changed, of
-- the last `p_seconds`. What stays and has changed lately is listed a second time as something that ages
-- out: whoever begins to watch has read the page a moment before, and hears of what came in between.
drop function list_live_marks(uuid[], uuid);
create function list_live_marks(p_orgs uuid[], p_floor uuid, p_seconds float8)
returns table (org_id uuid, topic text, id uuid, mark text, stays boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select o.org_id, x.topic, x.id, x.mark, x.stays
    from unnest(p_orgs) as o (org_id)
   cross join (select now() - make_interval(secs => p_seconds) as since) s
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
            concat_ws(' ', i.verification_status, i.is_paused, i.active_credential_id, i.last_verified_at, i.updated_at), true
       from public.org_integrations i where i.org_id = o.org_id
     union all
     select 'status', i.id, i.updated_at::text, false
       from public.org_integrations i where i.org_id = o.org_id and i.updated_at >= s.since
     union all
     (select 'status', n.id, n.count || ' ' || n.last_seen_at, true
        from public.incidents n where n.org_id = o.org_id and n.closed_at is null
       limit 200)
     union all
     select 'agents', g.id, concat_ws(' ', g.vapi_state, g.vapi_found, g.vapi_unanswered, g.vapi_checked_at, g.vapi_synced_at, g.updated_at), true
       from public.agent_configs g where g.org_id = o.org_id
     union all
     select 'agents', g.id, concat_ws(' ', g.vapi_checked_at, g.vapi_synced_at, g.updated_at), false
       from public.agent_configs g
      where g.org_id = o.org_id and greatest(g.vapi_checked_at, g.vapi_synced_at, g.updated_at) >= s.since
     union all
     (select 'deliveries', a.id, '', false
        from public.delivery_attempts a
       where a.org_id = o.org_id and a.id >= p_floor
       order by a.id desc limit 200)
     union all
     (select 'deliveries', q.delivery_id, q.claims || ' ' || q.due_at, true
        from public.delivery_queue q where q.org_id = o.org_id
       limit 200)
     union all
     (select 'calls', c.id, c.status || ' ' || c.updated_at, false
        from public.calls c where c.org_id = o.org_id and c.updated_at >= s.since
       order by c.updated_at desc limit 200)
     union all
     (select 'calls', l.id, l.status, false
        from public.alerts l
       where l.org_id = o.org_id and l.id >= p_floor
       order by l.id desc limit 200)
     union all
     (select 'appointments', p.id, p.status || ' ' || p.updated_at, false
        from public.appointments p where p.org_id = o.org_id and p.updated_at >= s.since
       order by p.updated_at desc limit 200)
     union all
     (select 'appointments', n.id, coalesce(n.done_at::text, ''), false
        from public.notes n where n.org_id = o.org_id and n.created_at >= s.since
       order by n.created_at desc limit 200)
     union all
     (select 'appointments', n.id, n.done_at::text, false
        from public.notes n where n.org_id = o.org_id and n.done_at >= s.since
       order by n.done_at desc limit 200)
     union all
     (select 'messages', m.id, m.status || ' ' || m.updated_at, false
        from public.messages m where m.org_id = o.org_id and m.updated_at >= s.since
       order by m.updated_at desc limit 200)
     union all
     (select 'messages', m.id, '', false
        from public.inbound_messages m
       where m.org_id = o.org_id and m.id >= p_floor
       order by m.id desc limit 200)
   ) x
$$;

do $$
begin
  execute 'revoke all on function public.list_live_marks(uuid[], uuid, float8) from public';
  execute 'alter function public.list_live_marks(uuid[], uuid, float8) owner to voxanne_gate';
end
$$;
set role voxanne_gate;
grant execute on function list_live_marks(uuid[], uuid, float8) to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
