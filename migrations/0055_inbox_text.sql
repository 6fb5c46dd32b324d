-- What a webhook costs the database, once more.
--
-- The summary and the trace are written by us alone, as JSON. As columns of that type each of them was parsed on its
-- way in, for every webhook; as text they are parsed by the few who read them.
alter table inbound_events
  alter column summary drop default,
  alter column trace drop default,
  alter column summary type text using summary::text,
  alter column trace type text using trace::text,
  alter column summary set default '{}',
  alter column trace set default '[]';

-- Stores verified events of any organizations; gives the ids of those that are new, or null where all are. To
-- collect the ids of each batch was work for an answer that nearly never says anything.
create or replace function accept_inbound(p_org uuid[], p_id uuid[], p_source text[], p_kind text[], p_call text[],
                                          p_dedupe bytea[], p_payload bytea[], p_key_version integer[], p_summary text[],
                                          p_trace text[], p_status text[])
returns uuid[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  insert into public.inbound_events
    (org_id, id, source, kind, call_id, dedupe_key, sealed_payload, key_version, summary, trace, status, processed_at, next_attempt_at)
  select u.org_id, u.id, u.source, u.kind, u.call_id, u.dedupe_key, u.payload, u.key_version, u.summary, u.trace,
         case u.status when 'due' then 'received' else u.status end,
         case when u.status = 'processed' then now() end,
         case u.status when 'due' then now() when 'received' then now() + interval '1 minute' end
    from unnest(p_org, p_id, p_source, p_kind, p_call, p_dedupe, p_payload, p_key_version, p_summary, p_trace, p_status)
      as u (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, trace, status)
  on conflict (org_id, dedupe_key) do nothing;
  get diagnostics v_count = row_count;
  if v_count = cardinality(p_id) then
    return null;
  end if;
  return coalesce((select array_agg(e.id)
                     from unnest(p_org, p_id) as u (org_id, id)
                     join public.inbound_events e on e.org_id = u.org_id and e.id = u.id), '{}');
end
$$;
