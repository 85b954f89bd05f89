-- Logins that were tried, and what staff changed. Both are written and read, never rewritten for the record's sake.

-- An attempt counts against its account and its address as long as it names their buckets: success, a reset or an
-- admin takes the names away. `pending` = the password is being checked.
CREATE TABLE login_attempts (
  id {{id}},
  at BIGINT NOT NULL,
  user_id BIGINT,
  email_key TEXT NOT NULL,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT,
  account_bucket TEXT,
  address_bucket TEXT,
  CONSTRAINT login_attempts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL,
  CONSTRAINT login_attempts_outcome_check CHECK (outcome IN ('pending', 'succeeded', 'failed', 'locked', 'refused'))
);
CREATE INDEX login_attempts_account_bucket ON login_attempts (account_bucket, at) WHERE account_bucket IS NOT NULL;
CREATE INDEX login_attempts_address_bucket ON login_attempts (address_bucket, at) WHERE address_bucket IS NOT NULL;
CREATE INDEX login_attempts_user_id ON login_attempts (user_id, id);
CREATE INDEX login_attempts_email_key ON login_attempts (email_key, id);
CREATE INDEX login_attempts_ip ON login_attempts (ip, id);
CREATE INDEX login_attempts_at ON login_attempts (at);

-- Who counts in a bucket holds its row.
CREATE TABLE login_buckets (
  bucket TEXT NOT NULL PRIMARY KEY,
  touched_at BIGINT NOT NULL
);
CREATE INDEX login_buckets_touched_at ON login_buckets (touched_at);

-- Who takes an admin away holds this row, so that two cannot take the last two.
INSERT INTO generations (area, value) VALUES ('admins', 1);

-- What staff changed. `before` and `after` hold the changed members as JSON. The actor stays named when the account
-- is gone, so there is no foreign key.
CREATE TABLE audit_log (
  id {{id}},
  at BIGINT NOT NULL,
  actor_id BIGINT NOT NULL,
  action TEXT NOT NULL,
  subject_type TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  before TEXT,
  after TEXT,
  request_id TEXT NOT NULL
);
CREATE INDEX audit_log_actor_id ON audit_log (actor_id, id);
CREATE INDEX audit_log_subject ON audit_log (subject_type, subject_id, id);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_at ON audit_log (at);

-- Sessions for the lists of admins, and those that still live.
CREATE INDEX sessions_last_seen_at ON sessions (last_seen_at);
CREATE INDEX users_role ON users (role, id);
