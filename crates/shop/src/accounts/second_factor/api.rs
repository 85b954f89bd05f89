//! The HTTP face of second factors.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{confirm, disable, enrol, store};
use crate::accounts::prove_again::Proof;
use crate::app::App;
use crate::caller::{Admin, Client, RequestId, User};
use crate::clock::Time;
use crate::error::{Code, Result};
use crate::http::extract::{Id, In};
use crate::http::{Op, Routes, created, no_content, ok};
use crate::ids::UserId;
use crate::input;

pub fn routes() -> Routes {
    let show_op = Op::new("show_second_factor", "Whether signing in takes a code")
        .user()
        .answers::<SecondFactorOut>(200);
    let enrol_op = Op::new("enrol_second_factor", "A secret for your authenticator app")
        .describe("It counts when a code of it is confirmed. Asking again makes another one.")
        .user()
        .body::<ProofIn>()
        .answers::<EnrolmentOut>(201)
        .errors(&[Code::Duplicate, Code::LoginLocked]);
    let confirm_op = Op::new("confirm_second_factor", "Turn the second factor on")
        .describe("Ends your other sessions. The recovery codes are shown here and never again.")
        .user()
        .body::<ConfirmIn>()
        .answers::<ConfirmedOut>(200)
        .errors(&[Code::Conflict]);
    let disable_op = Op::new("disable_second_factor", "Turn the second factor off")
        .user()
        .body::<ProofIn>()
        .answers_nothing(204)
        .errors(&[Code::NotFound, Code::LoginLocked]);
    let reset_op = Op::new(
        "reset_second_factor",
        "Turn off the second factor of somebody who lost device and recovery codes",
    )
    .admin()
    .answers_nothing(204);
    Routes::tag("auth")
        .get("/auth/second-factor/", show, show_op)
        .post("/auth/second-factor/", enrol, enrol_op)
        .post("/auth/second-factor/confirm/", confirm, confirm_op)
        .post("/auth/second-factor/disable/", disable, disable_op)
        .delete("/admin/users/{id}/second-factor/", reset, reset_op)
}

input! {
    /// What proves who asks.
    pub(crate) struct ProofIn {
        pub current_password: Option<String>,
        /// A code, when there is a second factor.
        pub otp: Option<String>,
    }
}

impl From<ProofIn> for Proof {
    fn from(body: ProofIn) -> Self {
        Proof {
            password: body.current_password,
            otp: body.otp,
        }
    }
}

input! {
    /// Body of `POST auth/second-factor/confirm/`.
    struct ConfirmIn {
        /// Six digits.
        otp: String,
    }
}

async fn show(State(app): State<App>, user: User) -> Result<Response> {
    let conn = app.db.read().await?;
    let factor = store::find_factor(&conn, user.id).await?;
    let confirmed_at = factor.and_then(|factor| factor.confirmed_at);
    Ok(ok(&SecondFactorOut {
        enabled: confirmed_at.is_some(),
        confirmed_at,
        recovery_codes_left: store::codes_left(&conn, user.id).await?,
        required: user.needs_second_factor || user.is_admin() && app.config.require_admin_totp,
    }))
}

async fn enrol(
    State(app): State<App>,
    user: User,
    client: Client,
    In(body): In<ProofIn>,
) -> Result<Response> {
    let enrolment = enrol::enrol(&app, user, &client, &body.into()).await?;
    Ok(created(&EnrolmentOut {
        secret: enrolment.secret,
        otpauth_uri: enrolment.uri,
        qr_code_svg: enrolment.qr_code,
    }))
}

async fn confirm(
    State(app): State<App>,
    user: User,
    request: RequestId,
    In(body): In<ConfirmIn>,
) -> Result<Response> {
    let recovery_codes = confirm::confirm(&app, user, request, &body.otp).await?;
    Ok(ok(&ConfirmedOut { recovery_codes }))
}

async fn disable(
    State(app): State<App>,
    user: User,
    client: Client,
    request: RequestId,
    In(body): In<ProofIn>,
) -> Result<Response> {
    disable::disable(&app, user, &client, request, &body.into()).await?;
    Ok(no_content())
}

async fn reset(State(app): State<App>, admin: Admin, Id(user): Id<UserId>) -> Result<Response> {
    disable::reset(&app, &admin, user).await?;
    Ok(no_content())
}

#[derive(Serialize, ToSchema)]
struct SecondFactorOut {
    enabled: bool,
    confirmed_at: Option<Time>,
    recovery_codes_left: i64,
    /// Without it you may not do what admins do.
    required: bool,
}

#[derive(Serialize, ToSchema)]
struct EnrolmentOut {
    /// Base32, to be typed into the app.
    secret: String,
    otpauth_uri: String,
    /// The same as a picture.
    qr_code_svg: String,
}

#[derive(Serialize, ToSchema)]
struct ConfirmedOut {
    /// Each signs in once in place of a code.
    recovery_codes: Vec<String>,
}
