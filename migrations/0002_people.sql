-- Organizations, users, who belongs where, sessions and API keys.

create table organizations (
  id uuid primary key,
  name text not null constraint organizations_name_length check (length(name) between 1 and 120),
  slug text not null constraint organizations_slug_key unique
    constraint organizations_slug_form check (slug ~ '^[a-z0-9](-?[a-z0-9])*$' and length(slug) <= 60),
  time_zone text not null default 'UTC',
  country text not null default 'US',
  retention_days integer not null default 30 check (retention_days between 1 and 3650),
  keep_transcripts boolean not null default false,
  created_at timestamptz not null default now(),
  suspended_at timestamptz
);
comment on table organizations is 'A clinic. Global: its own id is the tenant.';
alter table organizations enable row level security;
alter table organizations force row level security;
create policy own_select on organizations for select to voxanne_app
  using (id = (select current_setting('app.org_id')::uuid));
create policy own_update on organizations for update to voxanne_app
  using (id = (select current_setting('app.org_id')::uuid)
         and (select current_setting('app.role')) = any ('{owner,admin}'::text[]))
  with check (id = (select current_setting('app.org_id')::uuid)
         and (select current_setting('app.role')) = any ('{owner,admin}'::text[]));
create policy backup_select on organizations for select to voxanne_backup using (true);
grant select on organizations to voxanne_app, voxanne_backup;
grant update (name, time_zone, country, retention_days, keep_transcripts) on organizations to voxanne_app;

create table users (
  id uuid primary key,
  email text not null constraint users_email_key unique check (email = lower(email) and length(email) between 3 and 254),
  name text not null check (length(name) between 1 and 120),
  password_hash text not null,
  created_at timestamptz not null default now(),
  disabled_at timestamptz
);
comment on table users is 'A person who signs in. Global: one person may belong to several clinics.';
revoke all on users from public;
grant select, insert, update on users to voxanne_app;
grant select on users to voxanne_backup;

create table platform_admins (
  user_id uuid primary key references users,
  created_at timestamptz not null default now()
);
comment on table platform_admins is 'Staff who run the service. Global.';
revoke all on platform_admins from public;
grant select, insert on platform_admins to voxanne_app;
grant select on platform_admins to voxanne_backup;

create table memberships (
  org_id uuid not null references organizations,
  user_id uuid not null references users,
  role text not null check (role in ('owner', 'admin', 'member')),
  created_at timestamptz not null default now(),
  primary key (org_id, user_id)
);
create index memberships_user on memberships (user_id, org_id);
call protect_tenant_table('memberships', '{owner,service}', '{owner}', '{owner}');

create table sessions (
  id_hash bytea primary key check (octet_length(id_hash) = 32),
  user_id uuid references users,
  org_id uuid references organizations,
  data bytea not null,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  idle_expires_at timestamptz not null,
  expires_at timestamptz not null,
  address text,
  user_agent text
);
comment on table sessions is 'Browser sessions; the key is the SHA-256 of the cookie. Global: a session exists before its clinic is known.';
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);
revoke all on sessions from public;
grant select, insert, update, delete on sessions to voxanne_app;

create table api_keys (
  org_id uuid not null references organizations,
  id uuid not null,
  name text not null check (length(name) between 1 and 80),
  prefix text not null,
  key_hash bytea not null constraint api_keys_hash_key unique check (octet_length(key_hash) = 32),
  role text not null check (role in ('admin', 'member')),
  created_by uuid references users,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  primary key (org_id, id)
);
call protect_tenant_table('api_keys', '{owner,admin}', '{owner,admin}', '{owner}');

create table rate_counters (
  key bytea primary key,
  window_start timestamptz not null default now(),
  hits integer not null default 1
);
comment on table rate_counters is 'Throttles that all processes share, keyed by a hash. Global.';
revoke all on rate_counters from public;
grant select, insert, update, delete on rate_counters to voxanne_app;
