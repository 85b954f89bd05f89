-- Orders that changed, for those who keep totals of them: written beside each change, taken away when it is counted.
CREATE TABLE order_changes (
  id {{id}},
  order_id BIGINT NOT NULL
);
CREATE INDEX order_changes_order_id ON order_changes (order_id);
INSERT INTO order_changes (order_id) SELECT id FROM orders;

-- Since when an order waits to be paid, when that is not since it was placed: the last attempt began then.
ALTER TABLE orders ADD COLUMN pay_since BIGINT;
-- Open orders that nobody has paid, those that wait longest first: the ones of online methods expire.
CREATE INDEX orders_unpaid ON orders ((COALESCE(pay_since, created_at)), id)
  WHERE lifecycle = 'open' AND payment_status IN ('pending', 'failed');
