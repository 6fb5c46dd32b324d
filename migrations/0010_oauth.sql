-- Consent that a clinic gives on a provider's own page: what is under way, and what came of it.

-- One consent that somebody has begun and not ended yet. What the answer is held against (the code verifier of PKCE,
-- the nonce, the clinic's own OAuth client) is sealed; the state itself is kept as its SHA-256 only.
create table oauth_attempts (
  org_id uuid not null references organizations,
  id uuid not null,
  provider text not null,
  state_hash bytea not null,
  session_hash bytea not null,
  started_by uuid not null,
  sealed bytea not null,
  key_version integer not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (org_id, id),
  foreign key (org_id, key_version) references data_keys
);
comment on column oauth_attempts.used_at is 'Set by the first answer; kept for a day, so that a second one is told apart from a forged one.';
call protect_tenant_table('oauth_attempts', '{owner,admin}', '{owner,admin,service}', '{owner,admin,service}');

-- The token pair that a consent gave, sealed anew in place at each refresh. One for an issuer: the cards of one issuer
-- share a consent, because the issuer takes it back as a whole. The revision changes with the pair and not with the key
-- that seals it: a refresh is stored only over the revision that it began with.
create table oauth_tokens (
  org_id uuid not null references organizations,
  id uuid not null,
  issuer text not null,
  subject text not null,
  email text,
  scopes text[] not null,
  sealed bytea not null,
  key_version integer not null,
  revision bigint not null default 1,
  expires_at timestamptz not null,
  consented_at timestamptz not null default now(),
  refused_at timestamptz,
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint oauth_tokens_issuer_key unique (org_id, issuer),
  foreign key (org_id, key_version) references data_keys
);
comment on column oauth_tokens.expires_at is 'When the access token ends.';
comment on column oauth_tokens.refused_at is 'Set when the issuer no longer takes the refresh token: only a new consent helps.';
call protect_tenant_table('oauth_tokens', '{owner,admin}', '{owner,admin,service}', '{owner,admin,service}');
