-- Who sends a clinic's text messages: its choice, and for each message who it was and why.

-- Words of providers. Null means that whatever is connected sends.
alter table organizations
  add column sms_primary text check (sms_primary <> ''),
  add column sms_fallback text check (sms_fallback <> ''),
  add constraint organizations_sms_choice check (
    sms_fallback is null or (sms_primary is not null and sms_fallback <> sms_primary));
grant update (sms_primary, sms_fallback) on organizations to voxanne_app;

-- Null in messages of before. The note says why a fallback was used.
alter table messages
  add column chosen text check (chosen in ('only', 'first', 'primary', 'fallback', 'asked')),
  add column chosen_note text;
