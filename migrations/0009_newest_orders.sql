-- Lists of orders begin with the newest, which is not the highest id where history was imported.
DROP INDEX orders_user_id;
CREATE INDEX orders_user_id ON orders (user_id, created_at, id);
DROP INDEX orders_status;
CREATE INDEX orders_status ON orders (status, created_at, id);
