-- What lists are narrowed down by, a narrow row a product: facets and counts read so many that they cannot each be
-- looked up in three tables. Kept by the triggers below, whoever writes. words, folded by the program, are here rather
-- than beside it, so that one row says all: those of name and SKUs have weight A.

-- First the row that all who write the catalog take first: none of them is in the middle then.
UPDATE generations SET value = value + 1 WHERE area = 'catalog';
CREATE TABLE product_facts (
  id BIGINT NOT NULL PRIMARY KEY,
  category_id BIGINT,
  price_minor BIGINT NOT NULL,
  is_active BOOLEAN NOT NULL,
  is_featured BOOLEAN NOT NULL,
  words tsvector NOT NULL DEFAULT '',
  CONSTRAINT product_facts_id_fkey FOREIGN KEY (id) REFERENCES products (id) ON DELETE CASCADE
){{hot}};
-- What is written meanwhile would be missed.
LOCK TABLE products, variants, stock_items IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO product_facts (id, category_id, price_minor, is_active, is_featured, words)
  SELECT p.id, p.category_id, p.price_minor, p.is_active, p.is_featured, COALESCE(f.words, '')
  FROM products p LEFT JOIN product_search f ON f.product_id = p.id;
DROP TABLE product_search;
CREATE INDEX product_facts_category_id ON product_facts (category_id);
CREATE INDEX product_facts_words ON product_facts USING gin (words);

-- Apart from them, so that who buys the last piece never waits for whoever writes the product.
CREATE TABLE product_stock (
  id BIGINT NOT NULL PRIMARY KEY,
  in_stock BOOLEAN NOT NULL DEFAULT FALSE,
  CONSTRAINT product_stock_id_fkey FOREIGN KEY (id) REFERENCES products (id) ON DELETE CASCADE
){{hot}};
INSERT INTO product_stock (id, in_stock)
  SELECT p.id, EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
    WHERE v.product_id = p.id AND v.is_active = TRUE AND s.on_hand > s.reserved)
  FROM products p;

CREATE FUNCTION product_facts_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO product_facts (id, category_id, price_minor, is_active, is_featured)
    SELECT id, category_id, price_minor, is_active, is_featured FROM written;
  INSERT INTO product_stock (id) SELECT id FROM written;
  RETURN NULL;
END
$$;
CREATE TRIGGER product_facts_of_new AFTER INSERT ON products REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION product_facts_of_new();

CREATE FUNCTION product_facts_of_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE product_facts SET category_id = NEW.category_id, price_minor = NEW.price_minor, is_active = NEW.is_active,
      is_featured = NEW.is_featured
    WHERE id = NEW.id;
  RETURN NULL;
END
$$;
CREATE TRIGGER product_facts_of_changed AFTER UPDATE ON products FOR EACH ROW
  WHEN ((NEW.category_id, NEW.price_minor, NEW.is_active, NEW.is_featured)
    IS DISTINCT FROM (OLD.category_id, OLD.price_minor, OLD.is_active, OLD.is_featured))
  EXECUTE FUNCTION product_facts_of_changed();

-- Two may empty the last two variants at once: the second waits here, and then looks at what the first has left.
CREATE FUNCTION product_stock_look(product BIGINT) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM product_stock WHERE id = product FOR UPDATE;
  UPDATE product_stock f SET in_stock = NOT f.in_stock WHERE f.id = product
    AND f.in_stock <> EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = product AND v.is_active = TRUE AND s.on_hand > s.reserved);
END
$$;

CREATE FUNCTION product_stock_of_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM product_stock_look(product_id) FROM variants WHERE id = NEW.variant_id;
  RETURN NULL;
END
$$;
CREATE TRIGGER product_stock_of_new AFTER INSERT ON stock_items FOR EACH ROW
  WHEN (NEW.on_hand > NEW.reserved) EXECUTE FUNCTION product_stock_of_item();
CREATE TRIGGER product_stock_of_moved AFTER UPDATE ON stock_items FOR EACH ROW
  WHEN ((NEW.on_hand > NEW.reserved) <> (OLD.on_hand > OLD.reserved)) EXECUTE FUNCTION product_stock_of_item();

CREATE FUNCTION product_stock_of_variant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM product_stock_look(OLD.product_id);
  RETURN NULL;
END
$$;
CREATE TRIGGER product_stock_of_changed_variant AFTER UPDATE ON variants FOR EACH ROW
  WHEN (NEW.is_active <> OLD.is_active) EXECUTE FUNCTION product_stock_of_variant();
CREATE TRIGGER product_stock_of_gone_variant AFTER DELETE ON variants FOR EACH ROW
  EXECUTE FUNCTION product_stock_of_variant();

-- Found by it on both engines: SQLite takes no part of products for narrow but what an index says.
DROP INDEX products_featured;
CREATE INDEX products_featured ON products (is_active, id) WHERE is_featured;

-- Pictures may also be shown by products that name their address, or that of a thumbnail: asked before a file is
-- erased. 39 characters are /media/ and the digest that names a file. They fit a row of an index whatever stands
-- there, which whole addresses do not.
DROP INDEX products_image_url;
CREATE INDEX products_image_url ON products (substr(image_url, 1, 39)) WHERE substr(image_url, 1, 7) = '/media/';
