-- What a webhook costs the database, halved.
--
-- Of what one row of the inbox cost, a fifth was the check of its foreign key, one by one, and
-- reading two texts into a tree that nobody searches in. The clinic of an event comes from the route
-- of its assistant, which does have the foreign key, and from nowhere else: only a verified webhook
-- opens the inbox.
alter table inbound_events drop constraint inbound_events_org_id_fkey;

alter table inbound_events alter column summary drop default, alter column trace drop default;
alter table inbound_events
  alter column summary type json using summary::json,
  alter column trace type json using trace::json;
alter table inbound_events alter column summary set default '{}', alter column trace set default '[]';

-- What is sealed does not compress, so trying is time lost. And a message of a few kilobytes is as
-- well off beside its row: it is written once and read seldom.
alter table inbound_events alter column sealed_payload set storage external;
alter table inbound_events set (toast_tuple_target = 8160);

create or replace function accept_inbound(p_org uuid[], p_id uuid[], p_source text[], p_kind text[], p_call text[],
                                          p_dedupe bytea[], p_payload bytea[], p_key_version integer[], p_summary text[],
                                          p_trace text[], p_status text[])
returns table (id uuid)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.inbound_events
    (org_id, id, source, kind, call_id, dedupe_key, sealed_payload, key_version, summary, trace, status, processed_at, next_attempt_at)
  select u.org_id, u.id, u.source, u.kind, u.call_id, u.dedupe_key, u.payload, u.key_version, u.summary::json, u.trace::json,
         u.status, case when u.status = 'processed' then now() end,
         case when u.status = 'received' then now() + interval '1 minute' end
    from unnest(p_org, p_id, p_source, p_kind, p_call, p_dedupe, p_payload, p_key_version, p_summary, p_trace, p_status)
      as u (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, trace, status)
  on conflict (org_id, dedupe_key) do nothing
  returning inbound_events.id
$$;
