//! Takes a second factor away: its owner with password and code, or an admin for somebody who lost both device and
//! recovery codes.

use serde_json::json;

use super::{record, store};
use crate::accounts::prove_again::{Proof, prove_again};
use crate::accounts::{self, store as accounts_store};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::{Admin, Client, RequestId, User};
use crate::error::{Code, Error, Result};
use crate::ids::UserId;
use crate::transact;

/// # Errors
/// As [`prove_again`]; `not_found` when there is none.
pub(super) async fn disable(
    app: &App,
    user: User,
    client: &Client,
    request: RequestId,
    proof: &Proof,
) -> Result<()> {
    prove_again(app, user, client, proof).await?;
    let now = app.clock.now();
    transact!(app.db, tx => {
        if !store::remove(tx, user.id).await? {
            return Err(Error::not_found());
        }
        record(tx, user, request, false, now).await
    })?;
    accounts::changed(app, user.id);
    Ok(())
}

/// # Errors
/// `permission_denied` for the own one; `not_found` when there is no such account, or it has none.
pub(super) async fn reset(app: &App, by: &Admin, user: UserId) -> Result<()> {
    if by.user.id == user {
        return Err(
            Code::PermissionDenied.with("Your own takes a code: POST auth/second-factor/disable/.")
        );
    }
    let now = app.clock.now();
    transact!(app.db, tx => {
        accounts_store::find_account(tx, user).await?.ok_or_else(Error::not_found)?;
        if !store::remove(tx, user).await? {
            return Err(Code::NotFound.with("This account has no second factor."));
        }
        let change = (json!({"enabled": true}), json!({"enabled": false}));
        audit::record(tx, by, Action::SecondFactorChanged, user, change, now).await
    })?;
    accounts::changed(app, user);
    Ok(())
}
