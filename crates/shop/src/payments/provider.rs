//! The one contract of all providers. To add one: a file in `providers/`, a word of `Provider`, a line in [`ALL`].
//!
//! A provider translates: it asks, compares what it is told with what we asked for, and says it in our words. It
//! never touches the database and never decides what becomes of an order.

use futures_util::future::BoxFuture;

use super::client::Trouble;
use super::payment::{Payment, Provider, Refund, RefundReport, Report, Sum};
use super::providers::{bkash, by_hand, paypal, razorpay, sandbox, stripe};
use crate::app::App;
use crate::error::{Code, Error, Result};

/// The first one configured is taken when nobody names one; `sandbox` only when it is named.
pub(crate) const ALL: &[(Provider, &dyn PaymentProvider)] = &[
    (Provider::Razorpay, &razorpay::Razorpay),
    (Provider::Stripe, &stripe::Stripe),
    (Provider::Paypal, &paypal::Paypal),
    (Provider::Bkash, &bkash::Bkash),
    (Provider::Sandbox, &sandbox::Sandbox),
    (Provider::Cod, &by_hand::ByHand),
    (Provider::Manual, &by_hand::ByHand),
    (Provider::Import, &by_hand::ByHand),
];

pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, Trouble>>;

pub(crate) trait PaymentProvider: Send + Sync {
    /// All is set that is needed to take money.
    fn is_configured(&self, app: &App) -> bool;

    /// Asks for money. Asked again under the same key (`new.key`) it must not ask for it twice.
    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created>;

    /// What the client of an attempt needs, besides what the row says.
    fn client<'a>(&'a self, _: &'a App, _: &'a Payment) -> Answer<'a, ClientNeeds> {
        Box::pin(async { Ok(ClientNeeds::default()) })
    }

    /// Looks through what the buyer's browser brought; a hint that decides nothing but what is refused at once: the id
    /// of another payment, by itself.
    fn check_proof(&self, _: &App, payment: &Payment, proof: &Proof) -> Result<()> {
        let ours = [&payment.reference, &payment.provider_payment_id];
        match &proof.payment_id {
            Some(_) if !ours.contains(&&proof.payment_id) => {
                Err(Code::PaymentMismatch.with("This payment was not begun for this order."))
            }
            _ => Ok(()),
        }
    }

    /// Where the attempt stands. `Ask::Settle` takes what the buyer has agreed to (captures, executes) first.
    fn status<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        proof: &'a Proof,
        ask: Ask,
    ) -> Answer<'a, Report>;

    /// Gives money back, under `refund.request_key` however often it is asked.
    fn refund<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        refund: &'a Refund,
    ) -> Answer<'a, RefundReport>;

    /// Checks who sent a webhook and reads it.
    fn read_webhook<'a>(
        &'a self,
        app: &'a App,
        hook: &'a Hook<'a>,
    ) -> BoxFuture<'a, Result<Notice>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Look,
    Settle,
}

pub(crate) struct NewPayment<'a> {
    pub payment: &'a Payment,
    pub order_number: &'a str,
    pub email: &'a str,
    /// Names this attempt at the provider, the same at each try.
    pub key: String,
}

/// What the provider made of it.
#[derive(Debug)]
pub(crate) struct Created {
    pub reference: String,
    pub url: Option<String>,
    pub needs: ClientNeeds,
}

/// What the buyer's client needs to pay; each provider fills its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientNeeds {
    pub client_secret: Option<String>,
    pub publishable_key: Option<String>,
}

/// What the buyer's browser brought back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    pub razorpay_order_id: Option<String>,
    /// The provider's id of the payment, as the browser has it.
    pub payment_id: Option<String>,
    pub razorpay_signature: Option<String>,
}

/// A webhook as it came.
pub(crate) struct Hook<'a> {
    pub body: &'a [u8],
    /// The value of a header by its small name; `Err` when it is twice there or no text.
    pub header: &'a (dyn Fn(&str) -> Result<Option<String>> + Sync),
}

/// What a webhook says.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// The provider's name of the event: the same event is the same name.
    pub event_key: String,
    pub kind: String,
    pub about: About,
    pub news: News,
}

/// Which attempt it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// What was asked for: order, intent, session.
    Reference(String),
    /// The money.
    PaymentId(String),
    /// Our own name of it.
    Attempt(i64),
    Nothing,
}

#[derive(Clone, Debug)]
pub(crate) enum News {
    /// Signed, and to be compared.
    Payment(Report),
    Refund(RefundReport),
    Dispute {
        id: String,
        money: Option<Sum>,
        stands: Dispute,
    },
    /// Worth asking the provider: what it says then counts.
    Ask,
    /// Nothing that money hangs on.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispute {
    Opened,
    Won,
    Lost,
}

/// The provider of that name.
pub(crate) fn provider(name: Provider) -> Result<&'static dyn PaymentProvider> {
    let found = ALL.iter().find(|(word, _)| *word == name);
    found
        .map(|(_, provider)| *provider)
        .ok_or_else(|| Error::internal("a provider without a file"))
}

/// The same, when it is set up.
pub(crate) fn configured(app: &App, name: Provider) -> Result<&'static dyn PaymentProvider> {
    let provider = provider(name)?;
    if provider.is_configured(app) {
        Ok(provider)
    } else {
        Err(not_configured(name))
    }
}

pub(crate) fn not_configured(name: Provider) -> Error {
    Code::ProviderNotConfigured.with(format!("Payments by {name} are not set up in this shop."))
}

/// The first that is set up.
pub(crate) fn first_configured(app: &App) -> Result<Provider> {
    let real = ALL
        .iter()
        .filter(|(word, _)| word.is_online() && *word != Provider::Sandbox);
    real.map(|(word, provider)| (*word, *provider))
        .find(|(_, provider)| provider.is_configured(app))
        .map(|(word, _)| word)
        .ok_or_else(|| {
            Code::ProviderNotConfigured.with("No online payment is set up in this shop.")
        })
}
