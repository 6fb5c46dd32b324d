-- Keys and what they seal. Nothing here can be opened without a key that is not in the database.

create table installation (
  only_row boolean primary key default true check (only_row),
  id uuid not null,
  is_sandbox boolean not null,
  public_url text not null,
  created_at timestamptz not null default now()
);
comment on table installation is 'Which installation this is: marks what we make at providers, and keeps sandbox data apart from real data. Global.';
revoke all on installation from public;
grant select, insert, update (public_url) on installation to voxanne_app;
grant select on installation to voxanne_backup;

create table key_checks (
  kek_id bigint primary key,
  state text not null check (state in ('current', 'staged', 'retired')),
  sealed bytea not null,
  created_at timestamptz not null default now()
);
comment on table key_checks is 'A fixed text sealed under each key-encryption key, opened at every start. Global.';
revoke all on key_checks from public;
grant select, insert, update on key_checks to voxanne_app;
grant select on key_checks to voxanne_backup;

create table platform_keys (
  version integer primary key check (version > 0),
  kek_id bigint not null references key_checks,
  wrapped bytea not null,
  seals_reserved bigint not null default 0,
  created_at timestamptz not null default now()
);
comment on table platform_keys is 'Data keys for what belongs to no clinic. Global.';
revoke all on platform_keys from public;
grant select, insert, update on platform_keys to voxanne_app;
grant select on platform_keys to voxanne_backup;

create table data_keys (
  org_id uuid not null references organizations,
  version integer not null check (version > 0),
  kek_id bigint not null references key_checks,
  wrapped bytea not null,
  state text not null default 'current' check (state in ('current', 'superseded')),
  seals_reserved bigint not null default 0,
  created_at timestamptz not null default now(),
  primary key (org_id, version)
);
call protect_tenant_table('data_keys', '{owner,admin,member,service,platform}', '{owner,admin,member,service,platform}', '{owner}');

create table org_integrations (
  org_id uuid not null references organizations,
  id uuid not null,
  provider text not null check (provider ~ '^[a-z0-9_]{1,32}$'),
  label text not null default 'Primary' check (length(label) between 1 and 60),
  is_primary boolean not null default true,
  is_paused boolean not null default false,
  active_credential_id uuid,
  verification_status text not null default 'pending'
    check (verification_status in ('pending', 'verified', 'failed', 'undetermined')),
  capabilities jsonb not null default '[]',
  identity text,
  identity_name text,
  last_verified_at timestamptz,
  last_success_at timestamptz,
  last_refusal_at timestamptz,
  verification_error text,
  fix_hint text,
  fix_url text,
  created_by uuid,
  updated_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint org_integrations_label_key unique (org_id, provider, label)
);
create unique index org_integrations_primary on org_integrations (org_id, provider) where is_primary;
call protect_tenant_table('org_integrations', '{owner,admin}', '{owner,admin,service,platform}', '{owner}');

create table org_credentials (
  org_id uuid not null,
  id uuid not null,
  integration_id uuid not null,
  provider text not null,
  sealed bytea not null,
  key_version integer not null,
  hint jsonb not null,
  created_by uuid,
  created_at timestamptz not null default now(),
  superseded_at timestamptz,
  disconnected_at timestamptz,
  draft_expires_at timestamptz,
  report jsonb,
  primary key (org_id, id),
  foreign key (org_id, integration_id) references org_integrations,
  foreign key (org_id, key_version) references data_keys
);
comment on column org_credentials.draft_expires_at is 'Set while the row is a draft: tested, not saved, good for one use until then.';
create index org_credentials_integration on org_credentials (org_id, integration_id, created_at desc);
call protect_tenant_table('org_credentials', '{owner,admin}', '{owner,admin,service}', '{owner,admin,service}');
alter table org_integrations add constraint org_integrations_active_credential
  foreign key (org_id, active_credential_id) references org_credentials deferrable initially deferred;

create table credential_changes (
  seq bigint generated always as identity primary key,
  org_id uuid not null,
  at timestamptz not null default now()
);
comment on table credential_changes is 'Which organizations changed, in order: what a process reads that lost its listener. Global, no facts but ids.';
revoke all on credential_changes from public;
grant select, insert, delete on credential_changes to voxanne_app;
