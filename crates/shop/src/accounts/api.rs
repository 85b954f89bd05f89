//! The HTTP face of accounts: register, log in, refresh, log out, verify, profile, password.

mod wire;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

pub(crate) use wire::ProfileOut;
pub(super) use wire::{CartAdjustmentOut, EmailText, MessageOut, NewPasswordText, adjustments};
use wire::{PasswordText, RegisteredOut, SignedInOut, TokensOut, Told, VerifiedOut};

use super::account::Account;
use super::attempts::known_device::{self, KnownDevice};
use super::change_password::{self, PasswordChange};
use super::log_in::{self, Given};
use super::register::{self, Registration};
use super::store::ProfileChange;
use super::update_profile::{self, ProfileUpdate};
use super::{log_out, refresh, store, verify_token};
use crate::app::App;
use crate::caller::{Client, RequestId, User};
use crate::error::{Code, Result};
use crate::http::access::{GuestCart, SentToken, cart_cookie, cookie};
use crate::http::extract::{IfMatch, In, Patch};
use crate::http::{Op, Routes, WithHeader, created, ok, tagged};
use crate::ids::UserId;
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
    };
    let change_password_op = Op::new(
        "change_password",
        "Set a new password and end all other sessions",
    )
    .user()
    .body::<ChangePasswordIn>()
    .answers::<MessageOut>(200)
    .errors(&[Code::Overloaded]);
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

async fn register(
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
pub(super) fn forget_cart(app: &App, answer: Response, cart: &GuestCart) -> Response {
    if cart.by_cookie {
        answer.with_header(header::SET_COOKIE, &cart_cookie(app, None))
    } else {
        answer
    }
}

/// Tells the browser that this person signed in on it.
pub(super) fn remember_device(
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
        pub email: Option<String>,
        pub username: Option<String>,
        pub password: PasswordText,
        /// A code of your authenticator app or a recovery code, when the account has a second factor.
        #[also("otp_code", "totp")]
        pub otp: Option<String>,
    }
}

async fn log_in(
    State(app): State<App>,
    client: Client,
    cart: GuestCart,
    headers: HeaderMap,
    In(body): In<LoginIn>,
) -> Result<Response> {
    let name = body
        .email
        .filter(|email| !email.trim().is_empty())
        .or(body.username);
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

async fn show_profile(State(app): State<App>, user: User) -> Result<Response> {
    let account = store::account(&app.db.read().await?, user.id).await?;
    Ok(tagged(StatusCode::OK, &ProfileOut::from(&account)))
}

input! {
    /// Body of `PUT` and `PATCH auth/profile/`: what is left out stays as it is, `null` empties.
    pub(super) struct ProfileIn {
        /// Another address needs `current_password`, and counts once the mail sent there was answered.
        pub email: Option<EmailText>,
        pub current_password: Option<PasswordText>,
        pub username: Patch<Told>,
        /// Stands for `first_name` and `last_name`: the last word is the last name.
        pub name: Option<String>,
        pub first_name: Patch<Told>,
        pub last_name: Patch<Told>,
        pub phone: Patch<Told>,
        pub address: Patch<Told>,
    }
}

async fn update_profile(
    State(app): State<App>,
    user: User,
    client: Client,
    if_match: IfMatch,
    In(body): In<ProfileIn>,
) -> Result<Response> {
    let update = ProfileUpdate {
        email: body.email.and_then(|email| email.0),
        current_password: body.current_password.and_then(|password| password.0),
        name: body.name,
        profile: ProfileChange {
            username: text(body.username),
            first_name: text(body.first_name),
            last_name: text(body.last_name),
            phone: text(body.phone),
            address: text(body.address),
        },
    };
    let look = |account: &Account| if_match.check(&[ProfileOut::from(account)]);
    let seen = if_match.given(&look);
    let account = update_profile::update_profile(&app, user, update, seen, &client).await?;
    Ok(tagged(StatusCode::OK, &ProfileOut::from(&account)))
}

fn text(field: Patch<Told>) -> Option<String> {
    match field {
        Patch::Absent => None,
        Patch::Null => Some(String::new()),
        Patch::Set(Told(text)) => Some(text.trim().to_owned()),
    }
}

input! {
    /// Body of `POST auth/change-password/`.
    pub(super) struct ChangePasswordIn {
        #[also("current_password")]
        pub old_password: PasswordText,
        pub new_password: NewPasswordText,
        /// The new password once more; checked when it is sent.
        pub new_password2: Option<String>,
        /// The same under another name.
        pub new_password_confirm: Option<String>,
    }
}

async fn change_password(
    State(app): State<App>,
    user: User,
    client: Client,
    In(body): In<ChangePasswordIn>,
) -> Result<Response> {
    let again = [
        ("new_password2", body.new_password2),
        ("new_password_confirm", body.new_password_confirm),
    ];
    let change = PasswordChange {
        old: body.old_password.0,
        new: body.new_password.0,
        repeated: repeated(again),
    };
    change_password::change_password(&app, user, &client, &change).await?;
    Ok(ok(&MessageOut {
        message: "Password changed. All other sessions have been ended.",
    }))
}

pub(super) fn repeated(fields: [(&'static str, Option<String>); 2]) -> Vec<(&'static str, String)> {
    fields
        .into_iter()
        .filter_map(|(attr, text)| Some((attr, text?)))
        .collect()
}
