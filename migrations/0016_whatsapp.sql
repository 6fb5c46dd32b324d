-- WhatsApp: messages are also read, and news of them arrive by the provider's id.

alter table messages drop constraint messages_status_check;
alter table messages add constraint messages_status_check
  check (status in ('sending', 'queued', 'sent', 'delivered', 'read', 'failed', 'parked'));

-- What a status names is one message of one clinic. For WhatsApp this is a hash of Meta's id, which
-- would tell the recipient's number to whoever reads the row.
create index messages_provider_message on messages (org_id, provider, provider_message_id)
  where provider_message_id is not null;
