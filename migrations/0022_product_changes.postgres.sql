-- Which products the search has to look at anew: a node keeps a copy of what it searches, and follows it from here.
-- By transaction, as ids are given out before it is known who commits first; by triggers, whoever writes.

-- First the row that all who write the catalog take first: none of them is in the middle then.
UPDATE generations SET value = value + 1 WHERE area = 'catalog';
CREATE TABLE product_changes (
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  product_id BIGINT NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT product_changes_pkey PRIMARY KEY (xid, product_id)
);
-- The last transaction of which rows were thrown away.
INSERT INTO generations (area, value) VALUES ('product_changes', 0);

CREATE FUNCTION product_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO product_changes (product_id) SELECT id FROM changed ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
-- A new one cannot be found before it is given its words.
CREATE TRIGGER product_facts_changed AFTER UPDATE ON product_facts REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION product_changed();
CREATE TRIGGER product_facts_gone AFTER DELETE ON product_facts REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION product_changed();
CREATE TRIGGER product_stock_changed AFTER UPDATE ON product_stock REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION product_changed();
