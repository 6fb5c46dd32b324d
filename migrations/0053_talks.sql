-- A call in which somebody of the clinic tries an agent out from the browser. It is told apart from the calls of
-- patients, which may come from a browser too: it is nobody's lead.
alter table calls drop constraint calls_direction_check;
alter table calls add constraint calls_direction_check
  check (direction in ('inbound', 'outbound', 'web', 'talk', 'unknown'));
