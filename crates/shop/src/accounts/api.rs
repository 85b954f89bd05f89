//! The HTTP face of accounts: register, log in, refresh, log out, verify, profile, password.

mod profile;
mod sign_in;
mod wire;

use axum::extract::State;
use axum::response::Response;

use profile::{ChangePasswordIn, ProfileIn, change_password, show_profile, update_profile};
use sign_in::{LoginIn, RegisterIn, log_in, register};
pub(super) use sign_in::{forget_cart, remember_device};

pub(crate) use wire::ProfileOut;
pub(super) use wire::{CartAdjustmentOut, EmailText, MessageOut, NewPasswordText, adjustments};

use wire::{RegisteredOut, SignedInOut, TokensOut, VerifiedOut};

use super::{log_out, refresh, verify_token};
use crate::app::App;
use crate::caller::RequestId;
use crate::error::{Code, Result};
use crate::http::access::SentToken;
use crate::http::extract::In;
use crate::http::{Op, Routes, ok};
use crate::input;

pub fn routes() -> Routes {
    let register_op = Op::new("register", "Sign up")
        .public()
        .body::<RegisterIn>()
        .answers::<RegisteredOut>(201)
        .errors(&[Code::Overloaded]);
    let log_in_op = Op::new("log_in", "Sign in with an email address or a username")
        .describe("A wrong login is `invalid_credentials` with status 400 here, and 401 under every other path of it.")
        .public()
        .body::<LoginIn>()
        .answers::<SignedInOut>(200)
        .errors(&[
            Code::InvalidCredentials,
            Code::OtpRequired,
            Code::OtpInvalid,
            Code::OtpUnreadable,
            Code::LoginLocked,
            Code::EmailNotVerified,
            Code::Overloaded,
        ]);
    let refresh_op = Op::new(
        "refresh_token",
        "Exchange a refresh token for a new pair of tokens",
    )
    .public()
    .body::<RefreshIn>()
    .answers::<TokensOut>(200)
    .errors(&[
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::TokenRevoked,
        Code::TokenReused,
    ]);
    let verify_op = Op::new("verify_token", "Check a token without using it up")
        .public()
        .body::<VerifyTokenIn>()
        .answers::<VerifiedOut>(200)
        .errors(&[
            Code::TokenInvalid,
            Code::TokenExpired,
            Code::TokenRevoked,
            Code::TokenReused,
        ]);
    let log_out_op = Op::new(
        "log_out",
        "End the session of the access token, of the refresh token, or of both",
    )
    .public()
    .body::<LogoutIn>()
    .answers::<MessageOut>(200)
    .errors(&[
        Code::NotAuthenticated,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::TokenRevoked,
        Code::NotFound,
    ]);
    let update_op = |id, summary| {
        Op::new(id, summary)
            .user()
            .body::<ProfileIn>()
            .conditional()
            .answers::<ProfileOut>(200)
            .errors(&[Code::LoginLocked])
    };
    let change_password_op = Op::new(
        "change_password",
        "Set a new password and end all other sessions",
    )
    .user()
    .body::<ChangePasswordIn>()
    .answers::<MessageOut>(200)
    .errors(&[Code::LoginLocked]);
    Routes::tag("auth")
        .post("/auth/register/", register, register_op)
        .post("/auth/login/", log_in, log_in_op)
        .post("/auth/refresh/", refresh, refresh_op)
        .post("/token/verify/", verify_token, verify_op)
        .post("/auth/logout/", log_out, log_out_op)
        .get(
            "/auth/profile/",
            show_profile,
            Op::new("show_profile", "Your account")
                .user()
                .tagged()
                .answers::<ProfileOut>(200),
        )
        .put(
            "/auth/profile/",
            update_profile,
            update_op("replace_profile", "Change your account"),
        )
        .patch(
            "/auth/profile/",
            update_profile,
            update_op("update_profile", "Change parts of your account"),
        )
        .post(
            "/auth/change-password/",
            change_password,
            change_password_op,
        )
}

input! {
    /// Body of `POST auth/refresh/`.
    pub(super) struct RefreshIn {
        #[also("refresh_token")]
        pub refresh: String,
    }
}

async fn refresh(
    State(app): State<App>,
    request: RequestId,
    In(body): In<RefreshIn>,
) -> Result<Response> {
    let tokens = refresh::refresh(&app, &body.refresh, request).await?;
    Ok(ok(&TokensOut::from(tokens)))
}

input! {
    /// Body of `POST token/verify/`: an access or a refresh token.
    pub(super) struct VerifyTokenIn {
        pub token: String,
    }
}

async fn verify_token(State(app): State<App>, In(body): In<VerifyTokenIn>) -> Result<Response> {
    verify_token::verify_token(&app, &body.token).await?;
    Ok(ok(&VerifiedOut { valid: true }))
}

input! {
    /// Body of `POST auth/logout/`. It may be empty when an access token is sent.
    pub(super) struct LogoutIn {
        #[also("refresh_token")]
        pub refresh: Option<String>,
    }
}

async fn log_out(
    State(app): State<App>,
    SentToken(access): SentToken,
    In(body): In<LogoutIn>,
) -> Result<Response> {
    log_out::log_out(&app, access.as_deref(), body.refresh.as_deref()).await?;
    Ok(ok(&MessageOut {
        message: "Successfully logged out.",
    }))
}

pub(super) fn repeated(fields: [(&'static str, Option<String>); 2]) -> Vec<(&'static str, String)> {
    fields
        .into_iter()
        .filter_map(|(attr, text)| Some((attr, text?)))
        .collect()
}
