-- What an account was last used for, beside when: "last used by a call" is said of a call only.

alter table org_integrations add column last_use text;
comment on column org_integrations.last_use is 'What last_success_at was about: a word of the program''s own.';

grant create on schema public to voxanne_gate;
grant update (last_use) on org_integrations to voxanne_gate;

-- Notes real uses that succeeded, gathered in memory by the caller.
drop function touch_integrations(uuid[], uuid[]);
create function touch_integrations(p_org uuid[], p_id uuid[], p_use text[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update public.org_integrations i set last_success_at = now(), last_use = u.use
    from unnest(p_org, p_id, p_use) as u (org_id, id, use) where i.org_id = u.org_id and i.id = u.id
$$;

-- Notes that verified messages of calls came in: from these assistants, and for these clinics where the
-- message named none. Vapi's card of the clinic was used by a call then. It is found here, so that taking
-- in a message costs nothing but the memory of its assistant.
drop function touch_assistants(uuid[]);
create function touch_assistants(p_ids uuid[], p_orgs uuid[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update public.assistant_org_mapping m set last_used_at = now() where m.vapi_assistant_id = any (p_ids);
  update public.org_integrations i set last_success_at = now(), last_use = 'call'
   where i.provider = 'vapi' and i.is_primary and i.active_credential_id is not null
     and i.org_id = any (p_orgs || array(
           select m.org_id from public.assistant_org_mapping m where m.vapi_assistant_id = any (p_ids)))
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.touch_integrations(uuid[], uuid[], text[])'::regprocedure,
    'public.touch_assistants(uuid[], uuid[])'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function touch_integrations, touch_assistants to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
