//! The HTTP face of links in mails: for programs as JSON, for people who follow a link as small pages.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::reset_password::{self, PasswordReset};
use super::{LinkToken, ask_again, find, verify_email};
use crate::accounts::api::{
    CartAdjustmentOut, EmailText, MessageOut, NewPasswordText, ProfileOut, adjustments,
    forget_cart, remember_device, repeated,
};
use crate::accounts::log_in::SignedIn;
use crate::app::App;
use crate::caller::Client;
use crate::error::{Code, Error, Result};
use crate::http::access::GuestCart;
use crate::http::extract::{In, PathText, raw_bytes};
use crate::http::page::{WantsPage, page, refused};
use crate::http::{Op, Routes, ok};
use crate::input;

pub fn routes() -> Routes {
    let verify_op = |id, summary| {
        Op::new(id, summary)
            .describe("A browser that follows the link gets a page: `GET` one with a button, `POST` one that says it is done.")
            .public()
            .answers::<VerifiedEmailOut>(200)
            .answers_file(200, "text/html")
            .answers_file(409, "text/html")
            .answers_file(410, "text/html")
            .errors(&[Code::TokenUsedOrExpired, Code::Duplicate, Code::OtpRequired])
    };
    Routes::tag("auth")
        .get(
            "/auth/verify-email/{token}/",
            verify_by_link,
            verify_op(
                "verify_email_by_link",
                "Prove an email address by the link of a mail, and sign in",
            ),
        )
        .post(
            "/auth/verify-email/{token}/",
            verify,
            verify_op(
                "verify_email",
                "Prove an email address by the token of a mail, and sign in",
            ),
        )
        .post(
            "/auth/resend-verification/",
            resend_verification,
            Op::new(
                "resend_verification",
                "Have the verification mail sent again",
            )
            .describe("The answer is the same whether or not there is such an account.")
            .public()
            .body::<AskIn>()
            .answers::<MessageOut>(200)
            .errors(&[Code::RateLimited]),
        )
        .post(
            "/auth/password-reset/",
            ask_for_reset,
            Op::new(
                "request_password_reset",
                "Have a link for a new password sent",
            )
            .describe("The answer is the same whether or not there is such an account.")
            .public()
            .body::<AskIn>()
            .answers::<MessageOut>(200)
            .errors(&[Code::RateLimited]),
        )
        .post(
            "/auth/password-reset/confirm/",
            reset_password,
            Op::new(
                "reset_password",
                "Set a new password by the token of a mail, and end all sessions",
            )
            .public()
            .body::<ResetIn>()
            .answers::<MessageOut>(200)
            .errors(&[Code::TokenUsedOrExpired, Code::Overloaded]),
        )
        .page("/auth/reset-password/{token}/", show_reset_form)
        .form("/auth/reset-password/{token}/", take_reset_form)
}

/// Mail scanners follow links too: whoever looks like a browser gets a button, and HEAD uses nothing up.
async fn verify_by_link(
    State(app): State<App>,
    method: Method,
    WantsPage(wants_page): WantsPage,
    PathText(token): PathText,
    client: Client,
    cart: GuestCart,
) -> Result<Response> {
    if !wants_page && method != Method::HEAD {
        return verified(&app, &token, &client, &cart).await;
    }
    let live = async {
        let token = LinkToken::parse(&token)?;
        let conn = app.db.read().await?;
        find(&conn, &token, verify_email::PURPOSES, app.clock.now()).await
    };
    Ok(match live.await {
        Ok(_) => page(StatusCode::OK, "Confirm your email address", CONFIRM_FORM),
        Err(error) => refused(error)?,
    })
}

async fn verify(
    State(app): State<App>,
    WantsPage(wants_page): WantsPage,
    PathText(token): PathText,
    client: Client,
    cart: GuestCart,
) -> Result<Response> {
    if !wants_page {
        return verified(&app, &token, &client, &cart).await;
    }
    match verify_email::confirm_email(&app, &token).await {
        Ok(()) => Ok(page(
            StatusCode::OK,
            "Your email address is confirmed",
            "<p>Thank you. You can close this page.</p>",
        )),
        Err(error) => refused(error),
    }
}

async fn verified(app: &App, token: &str, client: &Client, cart: &GuestCart) -> Result<Response> {
    let signed_in = verify_email::verify_email(app, token, client, cart.token.as_ref()).await?;
    let user = signed_in.account.id;
    let answer = ok(&VerifiedEmailOut::from(signed_in));
    remember_device(app, forget_cart(app, answer, cart), user, None)
}

input! {
    /// Body of `POST auth/resend-verification/` and `POST auth/password-reset/`.
    pub(super) struct AskIn {
        pub email: EmailText,
    }
}

