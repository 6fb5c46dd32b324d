-- The audit trail: one chain of rows per organization and one for the platform, and counters for
-- what machines do. The app may add and read; nobody who serves requests may change or remove.

create table audit_heads (
  org_id uuid primary key references organizations,
  seq bigint not null,
  hash bytea not null,
  sealed_key bytea not null,
  key_version integer not null
);
call protect_tenant_table('audit_heads', '{owner,admin,member,service,platform}', '{owner,admin,member,service,platform}', '{}');

create table audit_log (
  org_id uuid not null references organizations,
  seq bigint not null,
  at timestamptz not null,
  actor text not null,
  action text not null,
  target text not null,
  outcome text not null check (outcome in ('success', 'failure', 'denied')),
  address text,
  user_agent text,
  request_id text,
  details text not null default '',
  prev_hash bytea not null,
  hash bytea not null,
  primary key (org_id, seq)
);
call protect_tenant_table('audit_log', '{owner,admin,member,service,platform}', '{}', '{}');

create table platform_audit_head (
  only_row boolean primary key default true check (only_row),
  seq bigint not null,
  hash bytea not null,
  sealed_key bytea not null,
  key_version integer not null
);
comment on table platform_audit_head is 'Head of the platform''s own chain. Global.';
revoke all on platform_audit_head from public;
grant select, insert, update on platform_audit_head to voxanne_app;
grant select on platform_audit_head to voxanne_backup;

create table platform_audit_log (
  seq bigint primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  target text not null,
  outcome text not null check (outcome in ('success', 'failure', 'denied')),
  address text,
  user_agent text,
  request_id text,
  details text not null default '',
  prev_hash bytea not null,
  hash bytea not null
);
comment on table platform_audit_log is 'What happens outside of any clinic: failed sign-ins, start-ups, key changes. Global.';
revoke all on platform_audit_log from public;
grant select, insert on platform_audit_log to voxanne_app;
grant select on platform_audit_log to voxanne_backup;

create table machine_counts (
  org_id uuid not null references organizations,
  minute timestamptz not null,
  cause text not null,
  count bigint not null,
  primary key (org_id, minute, cause)
);
call protect_tenant_table('machine_counts', '{service}', '{service}', '{owner,service}');
