-- Beginnings of words are found as whole words are, however many products have them: a list for each length. In which
-- column a word stands is known, not where in it, which makes room for them. Words come from the program folded and
-- parted by spaces; `ascii` is the tokenizer that parts them nowhere else. The program learns them anew, from the products.
DROP TABLE product_search;
CREATE VIRTUAL TABLE product_search USING fts5 (title, body, content = '', contentless_delete = 1, detail = column,
  prefix = '1 2 3 4 5 6 7 8', tokenize = 'ascii');

-- There is one writer here, so nobody waits for another who writes the same row: what is in stock stands with the other
-- facts, where it is found with them.
DROP TRIGGER product_facts_of_new;
DROP TRIGGER product_stock_of_new;
DROP TRIGGER product_stock_of_moved;
DROP TRIGGER product_stock_of_changed_variant;
DROP TRIGGER product_stock_of_gone_variant;
ALTER TABLE product_facts ADD COLUMN in_stock BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE product_facts SET in_stock = TRUE WHERE id IN (SELECT id FROM product_stock WHERE in_stock = TRUE);
DROP TABLE product_stock;
CREATE VIEW product_stock AS SELECT id, in_stock FROM product_facts;

CREATE TRIGGER product_facts_of_new AFTER INSERT ON products BEGIN
  INSERT INTO product_facts (id, category_id, price_minor, is_active, is_featured)
    VALUES (NEW.id, NEW.category_id, NEW.price_minor, NEW.is_active, NEW.is_featured);
END;
CREATE TRIGGER product_stock_of_new AFTER INSERT ON stock_items WHEN NEW.on_hand > NEW.reserved BEGIN
  UPDATE product_facts SET in_stock = TRUE
    WHERE id = (SELECT product_id FROM variants WHERE id = NEW.variant_id AND is_active = TRUE) AND in_stock = FALSE;
END;
CREATE TRIGGER product_stock_of_moved AFTER UPDATE OF on_hand, reserved ON stock_items
WHEN (NEW.on_hand > NEW.reserved) <> (OLD.on_hand > OLD.reserved) BEGIN
  UPDATE product_facts SET in_stock = EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = product_facts.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
    WHERE id = (SELECT product_id FROM variants WHERE id = NEW.variant_id);
END;
CREATE TRIGGER product_stock_of_changed_variant AFTER UPDATE OF is_active ON variants
WHEN NEW.is_active <> OLD.is_active BEGIN
  UPDATE product_facts SET in_stock = EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = product_facts.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
    WHERE id = NEW.product_id;
END;
CREATE TRIGGER product_stock_of_gone_variant AFTER DELETE ON variants BEGIN
  UPDATE product_facts SET in_stock = EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = product_facts.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
    WHERE id = OLD.product_id;
END;
