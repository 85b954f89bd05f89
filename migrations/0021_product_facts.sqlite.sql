-- What lists are narrowed down by, a narrow row a product: facets and counts read so many that they cannot each be
-- looked up in three tables. Kept by the triggers below, whoever writes.
CREATE TABLE product_facts (
  id INTEGER PRIMARY KEY,
  category_id BIGINT,
  price_minor BIGINT NOT NULL,
  is_active BOOLEAN NOT NULL,
  is_featured BOOLEAN NOT NULL,
  CONSTRAINT product_facts_id_fkey FOREIGN KEY (id) REFERENCES products (id) ON DELETE CASCADE
);
INSERT INTO product_facts (id, category_id, price_minor, is_active, is_featured)
  SELECT id, category_id, price_minor, is_active, is_featured FROM products;
CREATE INDEX product_facts_category_id ON product_facts (category_id);

-- Apart from them, so that who buys the last piece never waits for whoever writes the product.
CREATE TABLE product_stock (
  id INTEGER PRIMARY KEY,
  in_stock BOOLEAN NOT NULL DEFAULT FALSE,
  CONSTRAINT product_stock_id_fkey FOREIGN KEY (id) REFERENCES products (id) ON DELETE CASCADE
);
INSERT INTO product_stock (id, in_stock)
  SELECT p.id, EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
    WHERE v.product_id = p.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
  FROM products p;

CREATE TRIGGER product_facts_of_new AFTER INSERT ON products BEGIN
  INSERT INTO product_facts (id, category_id, price_minor, is_active, is_featured)
    VALUES (NEW.id, NEW.category_id, NEW.price_minor, NEW.is_active, NEW.is_featured);
  INSERT INTO product_stock (id) VALUES (NEW.id);
END;
CREATE TRIGGER product_facts_of_changed AFTER UPDATE OF category_id, price_minor, is_active, is_featured ON products BEGIN
  UPDATE product_facts SET category_id = NEW.category_id, price_minor = NEW.price_minor, is_active = NEW.is_active,
      is_featured = NEW.is_featured
    WHERE id = NEW.id;
END;
CREATE TRIGGER product_stock_of_new AFTER INSERT ON stock_items WHEN NEW.on_hand > NEW.reserved BEGIN
  UPDATE product_stock SET in_stock = TRUE
    WHERE id = (SELECT product_id FROM variants WHERE id = NEW.variant_id AND is_active = TRUE) AND in_stock = FALSE;
END;
CREATE TRIGGER product_stock_of_moved AFTER UPDATE OF on_hand, reserved ON stock_items
WHEN (NEW.on_hand > NEW.reserved) <> (OLD.on_hand > OLD.reserved) BEGIN
  UPDATE product_stock SET in_stock = EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = product_stock.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
    WHERE id = (SELECT product_id FROM variants WHERE id = NEW.variant_id);
END;
CREATE TRIGGER product_stock_of_changed_variant AFTER UPDATE OF is_active ON variants
WHEN NEW.is_active <> OLD.is_active BEGIN
  UPDATE product_stock SET in_stock = EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = product_stock.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
    WHERE id = NEW.product_id;
END;
CREATE TRIGGER product_stock_of_gone_variant AFTER DELETE ON variants BEGIN
  UPDATE product_stock SET in_stock = EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = product_stock.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
    WHERE id = OLD.product_id;
END;

-- Found by it on both engines: SQLite takes no part of products for narrow but what an index says.
DROP INDEX products_featured;
CREATE INDEX products_featured ON products (is_active, id) WHERE is_featured;

-- Pictures may also be shown by products that name their address, or that of a thumbnail: asked before a file is
-- erased. 39 characters are /media/ and the digest that names a file. They fit a row of an index whatever stands
-- there, which whole addresses do not.
DROP INDEX products_image_url;
CREATE INDEX products_image_url ON products (substr(image_url, 1, 39)) WHERE substr(image_url, 1, 7) = '/media/';
