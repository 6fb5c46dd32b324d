-- What somebody has changed of an assistant in Vapi's own dashboard stays, until the agent is saved here.
alter table agent_configs add column vapi_overwrite boolean not null default false;
comment on column agent_configs.vapi_overwrite is 'The agent was saved here since: whatever Vapi has is replaced by it.';
