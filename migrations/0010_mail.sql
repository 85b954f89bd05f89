-- What a link in a mail stands for: a row from the moment it is asked for. Its token is made when the mail is sent and
-- stands in that mail only; here is its SHA-256. Who asked (address and agent) is kept.
CREATE TABLE mail_links (
  id {{id}},
  user_id BIGINT NOT NULL,
  purpose TEXT NOT NULL,
  email TEXT NOT NULL,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  token_hash {{bytes}},
  expires_at BIGINT,
  ended_at BIGINT,
  end_reason TEXT,
  CONSTRAINT mail_links_token_hash_key UNIQUE (token_hash),
  CONSTRAINT mail_links_purpose_check CHECK (purpose IN ('verify_email', 'reset_password', 'change_email')),
  CONSTRAINT mail_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX mail_links_user_id ON mail_links (user_id, purpose);
CREATE INDEX mail_links_asked_at ON mail_links (asked_at);
