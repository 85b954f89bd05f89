//! The one contract of all providers. To add one: a file or folder in `providers/`, and its name in the list there.
//!
//! A provider translates: it asks, compares what it is told with what we asked for, and says it in our words. It
//! never touches the database and never decides what becomes of an order. All that is its own it says itself: what it
//! is called, what its settings are, what its buyer's client gets and brings.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::client::Trouble;
use super::payment::{Payment, Provider, Refund, RefundReport, Report, Sum};
pub(crate) use super::providers::ALL;
use crate::app::App;
use crate::config::Setting;
use crate::error::{Code, Error, Result};
use crate::http::Routes;

pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, Trouble>>;

pub(crate) trait PaymentProvider: Send + Sync {
    /// What it is called: in the database, in bodies, in paths.
    fn name(&self) -> Provider;

    fn kind(&self) -> Kind {
        Kind::Company
    }

    /// All that it reads.
    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    /// What the answer of `payments/initiate/` may have of it.
    fn gives(&self) -> &'static [Member] {
        &[REDIRECT_URL]
    }

    /// Members of the body of `payments/verify/` that are its own.
    fn takes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds doors of its own to those of payments.
    fn add_routes(&self, payments: Routes) -> Routes {
        payments
    }

    /// Doors that stand apart in the API document.
    fn routes(&self) -> Option<Routes> {
        None
    }

    /// What it does later.
    fn jobs(&self, _: &App, runner: jobs::Runner) -> jobs::Runner {
        runner
    }

    fn statements(&self) -> &'static [&'static str] {
        &[]
    }

    /// All is set that is needed to take money.
    fn is_configured(&self, app: &App) -> bool;

    /// Asks for money. Asked again under the same key (`new.key`) it must not ask for it twice.
    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created>;

    /// What the client of an attempt needs and the row says, by the names of `gives`.
    fn shown(&self, _: &App, payment: &Payment) -> Needs {
        vec![(REDIRECT_URL.name, payment.url.clone())]
    }

    /// What it needs besides, for which the provider is asked.
    fn client<'a>(&'a self, _: &'a App, _: &'a Payment) -> Answer<'a, Needs> {
        Box::pin(async { Ok(Needs::new()) })
    }

    /// The id of the payment that the browser brought.
    fn paid<'p>(&self, proof: &'p Proof) -> Option<&'p str> {
        proof.payment_id.as_deref()
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

/// Whose money it is that it holds, and who may choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A company that can be asked. The first that is set up is taken when nobody names one.
    Company,
    /// Plays one; taken only when it is named.
    Stage,
    /// Buyers may choose it; staff takes the money in hand.
    AtTheDoor,
    /// Staff's own books: no buyer chooses it.
    Books,
}

/// A text in the answer of `payments/initiate/`.
pub(crate) struct Member {
    pub name: &'static str,
    /// For the API document.
    pub doc: &'static str,
}

/// A page of the provider's.
pub(crate) const REDIRECT_URL: Member = Member {
    name: "redirect_url",
    doc: "Where the buyer pays.",
};

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
    /// As [`PaymentProvider::client`].
    pub needs: Needs,
}

/// What the buyer's client needs to pay, by name.
pub(crate) type Needs = Vec<(&'static str, Option<String>)>;

/// What the buyer's browser brought back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// The provider's id of the payment, as the browser has it.
    pub payment_id: Option<String>,
    /// What else one of the providers takes.
    pub members: Vec<(&'static str, String)>,
}

impl Proof {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.members.iter().find(|(member, _)| *member == name);
        found.map(|(_, value)| value.as_str())
    }
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

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Dispute {
    Opened,
    Won,
    Lost,
}

/// Those that can be asked: the companies first, then what plays one.
pub(crate) fn online() -> impl Iterator<Item = &'static dyn PaymentProvider> {
    let of = |kind| {
        ALL.iter()
            .copied()
            .filter(move |provider| provider.kind() == kind)
    };
    of(Kind::Company).chain(of(Kind::Stage))
}

/// The provider of that name.
pub(crate) fn provider(name: Provider) -> Result<&'static dyn PaymentProvider> {
    let found = ALL.iter().find(|provider| provider.name() == name);
    found
        .copied()
        .ok_or_else(|| Error::internal("a provider that is not listed"))
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

/// Whose members the browser brought.
pub(crate) fn of_proof(proof: &Proof) -> Option<Provider> {
    let takes = |provider: &&dyn PaymentProvider| {
        let mut names = provider.takes().iter();
        names.any(|name| proof.get(name).is_some())
    };
    online().find(takes).map(PaymentProvider::name)
}

/// The first that is set up.
pub(crate) fn first_configured(app: &App) -> Result<Provider> {
    online()
        .find(|provider| provider.kind() == Kind::Company && provider.is_configured(app))
        .map(PaymentProvider::name)
        .ok_or_else(|| {
            Code::ProviderNotConfigured.with("No online payment is set up in this shop.")
        })
}

impl Provider {
    /// Money passes through a company that can be asked, or through what plays one.
    pub(crate) fn is_online(self) -> bool {
        online().any(|provider| provider.name() == self)
    }
}
