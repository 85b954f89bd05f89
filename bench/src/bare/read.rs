//! The two answers, read by the driver that Cartwright has: one prepared statement each, on eight connections.

use anyhow::Result;
use deadpool_postgres::{Manager, Pool};
use hyper::body::Bytes;
use serde::Serialize;
use tokio_postgres::{NoTls, Row};

const CONNECTIONS: usize = 8;

const LIST: &str =
    "SELECT p.id, p.sku, p.name, p.description, p.price_minor, p.stock, c.name FROM products p
  JOIN categories c ON c.id = p.category_id ORDER BY p.id DESC LIMIT 20";

const DETAIL: &str =
    "SELECT p.id, p.sku, p.name, p.description, p.price_minor, p.stock, c.name FROM products p
  JOIN categories c ON c.id = p.category_id WHERE p.id = $1";

pub(super) struct Database(Pool);

#[derive(Serialize)]
struct Product<'a> {
    id: i64,
    sku: &'a str,
    name: &'a str,
    description: &'a str,
    price_minor: i64,
    stock: i64,
    category: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    results: Vec<Product<'a>>,
}

impl Database {
    pub(super) fn new(url: &str) -> Result<Self> {
        let manager = Manager::new(url.parse()?, NoTls);
        Ok(Database(
            Pool::builder(manager).max_size(CONNECTIONS).build()?,
        ))
    }

    pub(super) async fn list(&self) -> Result<Bytes> {
        let client = self.0.get().await?;
        let rows = client
            .query(&client.prepare_cached(LIST).await?, &[])
            .await?;
        let results = rows.iter().map(product).collect();
        Ok(serde_json::to_vec(&List { results })?.into())
    }

    pub(super) async fn detail(&self, id: i64) -> Result<Bytes> {
        let client = self.0.get().await?;
        let row = client
            .query_one(&client.prepare_cached(DETAIL).await?, &[&id])
            .await?;
        Ok(serde_json::to_vec(&product(&row))?.into())
    }
}

fn product(row: &Row) -> Product<'_> {
    Product {
        id: row.get(0),
        sku: row.get(1),
        name: row.get(2),
        description: row.get(3),
        price_minor: row.get(4),
        stock: row.get(5),
        category: row.get(6),
    }
}
