-- What an agent may do during a call: when the clinic is open and for what, the appointments that
-- were made, the notes that agents take for the team.

-- Null means what every agent starts with. Nobody could choose tools before, so no choice is lost.
alter table agent_configs drop column tools;
alter table agent_configs
  add column tools text[],
  add column fallbacks jsonb,
  add column vapi_config_hash text,
  add column vapi_found text check (vapi_found in ('same', 'changed', 'gone')),
  add column vapi_checked_at timestamptz;
comment on column agent_configs.tools is 'The tools that are switched on; null means what every agent starts with.';
comment on column agent_configs.fallbacks is 'What happens when a tool can not do its work; null means the usual.';
comment on column agent_configs.vapi_config_hash is 'Hash of what was last sent to Vapi, without how its messages are authenticated.';
comment on column agent_configs.vapi_found is 'How the assistant at Vapi compared with what was last sent, at vapi_checked_at.';

-- One set for both agents. A clinic without a row has the usual hours and one service: rows of
-- tenant tables can not be made here, since row-level security is forced on whoever migrates.
create table clinic_schedules (
  org_id uuid primary key references organizations,
  plan jsonb not null,
  updated_by uuid,
  updated_at timestamptz not null default now()
);
call protect_tenant_table('clinic_schedules', '{owner,admin,service}', '{owner,admin,service}', '{owner}');

create table appointments (
  org_id uuid not null references organizations,
  id uuid not null,
  call_id text,
  service text not null,
  practitioner text,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  status text not null default 'pending' check (status in ('pending', 'booked', 'cancelled', 'failed')),
  sealed_patient bytea,
  key_version integer not null,
  patient_mask text not null,
  -- Keyed hash of clinic and number, by which a patient's appointments are found again.
  patient_key bytea,
  calendar_event_id text,
  -- The appointment that this one takes the place of.
  replaces uuid,
  -- The event is still to be taken out of the calendar.
  must_release boolean not null default false,
  reason text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  emptied_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
create index appointments_starts on appointments (org_id, starts_at);
create index appointments_patient on appointments (org_id, patient_key, starts_at) where patient_key is not null;
create index appointments_open on appointments (updated_at) where status = 'pending' or must_release;
create index appointments_filled on appointments (org_id, ends_at) where emptied_at is null;
call protect_tenant_table('appointments', '{service}', '{owner,admin,service}', '{owner,service}');

create table notes (
  org_id uuid not null references organizations,
  id uuid not null,
  kind text not null check (kind in ('message', 'callback', 'follow_up')),
  call_id text,
  caller_mask text,
  sealed_note bytea,
  key_version integer not null,
  created_at timestamptz not null default now(),
  done_at timestamptz,
  done_by uuid,
  emptied_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
create index notes_newest on notes (org_id, created_at desc);
create index notes_of_call on notes (org_id, call_id, kind) where call_id is not null;
create index notes_filled on notes (org_id, created_at) where emptied_at is null;
call protect_tenant_table('notes', '{service}', '{owner,admin,service}', '{owner,service}');

-- Confirmations of appointments, and the e-mail that stands in for a text message.
alter table messages drop constraint if exists messages_purpose_check;
alter table messages add constraint messages_purpose_check
  check (purpose in ('test', 'tool', 'alert', 'confirmation'));
alter table messages drop constraint if exists messages_channel_check;
alter table messages add constraint messages_channel_check check (channel in ('sms', 'whatsapp', 'email'));
