//! What the tests of carts and orders have in common: people, goods, and a look at the books afterwards.

use db::{args, args_vec};
use serde_json::{Value, json};
use shop::ids::{ProductId, VariantId};

use crate::support::{Answer, Ask, PASSWORD, TestShop};

/// The access token of a new admin.
pub async fn admin(shop: &TestShop) -> String {
    shop.admin().await.access
}

/// The access token of a new customer `NAME@example.org`.
pub async fn customer(shop: &TestShop, name: &str) -> String {
    shop.customer(name).await.access
}

pub fn sign_up(shop: &TestShop, name: &str) -> Ask {
    let email = format!("{name}@example.org");
    shop.post("/api/v1/auth/register/")
        .json(json!({"email": email, "password": PASSWORD}))
}

pub fn log_in(shop: &TestShop, email: &str) -> Ask {
    shop.post("/api/v1/auth/login/")
        .json(json!({"email": email, "password": PASSWORD}))
}

/// A product with one variant.
#[derive(Clone, Copy, Debug)]
pub struct Goods {
    pub product: i64,
    pub variant: i64,
}

/// Puts a product on sale: `price` in minor units.
pub async fn sell(shop: &TestShop, name: &str, price: i64, stock: i64) -> Goods {
    let now = shop.clock.now();
    let slug = name.to_lowercase().replace(' ', "-");
    let product: ProductId = shop::transact!(shop.app.db, tx => {
        Ok(tx.one(
            "INSERT INTO products (name, slug, price_minor, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) RETURNING id",
            args![name, &slug, price, now],
        ).await?)
    })
    .unwrap();
    let variant = add_variant(shop, product.0, "", price, stock).await;
    Goods {
        product: product.0,
        variant,
    }
}

/// One more variant of a product.
pub async fn add_variant(
    shop: &TestShop,
    product: i64,
    title: &str,
    price: i64,
    stock: i64,
) -> i64 {
    let now = shop.clock.now();
    let sku = format!("SKU-{product}{title}");
    let variant: VariantId = shop::transact!(shop.app.db, tx => {
        let variant: VariantId = tx.one(
            "INSERT INTO variants (product_id, sku, title, price_minor, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $5) RETURNING id",
            args![product, &sku, title, price, now],
        ).await?;
        shop::inventory::create_items(tx, &[(variant, stock)], None, now).await?;
        Ok(variant)
    })
    .unwrap();
    variant.0
}

/// Runs a statement behind the shop's back.
pub async fn tamper(shop: &TestShop, sql: &str) {
    shop::transact!(shop.app.db, tx => { Ok(tx.execute_each(sql, &[args_vec![]]).await?) })
        .unwrap();
}

pub async fn count(shop: &TestShop, table: &str) -> i64 {
    let conn = shop.app.db.read().await.unwrap();
    conn.one(&format!("SELECT COUNT(*) FROM {table}"), args![])
        .await
        .unwrap()
}

/// (on hand, reserved)
pub async fn stock(shop: &TestShop, goods: Goods) -> (i64, i64) {
    let conn = shop.app.db.read().await.unwrap();
    let sql = "SELECT on_hand, reserved FROM stock_items WHERE variant_id = $1";
    conn.one(sql, args![goods.variant]).await.unwrap()
}

/// The audit finds nothing.
pub async fn books_are_right(shop: &TestShop) {
    let findings = shop::check::check(&shop.app).await.unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
}

/// Who shops: a bearer token or a guest's cart token.
#[derive(Clone, Debug)]
pub enum Buyer {
    Customer(String),
    Guest(String),
}

impl Buyer {
    pub fn sign(&self, ask: Ask) -> Ask {
        match self {
            Buyer::Customer(token) => ask.bearer(token),
            Buyer::Guest(token) => ask.header("x-cart-token", token),
        }
    }

    /// A guest with this in the cart.
    pub async fn guest(shop: &TestShop, goods: Goods, quantity: i64) -> Buyer {
        let answer = add(shop, goods, quantity).expect(201).await;
        Buyer::Guest(answer.header("x-cart-token").to_owned())
    }

    pub fn adds(&self, shop: &TestShop, goods: Goods, quantity: i64) -> Ask {
        self.sign(add(shop, goods, quantity))
    }

    pub fn cart(&self, shop: &TestShop) -> Ask {
        self.sign(shop.get("/api/v1/cart/"))
    }

    pub fn orders(&self, shop: &TestShop) -> Ask {
        self.sign(shop.post("/api/v1/orders/"))
    }

    /// Adds and orders.
    pub async fn buys(&self, shop: &TestShop, goods: Goods, quantity: i64) -> Value {
        self.adds(shop, goods, quantity).expect(201).await;
        self.orders(shop).expect(201).await.json()
    }
}

pub fn add(shop: &TestShop, goods: Goods, quantity: i64) -> Ask {
    shop.post("/api/v1/cart/items/")
        .json(json!({"product_id": goods.product, "quantity": quantity}))
}

/// Sends all at the same time.
pub async fn at_once(asks: impl IntoIterator<Item = Ask>) -> Vec<Answer> {
    let running: Vec<_> = asks
        .into_iter()
        .map(|ask| tokio::spawn(ask.send()))
        .collect();
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await.unwrap());
    }
    answers
}

/// How many answers have this status.
pub fn with_status(answers: &[Answer], status: u16) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status.as_u16() == status)
        .count()
}
