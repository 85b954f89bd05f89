-- Words of a product, folded by the program: those of name and SKUs have weight A, those of the description D.
CREATE TABLE product_search (
  product_id BIGINT NOT NULL PRIMARY KEY,
  words tsvector NOT NULL,
  CONSTRAINT product_search_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);
CREATE INDEX product_search_words ON product_search USING gin (words);
