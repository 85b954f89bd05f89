-- Words of name, description and SKU, folded by the program; rowid = products.id.
CREATE VIRTUAL TABLE product_search USING fts5 (words, content = '', contentless_delete = 1, prefix = '2 3');
