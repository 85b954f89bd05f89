-- status is the one word shown; it is written only together with the four columns that it is derived from.
-- Addresses are JSON: a text or an object. source 'import' is history: it never moved stock.
CREATE TABLE orders (
  id {{id}},
  order_number TEXT NOT NULL,
  user_id BIGINT,
  email TEXT NOT NULL DEFAULT '',
  token_hash {{bytes}},
  source TEXT NOT NULL DEFAULT 'shop',
  external_id TEXT,
  status TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  confirmed_at BIGINT,
  payment_status TEXT NOT NULL,
  fulfillment_status TEXT NOT NULL,
  payment_method TEXT NOT NULL,
  currency TEXT NOT NULL,
  prices_include_tax BOOLEAN NOT NULL DEFAULT TRUE,
  items_count BIGINT NOT NULL,
  subtotal_minor BIGINT NOT NULL,
  discount_minor BIGINT NOT NULL DEFAULT 0,
  shipping_minor BIGINT NOT NULL DEFAULT 0,
  tax_minor BIGINT NOT NULL DEFAULT 0,
  total_minor BIGINT NOT NULL,
  captured_minor BIGINT NOT NULL DEFAULT 0,
  refunded_minor BIGINT NOT NULL DEFAULT 0,
  shipping_address TEXT,
  billing_address TEXT,
  note TEXT NOT NULL DEFAULT '',
  version BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  anonymised_at BIGINT,
  CONSTRAINT orders_order_number_key UNIQUE (order_number),
  CONSTRAINT orders_external_id_key UNIQUE (external_id),
  CONSTRAINT orders_source_check CHECK (source IN ('shop', 'import')),
  CONSTRAINT orders_lifecycle_check CHECK (lifecycle IN ('open', 'cancelled', 'expired', 'closed')),
  CONSTRAINT orders_payment_status_check CHECK (payment_status IN ('pending', 'authorized', 'paid', 'failed', 'partially_refunded', 'refunded')),
  CONSTRAINT orders_fulfillment_status_check CHECK (fulfillment_status IN ('unfulfilled', 'processing', 'partially_shipped', 'shipped', 'delivered', 'partially_returned', 'returned')),
  CONSTRAINT orders_captured_minor_check CHECK (refunded_minor >= 0 AND refunded_minor <= captured_minor AND captured_minor <= total_minor),
  CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX orders_user_id ON orders (user_id, id);
CREATE INDEX orders_status ON orders (status, id);
CREATE INDEX orders_created_at ON orders (created_at, id);
CREATE INDEX orders_guest_email ON orders (LOWER(email)) WHERE user_id IS NULL AND email <> '';

-- What was bought, as it was called and priced at that moment.
CREATE TABLE order_lines (
  id {{id}},
  order_id BIGINT NOT NULL,
  product_id BIGINT,
  variant_id BIGINT,
  product_name TEXT NOT NULL,
  variant_title TEXT NOT NULL DEFAULT '',
  sku TEXT,
  quantity BIGINT NOT NULL,
  shipped_quantity BIGINT NOT NULL DEFAULT 0,
  price_minor BIGINT NOT NULL,
  subtotal_minor BIGINT NOT NULL,
  discount_minor BIGINT NOT NULL DEFAULT 0,
  tax_minor BIGINT NOT NULL DEFAULT 0,
  tax_rate TEXT,
  CONSTRAINT order_lines_quantity_check CHECK (quantity > 0),
  CONSTRAINT order_lines_shipped_quantity_check CHECK (shipped_quantity >= 0 AND shipped_quantity <= quantity),
  CONSTRAINT order_lines_subtotal_minor_check CHECK (subtotal_minor = quantity * price_minor),
  CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id),
  CONSTRAINT order_lines_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id),
  CONSTRAINT order_lines_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES variants (id)
);
CREATE INDEX order_lines_order_id ON order_lines (order_id, id);
CREATE INDEX order_lines_product_id ON order_lines (product_id);
CREATE INDEX order_lines_variant_id ON order_lines (variant_id);

-- One row a step. Where each axis starts is no step: it is the same for every order.
CREATE TABLE order_history (
  id {{id}},
  order_id BIGINT NOT NULL,
  axis TEXT NOT NULL,
  from_status TEXT NOT NULL,
  to_status TEXT NOT NULL,
  actor_id BIGINT,
  note TEXT NOT NULL DEFAULT '',
  at BIGINT NOT NULL,
  CONSTRAINT order_history_axis_check CHECK (axis IN ('lifecycle', 'payment', 'fulfillment')),
  CONSTRAINT order_history_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id)
);
CREATE INDEX order_history_order_id ON order_history (order_id, id);