async fn resend_verification(
    State(app): State<App>,
    client: Client,
    In(body): In<AskIn>,
) -> Result<Response> {
    ask_again::resend_verification(&app, body.email.0.as_deref(), &client).await?;
    Ok(ok(&MessageOut {
        message: "If this address has an account that is not verified yet, a mail is on its way.",
    }))
}

async fn ask_for_reset(
    State(app): State<App>,
    client: Client,
    In(body): In<AskIn>,
) -> Result<Response> {
    ask_again::ask_for_reset(&app, body.email.0.as_deref(), &client).await?;
    Ok(ok(&MessageOut {
        message: "If this address has an account, a mail with a link is on its way.",
    }))
}

input! {
    /// Body of `POST auth/password-reset/confirm/`.
    pub(super) struct ResetIn {
        /// Of the link in the mail.
        pub token: Option<String>,
        #[also("password")]
        pub new_password: NewPasswordText,
        /// The new password once more; checked when it is sent.
        pub new_password2: Option<String>,
        /// The same under another name.
        pub new_password_confirm: Option<String>,
    }
}

const RESET_DONE: &str = "Password changed. All sessions have been ended: sign in again.";

async fn reset_password(State(app): State<App>, In(body): In<ResetIn>) -> Result<Response> {
    // What is missing is said before the link is looked at, so that trying again still can mend it.
    if body.token.is_some() && body.new_password.0.is_none() {
        let detail = "This field is required.";
        return Err(crate::error::Error::field(
            "new_password",
            "required",
            detail,
        ));
    }
    let reset = PasswordReset {
        token: body.token,
        new: body.new_password.0,
        repeated: repeated([
            ("new_password2", body.new_password2),
            ("new_password_confirm", body.new_password_confirm),
        ]),
    };
    reset_password::reset_password(&app, &reset).await?;
    Ok(ok(&MessageOut {
        message: RESET_DONE,
    }))
}

async fn show_reset_form(State(app): State<App>, PathText(token): PathText) -> Result<Response> {
    let live = async {
        let token = LinkToken::parse(&token)?;
        let conn = app.db.read().await?;
        find(&conn, &token, reset_password::PURPOSES, app.clock.now()).await
    };
    match live.await {
        Ok(_) => Ok(page(StatusCode::OK, RESET_TITLE, RESET_FORM)),
        Err(error) => refused(error),
    }
}

async fn take_reset_form(
    State(app): State<App>,
    PathText(token): PathText,
    request: Request,
) -> Result<Response> {
    let bytes = raw_bytes(request, 64 * 1024).await?;
    let mut reset = PasswordReset {
        token: Some(token),
        ..PasswordReset::default()
    };
    for (name, value) in url::form_urlencoded::parse(&bytes) {
        match &*name {
            "new_password" => reset.new = Some(value.into_owned()),
            "new_password2" => reset.repeated.push(("new_password2", value.into_owned())),
            _ => {}
        }
    }
    match reset_password::reset_password(&app, &reset).await {
        Ok(()) => Ok(page(
            StatusCode::OK,
            "Your password is set",
            "<p>All devices were signed out. Sign in with the new password.</p>",
        )),
        Err(error) if error.code() == Code::ValidationError => Ok(form_again(&error)),
        Err(error) => refused(error),
    }
}

fn form_again(error: &Error) -> Response {
    // The words are ours, not the visitor's.
    let faults = error.fields().iter();
    let faults: String = faults
        .map(|fault| format!("<li>{}</li>", fault.detail))
        .collect();
    let body = format!("<ul role=\"alert\">{faults}</ul>{RESET_FORM}");
    page(StatusCode::BAD_REQUEST, RESET_TITLE, &body)
}

/// Posts to the address that it stands at.
const CONFIRM_FORM: &str = "<form method=\"post\"><p>Press the button, and it is done.</p>\
    <button>Confirm my address</button></form>";
const RESET_TITLE: &str = "Set a new password";
const RESET_FORM: &str = "<form method=\"post\">\
    <label>New password <input type=\"password\" name=\"new_password\" autocomplete=\"new-password\" required></label>\
    <label>Once more <input type=\"password\" name=\"new_password2\" autocomplete=\"new-password\" required></label>\
    <button>Set the password</button></form>";

#[derive(Serialize, ToSchema)]
pub(super) struct VerifiedEmailOut {
    access: String,
    refresh: String,
    user: ProfileOut,
    message: &'static str,
    /// What could not be taken over from the guest's cart.
    cart_adjustments: Vec<CartAdjustmentOut>,
}

impl From<SignedIn> for VerifiedEmailOut {
    fn from(signed_in: SignedIn) -> Self {
        VerifiedEmailOut {
            access: signed_in.tokens.access,
            refresh: signed_in.tokens.refresh,
            user: (&signed_in.account).into(),
            message: "Email verified.",
            cart_adjustments: adjustments(signed_in.cart_adjustments),
        }
    }
}
