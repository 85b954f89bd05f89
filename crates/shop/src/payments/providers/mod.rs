//! The list of the providers, each in a file or folder of its own, and the little that several of them share.

/// Declares the modules of the providers, and collects what each says of itself.
macro_rules! providers {
    ($($module:ident),* $(,)?) => {
        $(pub(crate) mod $module;)*

        /// All of them.
        pub(crate) const ALL: &[&dyn PaymentProvider] = &[$(&$module::PROVIDER),*];
    };
}

// In the order in which they are told, and in which one is taken when nobody names one. To add one, add it here: nothing
// else in the program knows their names. (`cargo fmt` does not see these files; `.ci/run` formats them too.)
providers!(
    cod, sandbox, razorpay, stripe, paypal, bkash, manual, import
);

mod by_hand;
mod certificates;
mod token;

pub(crate) use certificates::Certificates;
pub(crate) use token::Tokens;

use money::{Currency, Money};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::Trouble;
use super::payment::{Refund, Sum};
use super::provider::PaymentProvider;
use super::schedule;
use crate::app::App;
use crate::error::{Code, Result};

/// A text of sane length at a JSON pointer.
fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value
        .pointer(path)?
        .as_str()
        .filter(|text| !text.is_empty() && text.len() <= 2048)
}

/// What a webhook's body says; 400 when it is no JSON.
fn event<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Code::MalformedJson
            .with("The event is no JSON.")
            .because(error)
    })
}

/// A refund that was made before, where that is known or may be: `asked` by its id, or else sought by our key among
/// those that are `listed`, for the provider may have forgotten the key of an old call. That the provider does not say
/// is no refusal of the refund.
async fn made_before(
    app: &App,
    refund: &Refund,
    asked: impl Future<Output = Result<Value, Trouble>>,
    listed: impl Future<Output = Result<Option<Value>, Trouble>>,
) -> Result<Option<Value>, Trouble> {
    let unsaid = |trouble| match trouble {
        Trouble::Refused { .. } => Trouble::Broken(trouble.to_string()),
        trouble => trouble,
    };
    match &refund.provider_refund_id {
        Some(id) => Ok(Some(called(asked.await.map_err(unsaid)?, id)?)),
        None if app.clock.now().since(refund.created_at) < schedule::KEYS => Ok(None),
        None => listed.await.map_err(unsaid),
    }
}

/// What the provider tells must be of what it was asked for.
fn called(answer: Value, id: &str) -> Result<Value, Trouble> {
    match text(&answer, "/id") == Some(id) {
        true => Ok(answer),
        false => Err(Trouble::Broken("it told of something else".to_owned())),
    }
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
