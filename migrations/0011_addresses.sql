-- Addresses that people keep. Orders have copies, so nothing points here.
CREATE TABLE addresses (
  id {{id}},
  user_id BIGINT NOT NULL,
  type TEXT NOT NULL,
  label TEXT NOT NULL DEFAULT '',
  full_name TEXT NOT NULL DEFAULT '',
  line1 TEXT NOT NULL,
  line2 TEXT NOT NULL DEFAULT '',
  city TEXT NOT NULL,
  region TEXT NOT NULL DEFAULT '',
  postal_code TEXT NOT NULL DEFAULT '',
  country TEXT NOT NULL,
  phone TEXT NOT NULL DEFAULT '',
  is_default BOOLEAN NOT NULL DEFAULT FALSE,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT addresses_type_check CHECK (type IN ('shipping', 'billing', 'other')),
  CONSTRAINT addresses_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX addresses_user_id ON addresses (user_id, id);
CREATE UNIQUE INDEX addresses_one_default ON addresses (user_id, type) WHERE is_default = TRUE;
