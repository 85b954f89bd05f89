//! People and things that most tests need, made through the door.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use shop::accounts::{NewSuperuser, create_superuser};

use super::{Ask, TestShop};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery 9";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: i64,
    pub email: String,
    pub access: String,
    pub refresh: String,
}

/// A product that is for sale.
#[derive(Clone, Debug)]
pub struct Product {
    pub id: i64,
    /// Of its only variant.
    pub variant_id: i64,
    /// As the answer that made it has it.
    pub shown: Value,
}

impl TestShop {
    /// A customer, signed up as `<name>@example.org` from an address of their own.
    pub async fn customer(&self, name: &str) -> Person {
        let email = format!("{name}@example.org");
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self
            .post("/api/v1/auth/register/")
            .from(fresh_address())
            .json(body)
            .expect(201)
            .await
            .json();
        person(&answer["user"], &answer["tokens"])
    }

    /// An admin, made as the command line makes one, and signed in.
    pub async fn admin(&self) -> Person {
        let email = format!("admin{}@example.org", next());
        let new = NewSuperuser {
            email: &email,
            password: PASSWORD,
            username: None,
        };
        create_superuser(&self.app, &new)
            .await
            .expect("an admin can be made");
        self.sign_in(&email).await
    }

    /// Another session of somebody.
    pub async fn sign_in(&self, email: &str) -> Person {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self
            .post("/api/v1/auth/login/")
            .from(fresh_address())
            .json(body)
            .expect(200)
            .await
            .json();
        person(&answer["user"], &answer)
    }

    /// A product with one variant: `shop.product(&admin, "19.99", 5)`.
    pub async fn product(&self, admin: &Person, price: &str, stock: i64) -> Product {
        let name = format!("Thing {}", next());
        self.product_with(admin, json!({"name": name, "price": price, "stock": stock}))
            .await
    }

    /// A product as `POST products/` takes it.
    pub async fn product_with(&self, admin: &Person, body: Value) -> Product {
        let shown = self
            .post("/api/v1/products/")
            .by(admin)
            .json(body)
            .expect(201)
            .await
            .json();
        Product {
            id: id(&shown),
            variant_id: id(&shown["variants"][0]),
            shown,
        }
    }
}

impl Ask {
    /// Asked by somebody who is signed in.
    pub fn by(self, person: &Person) -> Ask {
        self.bearer(&person.access)
    }
}

fn person(user: &Value, tokens: &Value) -> Person {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Person {
        id: id(user),
        email: text(&user["email"]),
        access: text(&tokens["access"]),
        refresh: text(&tokens["refresh"]),
    }
}

fn id(shown: &Value) -> i64 {
    shown["id"].as_i64().expect("an id")
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

/// An address that nobody else in this process comes from, so that limits by address do not add up.
pub fn fresh_address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + next())), 4711)
}
