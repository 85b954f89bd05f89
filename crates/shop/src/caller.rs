//! Who asks. `http/access.rs` makes these from a request; a function that takes one says who may call it.

use std::net::IpAddr;

use crate::ids::{SessionId, UserId};

crate::words! {
    pub enum Role {
        Admin = "admin",
        Customer = "customer",
    }
}

/// Somebody who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub session: SessionId,
    pub role: Role,
}

impl User {
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }
}

/// Somebody who is signed in as an admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin(pub User);

/// Somebody who shops: signed in, a guest with a cart, or neither yet.
#[derive(Clone, Debug, Default)]
pub struct Shopper {
    pub user: Option<User>,
    pub cart_token: Option<CartToken>,
    /// The cart token came by cookie and by nothing else.
    pub by_cookie: bool,
}

/// The secret that a guest's cart belongs to.
#[derive(Clone, PartialEq, Eq)]
pub struct CartToken(pub String);

impl std::fmt::Debug for CartToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CartToken(…)")
    }
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Client {
    pub ip: IpAddr,
    /// At most 400 characters, without control characters.
    pub user_agent: String,
}
