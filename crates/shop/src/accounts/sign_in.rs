//! What register and log in have in common: a session, its tokens, and the hooks of later features.

use db::Tx;
use futures_util::future::BoxFuture;

use super::tokens::{AccessClaims, RefreshToken};
use super::{SESSION_LIFETIME, store};
use crate::app::App;
use crate::caller::{CartToken, Client};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{ProductId, SessionId, UserId, VariantId};

/// What a later feature does when somebody signs in, inside the transaction. Listed in `lib.rs`.
pub type SignInHook = for<'a> fn(
    &'a App,
    &'a Tx,
    UserId,
    Option<&'a CartToken>,
) -> BoxFuture<'a, Result<Adjustments>>;

/// What the customer should hear of.
pub type Adjustments = Vec<CartAdjustment>;

/// A line of the guest's cart that could not be taken over as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartAdjustment {
    pub product_id: ProductId,
    pub variant_id: VariantId,
    pub product_name: String,
    /// What both carts held together.
    pub requested: i64,
    /// What the cart holds now; 0 when the line is gone.
    pub quantity: i64,
    /// For people.
    pub reason: String,
}

/// A pair of tokens, as the client gets it.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub access: String,
    pub refresh: String,
}

/// A session that was opened in a transaction and counts when that commits.
pub(super) struct OpenedSession {
    session: SessionId,
    refresh: RefreshToken,
    pub cart_adjustments: Adjustments,
}

/// Opens a session and runs the hooks.
pub(super) async fn open_session(
    app: &App,
    tx: &Tx,
    user: UserId,
    client: &Client,
    cart: Option<&CartToken>,
    now: Time,
) -> Result<OpenedSession> {
    let session = store::add_session(tx, user, client, now, now + SESSION_LIFETIME).await?;
    let refresh = RefreshToken::random()?;
    store::add_refresh_token(
        tx,
        session,
        &refresh,
        now,
        now + app.config.refresh_token_ttl,
    )
    .await?;
    let mut cart_adjustments = Vec::new();
    for hook in crate::ON_SIGN_IN {
        cart_adjustments.extend(hook(app, tx, user, cart).await?);
    }
    Ok(OpenedSession {
        session,
        refresh,
        cart_adjustments,
    })
}

impl OpenedSession {
    /// The first tokens of the session.
    pub(super) fn tokens(&self, app: &App, user: UserId, now: Time) -> Result<Tokens> {
        let access = app.accounts.keys.issue_access(
            AccessClaims {
                user,
                session: self.session,
            },
            now,
        )?;
        Ok(Tokens {
            access,
            refresh: self.refresh.reveal(),
        })
    }
}
