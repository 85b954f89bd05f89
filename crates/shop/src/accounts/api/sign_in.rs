//! Coming in: register and log in, with the cart of the guest and the cookie of the device.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::repeated;
use super::wire::{
    EmailText, NewPasswordText, PasswordText, RegisteredOut, SignedInOut, TokensOut, Told,
    adjustments,
};
use crate::accounts::account::MOST_OF_NAME;
use crate::accounts::attempts::known_device::{self, KnownDevice};
use crate::accounts::log_in::{self, Given};
use crate::accounts::register::{self, Registration};
use crate::app::App;
use crate::caller::Client;
use crate::error::Result;
use crate::http::access::{GuestCart, cart_cookie, cookie};
use crate::http::extract::In;
use crate::http::{WithHeader, created, ok};
use crate::ids::UserId;
use crate::input;
use crate::values::Line;

input! {
    /// Body of `POST auth/register/`.
    pub(super) struct RegisterIn {
        pub email: EmailText,
        pub password: NewPasswordText,
        /// The password once more; checked when it is sent.
        pub password2: Option<String>,
        /// The same under another name.
        pub password_confirm: Option<String>,
        /// Letters, digits and `. + - _`.
        pub username: Option<Told>,
        /// Stands for `first_name` and `last_name`: the last word is the last name.
        pub name: Option<String>,
        pub first_name: Option<Told>,
        pub last_name: Option<Told>,
        pub phone: Option<Told>,
        pub address: Option<Told>,
    }
}

pub(super) async fn register(
    State(app): State<App>,
    client: Client,
    cart: GuestCart,
    In(body): In<RegisterIn>,
) -> Result<Response> {
    let input = Registration {
        email: body.email.0,
        password: body.password.0,
        repeated: repeated([
            ("password2", body.password2),
            ("password_confirm", body.password_confirm),
        ]),
        username: body.username.map(|told| told.0),
        name: body.name,
        first_name: body.first_name.map(|told| told.0),
        last_name: body.last_name.map(|told| told.0),
        phone: body.phone.map(|told| told.0),
        address: body.address.map(|told| told.0),
    };
    let registered = register::register(&app, input, &client, cart.token.as_ref()).await?;
    let signed_in = registered.tokens.is_some();
    let user = registered.account.id;
    let answer = created(&RegisteredOut {
        user: (&registered.account).into(),
        message: "Registration successful. Please check your email to verify your account.",
        tokens: registered.tokens.map(TokensOut::from),
        cart_adjustments: adjustments(registered.cart_adjustments),
    });
    if signed_in {
        remember_device(&app, forget_cart(&app, answer, &cart), user, None)
    } else {
        Ok(answer)
    }
}

/// The token of the guest's cart died with the merge: the browser need not send it any more.
pub(in crate::accounts) fn forget_cart(app: &App, answer: Response, cart: &GuestCart) -> Response {
    if cart.by_cookie {
        answer.with_header(header::SET_COOKIE, &cart_cookie(app, None))
    } else {
        answer
    }
}

/// Tells the browser that this person signed in on it.
pub(in crate::accounts) fn remember_device(
    app: &App,
    answer: Response,
    user: UserId,
    known: Option<&KnownDevice>,
) -> Result<Response> {
    let secure = app.config.public_url.starts_with("https://");
    let now = app.clock.now();
    let value = app.accounts.devices.set_cookie(user, known, secure, now)?;
    Ok(answer.with_header(header::SET_COOKIE, &value))
}

input! {
    /// Body of `POST auth/login/`. Either of `email` and `username` is enough, and may hold either.
    pub(super) struct LoginIn {
        pub email: Option<Line<MOST_OF_NAME>>,
        pub username: Option<Line<MOST_OF_NAME>>,
        pub password: PasswordText,
        /// A code of your authenticator app or a recovery code, when the account has a second factor.
        #[also("otp_code", "totp")]
        pub otp: Option<String>,
    }
}

pub(super) async fn log_in(
    State(app): State<App>,
    client: Client,
    cart: GuestCart,
    headers: HeaderMap,
    In(body): In<LoginIn>,
) -> Result<Response> {
    let [email, username] = [body.email, body.username].map(|name| name.map(String::from));
    let name = email.filter(|email| !email.is_empty()).or(username);
    let given = Given {
        name,
        password: body.password.0,
        otp: body.otp,
    };
    let now = app.clock.now();
    let known = cookie(&headers, known_device::COOKIE)
        .and_then(|cookie| app.accounts.devices.read(cookie, now));
    let signed_in =
        log_in::log_in(&app, &given, &client, cart.token.as_ref(), known.as_ref()).await?;
    let answer = ok(&SignedInOut {
        access: signed_in.tokens.access,
        refresh: signed_in.tokens.refresh,
        user: (&signed_in.account).into(),
        cart_adjustments: adjustments(signed_in.cart_adjustments),
    });
    remember_device(
        &app,
        forget_cart(&app, answer, &cart),
        signed_in.account.id,
        known.as_ref(),
    )
}
