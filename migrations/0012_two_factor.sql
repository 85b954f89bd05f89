-- The second factor of an account (RFC 6238). The secret is encrypted with a key that is not in the database; it counts
-- from its confirmation on. last_step: codes of this half minute and before are used up.
CREATE TABLE second_factors (
  user_id BIGINT NOT NULL PRIMARY KEY,
  secret {{bytes}} NOT NULL,
  confirmed_at BIGINT,
  last_step BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  CONSTRAINT second_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- For those who lost their device: each once, known by its SHA-256.
CREATE TABLE recovery_codes (
  id {{id}},
  user_id BIGINT NOT NULL,
  code_hash {{bytes}} NOT NULL,
  used_at BIGINT,
  CONSTRAINT recovery_codes_user_id_code_hash_key UNIQUE (user_id, code_hash),
  CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES second_factors (user_id) ON DELETE CASCADE
);
