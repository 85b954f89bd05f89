-- Of an erased account nothing is left but the id.
CREATE TABLE users (
  id {{id}},
  email TEXT NOT NULL,
  email_key TEXT NOT NULL,
  username TEXT,
  username_key TEXT,
  password_hash TEXT NOT NULL,
  first_name TEXT NOT NULL DEFAULT '',
  last_name TEXT NOT NULL DEFAULT '',
  phone TEXT NOT NULL DEFAULT '',
  address TEXT NOT NULL DEFAULT '',
  role TEXT NOT NULL DEFAULT 'customer',
  is_active BOOLEAN NOT NULL DEFAULT TRUE,
  email_verified_at BIGINT,
  last_login_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  erased_at BIGINT,
  CONSTRAINT users_email_key_key UNIQUE (email_key),
  CONSTRAINT users_username_key_key UNIQUE (username_key),
  CONSTRAINT users_role_check CHECK (role IN ('admin', 'customer'))
);
CREATE INDEX users_erased_at ON users (id) WHERE erased_at IS NOT NULL;

-- One login on one device. A session that has ended never comes back.
CREATE TABLE sessions (
  id {{id}},
  user_id BIGINT NOT NULL,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT,
  end_reason TEXT,
  CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_id ON sessions (user_id, id);

-- The family of a session: each token is used once and names nothing but its hash.
CREATE TABLE refresh_tokens (
  id {{id}},
  session_id BIGINT NOT NULL,
  token_hash {{bytes}} NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
  CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);
