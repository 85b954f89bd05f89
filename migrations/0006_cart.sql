-- Belongs to a user or to whoever holds the token. Every write to a line adds 1 to version first.
CREATE TABLE carts (
  id {{id}},
  user_id BIGINT,
  token_hash {{bytes}},
  version BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT carts_user_id_key UNIQUE (user_id),
  CONSTRAINT carts_token_hash_key UNIQUE (token_hash),
  CONSTRAINT carts_owner_check CHECK ((user_id IS NULL) <> (token_hash IS NULL)),
  CONSTRAINT carts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
){{hot}};

CREATE TABLE cart_lines (
  id {{id}},
  cart_id BIGINT NOT NULL,
  variant_id BIGINT NOT NULL,
  quantity BIGINT NOT NULL,
  added_at BIGINT NOT NULL,
  CONSTRAINT cart_lines_cart_id_variant_id_key UNIQUE (cart_id, variant_id),
  CONSTRAINT cart_lines_quantity_check CHECK (quantity > 0),
  CONSTRAINT cart_lines_cart_id_fkey FOREIGN KEY (cart_id) REFERENCES carts (id) ON DELETE CASCADE,
  CONSTRAINT cart_lines_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES variants (id) ON DELETE CASCADE
){{hot}};
CREATE INDEX cart_lines_variant_id ON cart_lines (variant_id);
