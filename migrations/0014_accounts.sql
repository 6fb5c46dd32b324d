-- The same account in two clinics: each is told that it is shared, and neither with whom.

-- A keyed hash of provider and account, so that equality can be seen and nothing else.
alter table org_integrations add column account_fingerprint bytea;
create index org_integrations_account on org_integrations (account_fingerprint)
  where account_fingerprint is not null and active_credential_id is not null;

grant create on schema public to voxanne_gate;
grant select (account_fingerprint) on org_integrations to voxanne_gate;

-- Whether another clinic than the transaction's own uses the account now.
create function is_account_shared(p_fingerprint bytea) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select exists (
    select 1 from public.org_integrations i
     where i.account_fingerprint = p_fingerprint and i.active_credential_id is not null
       and i.org_id <> (select current_setting('app.org_id')::uuid))
$$;
revoke all on function is_account_shared(bytea) from public;
alter function is_account_shared(bytea) owner to voxanne_gate;
set role voxanne_gate;
grant execute on function is_account_shared to voxanne_app;
reset role;
revoke create on schema public from voxanne_gate;
