-- Agents, routing of webhooks, the durable inbox, tool calls, messages.

create table agent_configs (
  org_id uuid not null references organizations,
  role text not null check (role in ('inbound', 'outbound')),
  id uuid not null,
  name text not null check (length(name) between 1 and 40),
  first_message text not null check (length(first_message) <= 1000),
  system_prompt text not null check (length(system_prompt) <= 20000),
  model_provider text not null default 'openai',
  model text not null default 'gpt-4o',
  voice_provider text not null default 'vapi',
  voice_id text not null default 'Clara',
  language text not null default 'en',
  max_duration_seconds integer not null default 600 check (max_duration_seconds between 10 and 43200),
  tools text[] not null default '{send_sms}',
  vapi_assistant_id uuid,
  vapi_state text not null default 'missing' check (vapi_state in ('missing', 'pending', 'ready', 'failed', 'deleted')),
  vapi_error text,
  vapi_synced_hash text,
  vapi_synced_at timestamptz,
  updated_by uuid,
  updated_at timestamptz not null default now(),
  primary key (org_id, role)
);
call protect_tenant_table('agent_configs', '{owner,admin,service}', '{owner,admin,service}', '{owner}');

create table assistant_org_mapping (
  vapi_assistant_id uuid primary key,
  org_id uuid not null references organizations,
  role text not null check (role in ('inbound', 'outbound')),
  name text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
create index assistant_org_mapping_org on assistant_org_mapping (org_id);
comment on table assistant_org_mapping is 'Which clinic an assistant belongs to. Global, no rights for the app: reached through gate functions.';
revoke all on assistant_org_mapping from public;
grant select on assistant_org_mapping to voxanne_backup;

create table phone_number_org_mapping (
  vapi_phone_number_id uuid primary key,
  org_id uuid not null references organizations,
  number text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
create index phone_number_org_mapping_org on phone_number_org_mapping (org_id);
comment on table phone_number_org_mapping is 'Which clinic a Vapi phone number belongs to. Global, no rights for the app: reached through gate functions.';
revoke all on phone_number_org_mapping from public;
grant select on phone_number_org_mapping to voxanne_backup;

create table webhook_secrets (
  org_id uuid not null references organizations,
  id uuid not null,
  source text not null check (source in ('vapi')),
  scheme text not null check (scheme in ('hmac', 'bearer')),
  params jsonb not null default '{}',
  sealed bytea not null,
  key_version integer not null,
  provider_credential_id text,
  created_at timestamptz not null default now(),
  not_after timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
call protect_tenant_table('webhook_secrets', '{owner,admin,service}', '{owner,admin,service}', '{owner,service}');

create table leases (
  org_id uuid not null references organizations,
  name text not null,
  holder uuid not null,
  expires_at timestamptz not null,
  primary key (org_id, name)
);
call protect_tenant_table('leases', '{owner,admin,service,platform}', '{owner,admin,service,platform}', '{owner,admin,service,platform}');

create table jobs (
  org_id uuid not null references organizations,
  id uuid not null,
  kind text not null,
  payload jsonb not null default '{}',
  attempts integer not null default 0,
  run_at timestamptz not null default now(),
  lease_until timestamptz,
  error text,
  created_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint jobs_kind_key unique (org_id, kind)
);
create index jobs_due on jobs (run_at);
call protect_tenant_table('jobs', '{owner,admin,service}', '{owner,admin,service}', '{owner,admin,service}');

create table inbound_events (
  org_id uuid not null references organizations,
  id uuid not null,
  source text not null,
  kind text not null,
  call_id text,
  dedupe_key bytea not null,
  sealed_payload bytea,
  key_version integer not null,
  summary jsonb not null default '{}',
  status text not null default 'received' check (status in ('received', 'processed', 'parked')),
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  lease_until timestamptz,
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  error text,
  trace jsonb not null default '[]',
  primary key (org_id, id),
  constraint inbound_events_dedupe_key unique (org_id, dedupe_key)
);
create index inbound_events_due on inbound_events (next_attempt_at) where status = 'received';
call protect_tenant_table('inbound_events', '{service}', '{service}', '{owner,service}');

create table tool_calls (
  org_id uuid not null references organizations,
  call_id text not null,
  tool_call_id text not null,
  name text not null,
  status text not null default 'running' check (status in ('running', 'done', 'failed', 'parked')),
  result text,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (org_id, call_id, tool_call_id)
);
call protect_tenant_table('tool_calls', '{service}', '{service}', '{owner,service}');

create table messages (
  org_id uuid not null references organizations,
  id uuid not null,
  provider text not null,
  channel text not null check (channel in ('sms', 'whatsapp')),
  purpose text not null check (purpose in ('test', 'tool', 'alert')),
  recipient_mask text not null,
  sealed_content bytea,
  key_version integer not null,
  status text not null default 'sending' check (status in ('sending', 'queued', 'sent', 'delivered', 'failed', 'parked')),
  provider_message_id text,
  error_code text,
  error text,
  requested_by uuid,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
call protect_tenant_table('messages', '{owner,admin,service}', '{owner,admin,service}', '{owner,service}');
