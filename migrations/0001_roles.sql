-- The roles of the database, and the one way to protect a tenant table.
--
-- voxanne_owner   owns and migrates; logs in only for that.
-- voxanne_app     what the server logs in as: owns nothing, bypasses nothing.
-- voxanne_gate    owns the security definer functions; nobody logs in as it.
-- voxanne_backup  reads everything, for dumps.
--
-- Roles belong to the whole cluster, so they are made only where they are missing.

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'voxanne_app') then
    create role voxanne_app login nosuperuser nobypassrls nocreatedb nocreaterole noinherit;
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'voxanne_gate') then
    create role voxanne_gate nologin nosuperuser nobypassrls;
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'voxanne_backup') then
    create role voxanne_backup nologin nosuperuser nobypassrls;
  end if;
end
$$;

-- Needed to hand functions over to the gate role. From PostgreSQL 16 on, who makes a role is a member
-- of it without the right to act as it, which is asked for by another word.
do $$
begin
  if not pg_catalog.pg_has_role(current_user, 'voxanne_gate',
       case when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) then
    execute pg_catalog.format('grant voxanne_gate to %I', current_user);
  end if;
end
$$;

-- Only these may connect, where the owner of the database keeps everybody else out.
do $$
begin
  execute pg_catalog.format('grant connect on database %I to voxanne_app, voxanne_backup', pg_catalog.current_database());
end
$$;

revoke all on schema public from public;
grant usage on schema public to voxanne_app, voxanne_gate, voxanne_backup;

-- An organization's rows stay its own: moving one is refused even where a policy would allow it.
create function keep_org_id() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if new.org_id is distinct from old.org_id then
    raise exception 'org_id of % can not change', tg_table_name using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end
$$;

-- Protects a tenant table: forced row-level security, a restrictive floor that ties every command
-- to the organization of the transaction, and one permissive policy per command. The setting is
-- read in its strict form: where it is unset, looking at a row is an error, never an empty answer.
-- The role lists say who may write; an empty list grants nothing.
create procedure protect_tenant_table(tbl regclass, insert_by text[], update_by text[], delete_by text[])
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  own constant text := 'org_id = (select current_setting(''app.org_id'')::uuid)';
  may constant text := '(select current_setting(''app.role'')) = any (%L::text[])';
begin
  execute format('alter table %s enable row level security', tbl);
  execute format('alter table %s force row level security', tbl);
  execute format('revoke all on %s from public', tbl);
  execute format('create policy tenant_floor on %s as restrictive for all to voxanne_app using (%s) with check (%s)', tbl, own, own);
  execute format('create policy tenant_select on %s for select to voxanne_app using (%s)', tbl, own);
  execute format('grant select on %s to voxanne_app', tbl);
  if cardinality(insert_by) > 0 then
    execute format('create policy tenant_insert on %s for insert to voxanne_app with check (%s and ' || may || ')', tbl, own, insert_by);
    execute format('grant insert on %s to voxanne_app', tbl);
  end if;
  if cardinality(update_by) > 0 then
    execute format('create policy tenant_update on %s for update to voxanne_app using (%s and ' || may || ') with check (%s and ' || may || ')',
                   tbl, own, update_by, own, update_by);
    execute format('grant update on %s to voxanne_app', tbl);
  end if;
  if cardinality(delete_by) > 0 then
    execute format('create policy tenant_delete on %s for delete to voxanne_app using (%s and ' || may || ')', tbl, own, delete_by);
    execute format('grant delete on %s to voxanne_app', tbl);
  end if;
  execute format('create policy backup_select on %s for select to voxanne_backup using (true)', tbl);
  execute format('grant select on %s to voxanne_backup', tbl);
  execute format('create trigger keep_org_id before update on %s for each row execute function public.keep_org_id()', tbl);
end
$$;
revoke all on procedure protect_tenant_table from public;
revoke all on function keep_org_id from public;
