-- Words of a product, folded by the program: title has those of name and SKUs, body those of the description that are
-- not in the title. rowid = products.id.
CREATE VIRTUAL TABLE product_search USING fts5 (title, body, content = '', contentless_delete = 1, prefix = '2 3');
