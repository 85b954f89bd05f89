//! Who somebody is: accounts, passwords, sessions and the tokens that stand for them.
//!
//! An *account* is one e-mail address, whatever its case, with an optional username. A *session* is one sign-in on one
//! device; it lives 30 days at most and, once ended, never comes back. Its *access token* is a short-lived JWT, its
//! *refresh tokens* are a family of which each is used once: using one again ends the session.
//! A token is worth what the database says of its session at that moment (at most a second ago, and at once where the
//! change was made): role, activity and end are never read from the token.
//! Passwords are hashed with argon2id by `hashing.rs`, a few at a time. What a later feature does at sign-in (the cart
//! merges) is a hook in the transaction, listed in `lib.rs`. To add a verb, add a file; SQL stands in `store.rs` only.

mod account;
pub mod admin;
mod api;
pub mod attempts;
mod authenticate;
mod change_password;
mod create_superuser;
mod django_hashes;
mod hashing;
mod import_users;
pub mod links;
mod log_in;
mod log_out;
mod passwords;
pub mod personal_data;
mod prove_again;
mod refresh;
mod register;
pub mod second_factor;
pub mod sessions;
mod sign_in;
mod store;
mod tokens;
mod update_profile;
mod verify_token;

use std::num::NonZero;
use std::time::Duration;

pub use account::Account;
pub(crate) use account::key;
pub(crate) use api::ProfileOut;
pub use api::routes;
pub use authenticate::authenticate;
pub use create_superuser::{NewSuperuser, create_superuser};
pub use import_users::{ImportedUser, ImportedUsers, adopt_hash, import_users};
pub use links::AccountHook;
pub use prove_again::{Proof, prove_again};
pub(crate) use second_factor::ProofIn;
pub use sign_in::{Adjustments, CartAdjustment, SignInHook};
pub use store::{hold, statements};

use crate::app::App;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ids::UserId;

/// The longest that a session can be refreshed.
const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What accounts keep on this node: keys, the cap on hashing, and what was last known of sessions.
pub struct Accounts {
    keys: tokens::TokenKeys,
    hasher: hashing::Hasher,
    rules: passwords::PasswordRules,
    sessions: authenticate::SessionCache,
    gate: attempts::Gate,
    devices: attempts::known_device::DeviceKey,
    seals: second_factor::SealKeys,
}

/// An account by its id.
///
/// # Errors
/// `not_found`.
pub async fn find_account(conn: &db::Conn, user: UserId) -> Result<Account> {
    store::find_account(conn, user)
        .await?
        .ok_or_else(Error::not_found)
}

/// First and last name of somebody.
pub async fn name(conn: &db::Conn, user: UserId) -> Result<String> {
    Ok(store::account(conn, user).await?.name())
}

/// To be called after each commit that ends sessions of somebody or changes their role or activity: what this node knew
/// of them counts no longer.
pub fn changed(app: &App, user: UserId) {
    app.accounts.sessions.changed(user);
}

impl Accounts {
    /// How much hashing passwords has cost so far: KiB of memory gone through.
    pub fn hashing_work(&self) -> u64 {
        self.hasher.work()
    }

    pub fn new(config: &Config) -> Self {
        let secret = config.secret_key.expose().as_bytes();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let previous = config.secret_key_previous.as_ref();
        let previous = previous.map(|key| key.expose().as_bytes());
        Accounts {
            keys: tokens::TokenKeys::new(secret, previous, config.access_token_ttl),
            seals: second_factor::SealKeys::new(secret, previous),
            hasher: hashing::Hasher::new(cores),
            rules: passwords::PasswordRules {
                min_length: config.password_min_length,
                allow_documented: !config.is_production(),
            },
            sessions: authenticate::SessionCache::new(),
            gate: attempts::Gate::new(config.max_requests_in_flight),
            devices: attempts::known_device::DeviceKey::new(secret),
        }
    }
}
