//! Who is signed in says the password again, before what a stolen device must not be able to do, and a code where there
//! is a second factor. A wrong one counts as a failed login against this session, so that it cannot be guessed here
//! either, and nobody else can lock it.

use super::account::{Account, fault};
use super::attempts::Known;
use super::change_password::wrong_password;
use super::{attempts, passwords, second_factor, store};
use crate::app::App;
use crate::caller::{Client, User};
use crate::error::{Code, Error, Result};
use crate::transact;

/// What was said, as it came.
#[derive(Debug, Default)]
pub struct Proof {
    pub password: Option<String>,
    pub otp: Option<String>,
}

const PASSWORD: &str = "current_password";

/// The account of who asks, when the proof is good.
///
/// # Errors
/// A fault of `current_password` or `otp`; `login_locked` after too many wrong ones.
pub async fn prove_again(app: &App, user: User, client: &Client, proof: &Proof) -> Result<Account> {
    let password = judge(proof)?;
    let known = Some(Known::Session {
        user: user.id,
        session: user.session,
    });
    let admitted = attempts::line_up(app, "", client, known).await?;
    let conn = app.db.read().await?;
    let account = store::account(&conn, user.id).await?;
    let found = store::credentials(&conn, user.id).await?;
    drop(conn);
    let (attempt, turn) =
        attempts::begin(app, admitted, &account.email, Some(&found), client, known).await?;
    let matches = turn.verify(password, Some(&found.password_hash)).await;
    drop(turn);
    let result = match matches {
        Ok(true) => use_code(app, user, proof).await,
        Ok(false) => Err(Error::from(Code::InvalidCredentials)),
        Err(error) => Err(error),
    };
    let Err(error) = result else {
        attempt.proved(app).await?;
        return Ok(account);
    };
    match error.code() {
        Code::InvalidCredentials => {
            attempt.failed(app, "wrong_password").await?;
            Err(Error::faults(vec![wrong_password(PASSWORD)]))
        }
        Code::OtpInvalid => {
            attempt.failed(app, "wrong_code").await?;
            Err(otp_fault("invalid", &error))
        }
        other => {
            attempt.refused(app, other.as_str()).await?;
            Err(match other {
                Code::OtpRequired => otp_fault("required", &error),
                Code::OtpUnreadable => otp_fault("unreadable", &error),
                _ => error,
            })
        }
    }
}

async fn use_code(app: &App, user: User, proof: &Proof) -> Result<()> {
    let now = app.clock.now();
    transact!(app.db, tx => {
        second_factor::use_code(app, tx, user.id, proof.otp.as_deref(), now).await
    })
}

fn otp_fault(code: &'static str, error: &Error) -> Error {
    Error::faults(vec![fault("otp", code, error.detail().unwrap_or_default())])
}

fn judge(proof: &Proof) -> Result<&str> {
    let fault = match proof.password.as_deref() {
        None => fault(PASSWORD, "required", "This field is required."),
        Some(password) => match passwords::length_fault(PASSWORD, password) {
            None => return Ok(password),
            Some(fault) => fault,
        },
    };
    Err(Error::faults(vec![fault]))
}
