//! All that the shop knows of somebody, piece by piece: it may be long.

use std::time::Duration;

use serde_json::{Value, json};

use crate::accounts::personal_data::{LoginRecord, SessionRecord, logins, sessions};
use crate::accounts::{self, Account};
use crate::addresses::{self, Address};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::{RequestId, Shopper, User};
use crate::cart::{self, CartLine};
use crate::error::Result;
use crate::ids::UserId;
use crate::limits;
use crate::orders::{self, Access, Filter, Order};
use crate::paging::Paging;
use crate::payments::{self, Payment};
use crate::transact;

/// Orders that are read at once.
const AT_ONCE: i64 = 100;

/// What is known beside orders.
pub(super) struct Person {
    pub account: Account,
    pub addresses: Vec<Address>,
    pub sessions: Vec<SessionRecord>,
    pub logins: Vec<LoginRecord>,
    pub cart: Vec<CartLine>,
    pub payments: Vec<Payment>,
}

const ONCE_IN: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts an export. The database remembers it, for all nodes and beyond a new start.
///
/// # Errors
/// `rate_limited` when the last one was less than a day ago.
pub(super) async fn begin(app: &App, user: User, request: RequestId) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        // Two at once take turns.
        accounts::hold(tx, user.id).await?;
        let last = audit::last(tx, Action::UserExported, user.id).await?;
        let wait = last.map(|at| (at + ONCE_IN).since(now).min(ONCE_IN));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return Err(limits::too_many(wait));
        }
        let (by, change) = ((user.id, request), (Value::Null, json!({"exported": true})));
        audit::note(tx, by, Action::UserExported, user.id, change, now).await
    })
}

pub(super) async fn person(app: &App, user: User) -> Result<Person> {
    let shopper = Shopper {
        user: Some(user),
        ..Shopper::default()
    };
    let cart = cart::show_cart(app, &shopper).await?.lines;
    let conn = app.db.read().await?;
    Ok(Person {
        account: accounts::find_account(&conn, user.id).await?,
        addresses: addresses::all_of(&conn, user.id).await?,
        sessions: sessions(&conn, user.id).await?,
        logins: logins(&conn, user.id).await?,
        cart,
        payments: payments::all_of(&conn, user.id).await?,
    })
}

/// The next orders, the newest first, after the one given.
pub(super) async fn next_orders(
    app: &App,
    user: UserId,
    after: Option<&Order>,
) -> Result<Vec<Order>> {
    let access = Access::Owner {
        user: Some(user),
        token_hash: None,
    };
    let after = after.map(|order| vec![order.row.created_at.into(), order.row.id.into()]);
    let paging = Paging::new(1, AT_ONCE, Some(after.unwrap_or_default()));
    let conn = app.db.read().await?;
    orders::list_orders(&conn, &access, &Filter::default(), &paging).await
}
