//! Begins an attempt to pay: our row first, then the provider is asked, then its name is written down.
//!
//! Asked twice, the open attempt is given again; a crash in between leaves a row that the next call, or the
//! reconciler, goes on with. Another provider replaces an attempt that is still open.

use futures_util::try_join;

use super::client::Trouble;
use super::payment::{Payment, PaymentState, Provider};
use super::provider::{self, Ask, Needs, NewPayment};
use super::{schedule, store};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::ids::PaymentId;
use crate::orders::{self, Access, Lifecycle, OrderRef, OrderRow, PaymentMethod, PaymentStatus};

#[derive(Clone, Debug)]
pub(crate) struct Initiate {
    pub order: OrderRef,
    /// The order's own online method when it is absent, else the first that is set up.
    pub provider: Option<Provider>,
    /// On a page of the provider's, where it has one beside the client's own form.
    pub hosted: bool,
}

pub(crate) struct Initiated {
    pub payment: Payment,
    pub order: OrderRow,
    pub needs: Needs,
}

pub(crate) async fn initiate_payment(
    app: &App,
    access: &Access,
    asked: &Initiate,
) -> Result<Initiated> {
    let order = {
        let conn = app.db.read().await?;
        orders::find_row(&conn, &asked.order, access).await?
    };
    let name = choose(app, asked.provider, &order)?;
    let provider = provider::configured(app, name)?;
    let flow = if asked.hosted { "checkout" } else { "" };
    let (order, payment) = open_attempt(app, &order, name, flow).await?;
    if payment.reference.is_some() {
        let needs = provider.client(app, &payment).await?;
        return Ok(Initiated {
            payment,
            order,
            needs,
        });
    }
    let new = NewPayment {
        payment: &payment,
        order_number: &order.order_number,
        email: &order.email,
        key: format!("{}-{}", order.order_number, payment.id),
    };
    let created = provider.create(app, &new).await;
    let now = app.clock.now();
    if created.as_ref().is_err_and(Trouble::is_final) {
        // Under this key it will never be made: the next call begins anew.
        crate::transact!(app.db, tx => { store::cancel(tx, payment.id, now).await })?;
    }
    let created = created?;
    let written = crate::transact!(app.db, tx => {
        store::set_reference(tx, payment.id, &created.reference, created.url.as_deref(), now).await
    })?;
    if !written {
        return Err(Code::Conflict.with("The same payment was begun twice at once. Ask again."));
    }
    let payment = Payment {
        reference: Some(created.reference),
        url: created.url,
        ..payment
    };
    Ok(Initiated {
        payment,
        order,
        needs: created.needs,
    })
}

fn choose(app: &App, asked: Option<Provider>, order: &OrderRow) -> Result<Provider> {
    let own = Provider::parse(&order.payment_method).filter(|provider| provider.is_online());
    match asked.or(own) {
        Some(provider) if provider.is_online() => Ok(provider),
        Some(provider) => Err(Error::field(
            "provider",
            "invalid",
            format!("{provider} takes no payment online."),
        )),
        None => provider::first_configured(app),
    }
}

/// The open attempt of this provider, or a new one.
async fn open_attempt(
    app: &App,
    order: &OrderRow,
    name: Provider,
    flow: &str,
) -> Result<(OrderRow, Payment)> {
    let now = app.clock.now();
    let method = PaymentMethod::parse(name.as_str()).ok_or_else(Error::not_found)?;
    let (id, currency) = (order.id, app.currency.code());
    let ttl = app.config.unpaid_order_ttl;
    let result = crate::transact!(app.db, tx => {
        let (order, open) = try_join!(orders::hold_order(tx, id, now), store::find_open(tx, id))?;
        payable(&order)?;
        if order.currency != currency {
            return Err(Code::PaymentMismatch.with("The order is in another currency than the shop."));
        }
        match open {
            Some(open) if open.status == PaymentState::Authorized => {
                return Err(Code::AlreadyPaid.with("The payment of this order is authorized and being taken."));
            }
            Some(open) if open.provider == name && open.flow == flow && open.amount_minor == order.total_minor => {
                return Ok((order, open));
            }
            Some(open) => store::cancel_others(tx, id, PaymentId(0), now).await.map(|()| drop(open))?,
            None => {}
        }
        let payment = store::insert(tx, &order, name, flow, now + schedule::FIRST, now);
        let (payment, ()) = try_join!(payment, orders::choose_method(tx, &order, method, ttl))?;
        Ok((order, payment))
    });
    result
}

/// How the provider of an attempt is asked: nothing is taken for an order that wants no money, or is getting it from
/// another attempt. What a buyer has authorized in vain lapses at the provider.
pub(crate) fn how_to_ask(order: &OrderRow, payment: &Payment) -> Ask {
    let by_another = order.payment_status == PaymentStatus::Authorized
        && payment.status != PaymentState::Authorized;
    match payable(order).is_ok() && !by_another {
        true => Ask::Settle,
        false => Ask::Look,
    }
}

/// 409 when nothing is owed, or nothing is to be had any more.
pub(crate) fn payable(order: &OrderRow) -> Result<()> {
    use PaymentStatus as P;
    match (order.lifecycle, order.payment_status) {
        (Lifecycle::Open, P::Pending | P::Authorized | P::Failed) if order.total_minor > 0 => {
            Ok(())
        }
        (Lifecycle::Open, P::Pending | P::Authorized | P::Failed) => {
            Err(Code::AlreadyPaid.with("The order costs nothing."))
        }
        (Lifecycle::Open, _) => Err(Code::AlreadyPaid.with("The order is already paid.")),
        _ => Err(Code::InvalidTransition
            .with(format!("The order is {} and cannot be paid.", order.status))
            .member("status_now", order.status.as_str())),
    }
}
