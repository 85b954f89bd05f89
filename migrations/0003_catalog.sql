CREATE TABLE categories (
  id {{id}},
  name TEXT NOT NULL,
  slug TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  parent_id BIGINT,
  external_id TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT categories_slug_key UNIQUE (slug),
  CONSTRAINT categories_external_id_key UNIQUE (external_id),
  CONSTRAINT categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES categories (id)
);
CREATE INDEX categories_parent_id ON categories (parent_id);

-- price_minor is the lowest price of the variants, kept by the one function that writes variants.
CREATE TABLE products (
  id {{id}},
  name TEXT NOT NULL,
  slug TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  category_id BIGINT,
  image_url TEXT,
  is_active BOOLEAN NOT NULL DEFAULT TRUE,
  is_featured BOOLEAN NOT NULL DEFAULT FALSE,
  price_minor BIGINT NOT NULL,
  version BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT products_slug_key UNIQUE (slug),
  CONSTRAINT products_price_minor_check CHECK (price_minor >= 0),
  CONSTRAINT products_category_id_fkey FOREIGN KEY (category_id) REFERENCES categories (id)
);
CREATE INDEX products_active ON products (is_active, id);
CREATE INDEX products_price ON products (is_active, price_minor, id);
CREATE INDEX products_name ON products (is_active, name, id);
CREATE INDEX products_created_at ON products (is_active, created_at, id);
CREATE INDEX products_category ON products (category_id, is_active, price_minor, id);
CREATE INDEX products_featured ON products (id) WHERE is_featured;

-- values: JSON array of text, in the order shown.
CREATE TABLE product_options (
  id {{id}},
  product_id BIGINT NOT NULL,
  position BIGINT NOT NULL,
  name TEXT NOT NULL,
  choices TEXT NOT NULL,
  CONSTRAINT product_options_product_id_position_key UNIQUE (product_id, position),
  CONSTRAINT product_options_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);

-- options: JSON array of text, one choice for each option of the product.
CREATE TABLE variants (
  id {{id}},
  product_id BIGINT NOT NULL,
  position BIGINT NOT NULL DEFAULT 0,
  sku TEXT,
  title TEXT NOT NULL DEFAULT '',
  options TEXT NOT NULL DEFAULT '[]',
  price_minor BIGINT NOT NULL,
  is_active BOOLEAN NOT NULL DEFAULT TRUE,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  CONSTRAINT variants_sku_key UNIQUE (sku),
  CONSTRAINT variants_price_minor_check CHECK (price_minor >= 0),
  CONSTRAINT variants_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);
CREATE INDEX variants_product_id ON variants (product_id, position, id);
