//! Who asks. `http/access.rs` makes these from a request; a function that takes one says who may call it.

use std::cell::RefCell;
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
    /// What they may do now.
    pub role: Role,
    /// An admin who is a customer until there is a second factor.
    pub needs_second_factor: bool,
}

impl User {
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }
}

/// Somebody who is signed in as an admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    pub user: User,
    /// For the audit log.
    pub request: RequestId,
}

/// The id of a request, as it stands on its answer and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    bytes: [u8; RequestId::MOST],
    length: usize,
}

impl RequestId {
    /// The longest that there is.
    pub const MOST: usize = 64;

    /// Takes over what is short enough and safe to show.
    pub fn parse(text: &str) -> Option<Self> {
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        let mut bytes = [0; Self::MOST];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let length = text.len();
        (length > 0 && text.bytes().all(safe)).then_some(RequestId { bytes, length })
    }

    /// A new one.
    pub fn random() -> Self {
        let chance = Self::chance();
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        let mut bytes = [0; Self::MOST];
        let digits = chance
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        for (at, digit) in bytes.iter_mut().zip(digits) {
            *at = digit;
        }
        RequestId { bytes, length: 24 }
    }

    /// Asked for a hundred at once: to ask the system takes as long as all the rest of an id.
    fn chance() -> [u8; 12] {
        thread_local! {
            static LEFT: RefCell<Vec<[u8; 12]>> = const { RefCell::new(Vec::new()) };
        }
        LEFT.with_borrow_mut(|left| {
            left.pop().unwrap_or_else(|| {
                let mut many = [[0; 12]; 100];
                // Without chance ids repeat, which harms nobody.
                let _ = getrandom::fill(many.as_flattened_mut());
                left.extend_from_slice(&many[1..]);
                many[0]
            })
        })
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

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
