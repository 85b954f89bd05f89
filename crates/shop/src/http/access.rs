//! Who asks: extractors that refuse those who may not. A handler says by its arguments who may call it.

pub(crate) mod address;

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

pub(super) use address::client_ip;

use super::aliases::Via;
use crate::accounts;
use crate::app::App;
use crate::caller::{Admin, CartToken, RequestId, Shopper, User};
use crate::config::Config;
use crate::error::{Code, Error, Result};

/// The cookie of a guest's cart.
pub const CART_COOKIE: &str = "cart_session";
/// The header of a guest's cart, in requests and in the answer that made the cart.
pub const CART_HEADER: &str = "x-cart-token";

impl FromRequestParts<App> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        user(parts, app).await?.ok_or_else(|| {
            Code::NotAuthenticated.with("Send an access token: Authorization: Bearer …")
        })
    }
}

/// Nobody is fine; a bad token is not.
impl OptionalFromRequestParts<App> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>> {
        user(parts, app).await
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let user = <User as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        if user.needs_second_factor {
            Err(Code::SecondFactorRequired
                .with("Admins here need a second factor: POST auth/second-factor/."))
        } else if user.is_admin() {
            admin(parts, user)
        } else {
            Err(Code::PermissionDenied.with("Only admins may do this."))
        }
    }
}

/// Others are fine; a bad token is not.
impl OptionalFromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>> {
        let user = user(parts, app).await?.filter(User::is_admin);
        user.map(|user| admin(parts, user)).transpose()
    }
}

fn admin(parts: &Parts, user: User) -> Result<Admin> {
    let request = request_id(parts)?;
    Ok(Admin { user, request })
}

fn request_id(parts: &Parts) -> Result<RequestId> {
    let request = parts.extensions.get::<RequestId>().copied();
    request.ok_or_else(|| Error::internal("a request without an id"))
}

impl FromRequestParts<App> for RequestId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        request_id(parts)
    }
}

/// Was the request made below `admin/`? Then its caller is an admin.
#[derive(Clone, Copy, Debug)]
pub struct ViaAdmin(pub bool);

impl FromRequestParts<App> for ViaAdmin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let via = parts.extensions.get::<Via>().is_some_and(|via| via.admin);
        if via {
            <Admin as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        }
        Ok(ViaAdmin(via))
    }
}

impl FromRequestParts<App> for Shopper {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let user = user(parts, app).await?;
        let (cart_token, by_cookie) = sent_cart_token(&parts.headers);
        let by_cookie = by_cookie && user.is_none();
        if by_cookie && is_write(&parts.method) && !same_site(&parts.headers, &app.config) {
            return Err(
                Code::CsrfFailed.with("A cart cookie alone does not let another site write.")
            );
        }
        Ok(Shopper {
            user,
            cart_token,
            by_cookie,
        })
    }
}

/// The guest's cart of somebody who is about to sign in. A cookie that another site made the browser send is passed over.
#[derive(Clone, Debug, Default)]
pub struct GuestCart {
    pub token: Option<CartToken>,
    /// The browser keeps the token and should forget it.
    pub by_cookie: bool,
}

impl FromRequestParts<App> for GuestCart {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let (token, by_cookie) = sent_cart_token(&parts.headers);
        let believed = !by_cookie || same_site(&parts.headers, &app.config);
        Ok(match token.filter(|_| believed) {
            Some(token) => GuestCart {
                token: Some(token),
                by_cookie,
            },
            None => GuestCart::default(),
        })
    }
}

/// The bearer token as it was sent, whatever it is worth: for logging out.
pub struct SentToken(pub Option<String>);

impl FromRequestParts<App> for SentToken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let token = bearer(&parts.headers);
        Ok(SentToken(token.unwrap_or(Some("")).map(str::to_owned)))
    }
}

/// Whoever the bearer token stands for, looked up once a request.
async fn user(parts: &mut Parts, app: &App) -> Result<Option<User>> {
    #[derive(Clone)]
    struct Known(Option<User>);

    if let Some(known) = parts.extensions.get::<Known>() {
        return Ok(known.0);
    }
    let user = match bearer(&parts.headers)? {
        Some(token) => Some(accounts::authenticate(app, token).await?),
        None => None,
    };
    parts.extensions.insert(Known(user));
    Ok(user)
}

/// The `Set-Cookie` that hands a browser the token of its cart for 30 days, or takes it back.
pub fn cart_cookie(app: &App, token: Option<&str>) -> String {
    let secure = match app.config.public_url.starts_with("https:") {
        true => "; Secure",
        false => "",
    };
    let (token, age) = token.map_or(("", 0), |token| (token, 2_592_000));
    format!("{CART_COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

/// The token of a guest's cart, by header or else by cookie, and whether it came by cookie.
fn sent_cart_token(headers: &HeaderMap) -> (Option<CartToken>, bool) {
    let by_header = headers
        .get(CART_HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|token| !token.is_empty());
    let token = by_header.or_else(|| cookie(headers, CART_COOKIE));
    let by_cookie = by_header.is_none() && token.is_some();
    (
        token
            .filter(|token| token.len() <= 200)
            .map(|token| CartToken(token.to_owned())),
        by_cookie,
    )
}

/// The token of `Authorization: Bearer …`, its only place.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    let invalid = || Code::TokenInvalid.with("Authorization must be: Bearer <access token>.");
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") || all.next().is_some() {
        return Err(invalid());
    }
    Ok(Some(token.trim()))
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(other, value)| *other == name && !value.is_empty())
        .map(|(_, value)| value)
}

fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Did the request come from this shop's own pages, a listed origin, or no page at all?
fn same_site(headers: &HeaderMap, config: &Config) -> bool {
    let site = headers.get("sec-fetch-site");
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("null");
        // A shop may have several names; which page asks is the browser's word, which no page can write.
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        return origin.eq_ignore_ascii_case(&config.public_url)
            || config.cors_allowed_origins.allows(origin)
            || site.is_some_and(|site| site == "same-origin") && config.allows_host(host);
    }
    site.is_none_or(|site| site == "same-origin" || site == "none")
}
