//! The first code of a device shows that it has the secret: from now on there is a second factor.

use super::{record, recovery_code, store, totp};
use crate::accounts::store as accounts_store;
use crate::accounts::{self, account::fault};
use crate::app::App;
use crate::caller::{RequestId, User};
use crate::error::{Code, Error, Result};
use crate::transact;

/// Turns the second factor on, ends the other sessions, and returns the recovery codes, which are not shown again.
///
/// # Errors
/// A fault of `otp`; `conflict` when there is nothing to confirm.
pub(super) async fn confirm(
    app: &App,
    user: User,
    request: RequestId,
    code: &str,
) -> Result<Vec<String>> {
    let now = app.clock.now();
    let codes = recovery_code::draw()?;
    transact!(app.db, tx => {
        let factor = store::find_factor(tx, user.id).await?;
        let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_none()) else {
            return Err(Code::Conflict.with("There is nothing to confirm. Enrol first."));
        };
        let opened = app.accounts.seals.open(user.id, &factor.secret);
        let (secret, _) = opened.map_err(|_| Code::Conflict.with("Enrol again: the shop has another key by now."))?;
        let step = totp::parse(code).and_then(|code| totp::step_of(&secret, code, now));
        let Some(step) = step else {
            return Err(Error::faults(vec![wrong_code()]));
        };
        if !store::confirm(tx, user.id, &factor.secret, step, now).await? {
            return Err(Code::Conflict.with("The second factor was changed at the same time."));
        }
        store::add_recovery_codes(tx, user.id, &codes).await?;
        accounts_store::end_other_sessions(tx, user.id, user.session, "second_factor_enabled", now).await?;
        record(tx, user, request, true, now).await
    })?;
    accounts::changed(app, user.id);
    Ok(codes)
}

fn wrong_code() -> crate::error::Fault {
    fault(
        "otp",
        "invalid",
        "This code is wrong. Is the clock of your device right?",
    )
}
