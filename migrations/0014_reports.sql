-- What of each order is counted in the totals below. A slot is a quarter of an hour since 1970 UTC: days begin with one
-- in every time zone.
CREATE TABLE counted_orders (
  order_id BIGINT NOT NULL PRIMARY KEY,
  slot BIGINT NOT NULL,
  status TEXT NOT NULL,
  total_minor BIGINT NOT NULL,
  paid_orders BIGINT NOT NULL,
  revenue_minor BIGINT NOT NULL
);

-- Orders by the slot in which they were placed and the status that they have now. Revenue is captured less refunded.
CREATE TABLE sales (
  slot BIGINT NOT NULL,
  status TEXT NOT NULL,
  orders BIGINT NOT NULL,
  total_minor BIGINT NOT NULL,
  paid_orders BIGINT NOT NULL,
  revenue_minor BIGINT NOT NULL,
  CONSTRAINT sales_slot_status_key UNIQUE (slot, status)
);

-- What was ordered of each product, without orders that were cancelled or have expired. Lines that name no product of
-- the catalog are kept by SKU or name.
CREATE TABLE product_sales (
  key TEXT NOT NULL PRIMARY KEY,
  product_id BIGINT,
  sku TEXT,
  product_name TEXT NOT NULL,
  quantity BIGINT NOT NULL,
  revenue_minor BIGINT NOT NULL
);
CREATE INDEX product_sales_quantity ON product_sales (quantity);

INSERT INTO generations (area, value) VALUES ('sales', 1);
