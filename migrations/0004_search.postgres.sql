-- Words of name, description and SKU, folded by the program; the lexemes are taken as they are.
CREATE TABLE product_search (
  product_id BIGINT NOT NULL PRIMARY KEY,
  words tsvector NOT NULL,
  CONSTRAINT product_search_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);
CREATE INDEX product_search_words ON product_search USING gin (words);
