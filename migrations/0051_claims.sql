-- Claims on assistants and telephone numbers move, where whoever has one can no longer read it at Vapi.

grant create on schema public to voxanne_gate;

-- Whose an id of Vapi's is. Asked by the service where a claim did not succeed, and by operators; no page
-- and no answer says it.
create function find_claim(p_id uuid) returns table (kind text, org_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select 'assistant', m.org_id from public.assistant_org_mapping m where m.vapi_assistant_id = p_id
  union all
  select 'phone_number', p.org_id from public.phone_number_org_mapping p where p.vapi_phone_number_id = p_id
$$;

-- Gives back one claim of the organization of the transaction, of either kind.
create function release_claim(p_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  own constant uuid := current_setting('app.org_id')::uuid;
  gone boolean;
begin
  delete from public.assistant_org_mapping m where m.vapi_assistant_id = p_id and m.org_id = own;
  gone := found;
  delete from public.phone_number_org_mapping p where p.vapi_phone_number_id = p_id and p.org_id = own;
  return gone or found;
end
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.find_claim(uuid)'::regprocedure,
    'public.release_claim(uuid)'::regprocedure]
  loop
    execute format('revoke all on function %s from public', f);
    execute format('alter function %s owner to voxanne_gate', f);
  end loop;
end
$$;
set role voxanne_gate;
grant execute on function find_claim, release_claim to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
