CREATE TABLE locations (
  id {{id}},
  name TEXT NOT NULL,
  is_default BOOLEAN NOT NULL DEFAULT FALSE,
  CONSTRAINT locations_name_key UNIQUE (name)
);
INSERT INTO locations (name, is_default) VALUES ('Main', TRUE);

-- A variant at a location. What can be sold is on_hand - reserved. Written only beside a movement row.
CREATE TABLE stock_items (
  id {{id}},
  variant_id BIGINT NOT NULL,
  location_id BIGINT NOT NULL,
  on_hand BIGINT NOT NULL DEFAULT 0,
  reserved BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT stock_items_variant_id_location_id_key UNIQUE (variant_id, location_id),
  CONSTRAINT stock_items_reserved_check CHECK (reserved >= 0),
  CONSTRAINT stock_items_on_hand_check CHECK (on_hand >= reserved),
  CONSTRAINT stock_items_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES variants (id) ON DELETE CASCADE,
  CONSTRAINT stock_items_location_id_fkey FOREIGN KEY (location_id) REFERENCES locations (id)
){{hot}};

-- Append-only. quantity is signed for adjusted and transferred (on hand), positive for the others:
-- received +on_hand; reserved +reserved; released -reserved; sold -on_hand -reserved; returned +on_hand.
CREATE TABLE stock_movements (
  id {{id}},
  stock_item_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  quantity BIGINT NOT NULL,
  order_id BIGINT,
  actor_id BIGINT,
  reason TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  CONSTRAINT stock_movements_kind_check CHECK (kind IN ('received', 'reserved', 'released', 'sold', 'returned', 'adjusted', 'transferred')),
  CONSTRAINT stock_movements_quantity_check CHECK (quantity <> 0 AND (quantity > 0 OR kind IN ('adjusted', 'transferred'))),
  CONSTRAINT stock_movements_stock_item_id_fkey FOREIGN KEY (stock_item_id) REFERENCES stock_items (id) ON DELETE CASCADE
);
CREATE INDEX stock_movements_stock_item_id ON stock_movements (stock_item_id, id);
CREATE INDEX stock_movements_order_id ON stock_movements (order_id) WHERE order_id IS NOT NULL;
