-- Tries that failed, by time: what somebody looks for who mends an endpoint. Few rows, so a small index.
create index delivery_attempts_by_failure on delivery_attempts (org_id, attempted_at desc, id desc)
  where outcome <> 'succeeded';
