//! The providers, each in a file or folder of its own, and the little that several of them share.

pub(crate) mod bkash;
pub(crate) mod by_hand;
mod certificates;
pub(crate) mod paypal;
pub(crate) mod razorpay;
pub(crate) mod sandbox;
pub(crate) mod stripe;
mod token;

pub(crate) use certificates::Certificates;
pub(crate) use token::Token;

use money::{Currency, Money};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::Trouble;
use super::payment::{Refund, Sum};
use super::schedule;
use crate::app::App;
use crate::config::Secret;
use crate::error::{Code, Result};

/// A text of sane length at a JSON pointer.
fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value
        .pointer(path)?
        .as_str()
        .filter(|text| !text.is_empty() && text.len() <= 2048)
}

/// A setting that is there and says something.
fn set(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose).filter(|text| !text.is_empty())
}

/// What a webhook's body says; 400 when it is no JSON.
fn event<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Code::MalformedJson
            .with("The event is no JSON.")
            .because(error)
    })
}

/// Its key may be forgotten at the provider: it is looked for before it is asked for again.
fn is_old(app: &App, refund: &Refund) -> bool {
    app.clock.now().since(refund.created_at) >= schedule::KEYS
}

/// What a provider tells when it is asked for a refund of this id. That it does not say is no refusal of the refund.
fn found(answer: Result<Value, Trouble>, id: &str) -> Result<Value, Trouble> {
    let refund = told(answer)?;
    match text(&refund, "/id") == Some(id) {
        true => Ok(refund),
        false => Err(Trouble::Broken("it told of another refund".to_owned())),
    }
}

fn told(answer: Result<Value, Trouble>) -> Result<Value, Trouble> {
    answer.map_err(|trouble| match trouble {
        Trouble::Refused { .. } => Trouble::Broken(trouble.to_string()),
        trouble => trouble,
    })
}

/// The most refunds that are listed at once.
const LISTED: usize = 100;

/// The one of a list that has our key.
fn among(list: Option<&Value>, name: &str, key: &str) -> Result<Option<Value>, Trouble> {
    let all = list
        .and_then(Value::as_array)
        .ok_or_else(|| Trouble::Broken("it listed no refunds".to_owned()))?;
    match all.iter().find(|one| text(one, name) == Some(key)) {
        None if all.len() >= LISTED => Err(Trouble::Broken("it has more refunds".to_owned())),
        found => Ok(found.cloned()),
    }
}

/// A decimal text with its currency as minor units.
fn decimal(amount: Option<&str>, currency: Option<&str>) -> Option<Sum> {
    let currency = Currency::parse(currency?).ok()?;
    Some(Sum::new(
        Money::parse(amount?, currency).ok()?.minor,
        currency.code(),
    ))
}

/// Minor units as a decimal text.
fn as_decimal(minor: i64, currency: &str) -> String {
    Currency::parse(currency).map_or_else(
        |_| minor.to_string(),
        |currency| Money::new(minor, currency).format(),
    )
}

/// Where a provider's page sends the buyer back to: the shop's front end when there is one. Nothing that comes back
/// that way is believed.
fn return_url(app: &App, order_number: &str) -> String {
    match &app.config.storefront_url {
        Some(front) => format!("{front}/orders/{order_number}"),
        None => format!(
            "{}/api/v1/payments/return/{order_number}/",
            app.config.public_url
        ),
    }
}
