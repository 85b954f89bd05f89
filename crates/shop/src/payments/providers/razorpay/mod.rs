//! Razorpay: an order of theirs is what we ask for, the browser's form pays it, and the signature that it brings back
//! names both. Amounts are minor units (paise). API: `/v1`, basic authentication.

mod webhook;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use hyper::Method;
use serde_json::{Value, json};

use super::{LISTED, among, found, is_old, set, text, told};
use crate::app::App;
use crate::config::Razorpay as Settings;
use crate::error::{Code, Error, Result};
use crate::payments::client::{Body, Call, Trouble, call, escaped};
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands, Sum,
};
use crate::payments::provider::{
    Answer, Ask, ClientNeeds, Created, Hook, NewPayment, Notice, PaymentProvider, Proof,
};
use crate::payments::signature;

pub(crate) struct Razorpay;

impl PaymentProvider for Razorpay {
    fn is_configured(&self, app: &App) -> bool {
        key(&app.config.razorpay).is_some()
    }

    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created> {
        Box::pin(async move {
            let body = json!({
                "amount": new.payment.amount_minor,
                "currency": new.payment.currency,
                "receipt": new.key.chars().take(40).collect::<String>(),
                "notes": {"order_number": new.order_number},
            });
            let order = ask(app, Method::POST, "/v1/orders", Body::Json(&body), None).await?;
            let made = (text(&order, "/id"), sum(&order));
            match made {
                (Some(id), Some(sum))
                    if sum == Sum::new(new.payment.amount_minor, &new.payment.currency) =>
                {
                    Ok(Created {
                        reference: id.to_owned(),
                        url: None,
                        needs: ClientNeeds::default(),
                    })
                }
                _ => Err(Trouble::Broken(
                    "it made an order of another amount".to_owned(),
                )),
            }
        })
    }

    /// The signature is over the order id that we stored, never over one that was sent.
    fn check_proof(&self, app: &App, payment: &Payment, proof: &Proof) -> Result<()> {
        let order = payment.reference.as_deref().unwrap_or_default();
        let required =
            |name: &'static str| Error::field(name, "required", "This field is required.");
        let sent_order = proof
            .razorpay_order_id
            .as_deref()
            .ok_or_else(|| required("razorpay_order_id"))?;
        let paid = proof
            .payment_id
            .as_deref()
            .ok_or_else(|| required("razorpay_payment_id"))?;
        let signed = proof
            .razorpay_signature
            .as_deref()
            .ok_or_else(|| required("razorpay_signature"))?;
        let secret = app
            .config
            .razorpay
            .key_secret
            .as_ref()
            .map_or("", |secret| secret.expose());
        if sent_order != order {
            return Err(
                Code::PaymentMismatch.with("This Razorpay order was not made for this order.")
            );
        }
        match signature::is_signed(
            &[secret],
            &[order.as_bytes(), b"|", paid.as_bytes()],
            signed,
        ) {
            true => Ok(()),
            false => Err(signature::invalid()),
        }
    }

    fn status<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        proof: &'a Proof,
        how: Ask,
    ) -> Answer<'a, Report> {
        Box::pin(async move {
            let order = payment.reference.as_deref().unwrap_or_default();
            let found = match &proof.payment_id {
                Some(id) => {
                    ask(
                        app,
                        Method::GET,
                        &format!("/v1/payments/{}", escaped(id)),
                        Body::None,
                        None,
                    )
                    .await?
                }
                None => {
                    let path = format!("/v1/orders/{}/payments", escaped(order));
                    let list = ask(app, Method::GET, &path, Body::None, None).await?;
                    match furthest(&list) {
                        Some(found) => found.clone(),
                        None => return Ok(Report::of(Stands::Open)),
                    }
                }
            };
            let report = read_payment(&found, order)?;
            if report.stands == Stands::Authorized
                && how == Ask::Settle
                && report.mismatch(payment).is_none()
            {
                return capture(app, payment, &report, order).await;
            }
            Ok(report)
        })
    }

    fn refund<'a>(
        &'a self,
        app: &'a App,
        payment: &'a Payment,
        refund: &'a Refund,
    ) -> Answer<'a, RefundReport> {
        Box::pin(async move {
            let id = payment.provider_payment_id.as_deref().unwrap_or_default();
            if let Some(made) = find_refund(app, id, refund).await? {
                return read_refund(&made, id);
            }
            let body = json!({
                "amount": refund.amount_minor,
                "receipt": refund.request_key,
                "notes": {"refund": refund.request_key},
            });
            let path = format!("/v1/payments/{}/refund", escaped(id));
            let answer = ask(
                app,
                Method::POST,
                &path,
                Body::Json(&body),
                Some(&refund.request_key),
            )
            .await?;
            read_refund(&answer, id)
        })
    }

    fn read_webhook<'a>(
        &'a self,
        app: &'a App,
        hook: &'a Hook<'a>,
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(async move { webhook::read(app, hook) })
    }
}

fn key(settings: &Settings) -> Option<(&str, &str)> {
    Some((
        settings.key_id.as_deref()?,
        set(settings.key_secret.as_ref())?,
    ))
}

async fn ask(
    app: &App,
    method: Method,
    path: &str,
    body: Body<'_>,
    once: Option<&str>,
) -> Result<Value, Trouble> {
    let settings = &app.config.razorpay;
    let (id, secret) =
        key(settings).ok_or_else(|| Trouble::NotSent("no keys are set".to_owned()))?;
    let mut headers = vec![(
        "authorization",
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))),
    )];
    headers.extend(once.map(|key| ("x-refund-idempotency", key.to_owned())));
    let url = format!("{}{path}", settings.base_url);
    call(
        app,
        Call {
            provider: Provider::Razorpay,
            method,
            url,
            headers,
            body,
        },
    )
    .await
}

/// One that was made before, where that is known or may be.
async fn find_refund(app: &App, payment: &str, refund: &Refund) -> Result<Option<Value>, Trouble> {
    if let Some(id) = &refund.provider_refund_id {
        let path = format!("/v1/refunds/{}", escaped(id));
        return found(ask(app, Method::GET, &path, Body::None, None).await, id).map(Some);
    }
    if !is_old(app, refund) {
        return Ok(None);
    }
    let path = format!("/v1/payments/{}/refunds?count={LISTED}", escaped(payment));
    let list = told(ask(app, Method::GET, &path, Body::None, None).await)?;
    among(list.get("items"), "/notes/refund", &refund.request_key)
}

/// Takes exactly what was authorized. One that was taken in the meantime is found so.
async fn capture(
    app: &App,
    payment: &Payment,
    report: &Report,
    order: &str,
) -> Result<Report, Trouble> {
    let id = report.payment_id.as_deref().unwrap_or_default();
    let path = format!("/v1/payments/{}", escaped(id));
    let body = json!({"amount": payment.amount_minor, "currency": payment.currency});
    match ask(
        app,
        Method::POST,
        &format!("{path}/capture"),
        Body::Json(&body),
        None,
    )
    .await
    {
        Ok(taken) => read_payment(&taken, order),
        Err(Trouble::Refused { .. }) => read_payment(
            &ask(app, Method::GET, &path, Body::None, None).await?,
            order,
        ),
        Err(trouble) => Err(trouble),
    }
}

/// Of several tries on one order, the one with money.
fn furthest(list: &Value) -> Option<&Value> {
    let rank = |payment: &&Value| match text(payment, "/status") {
        Some("captured" | "refunded") => 3,
        Some("authorized") => 2,
        Some("created") => 1,
        _ => 0,
    };
    list.pointer("/items")?.as_array()?.iter().max_by_key(rank)
}

fn read_payment(payment: &Value, order: &str) -> Result<Report, Trouble> {
    let stands = match text(payment, "/status") {
        Some("created") => Stands::Open,
        Some("authorized") => Stands::Authorized,
        // Given back in whole or in part: it was captured before.
        Some("captured" | "refunded") => Stands::Captured,
        Some("failed") => Stands::Failed,
        _ => {
            return Err(Trouble::Broken(
                "a payment without a known status".to_owned(),
            ));
        }
    };
    let foreign = text(payment, "/order_id") != Some(order);
    let note = match foreign {
        true => "it is a payment of another order",
        false => text(payment, "/error_code").unwrap_or_default(),
    };
    Ok(Report {
        payment_id: text(payment, "/id").map(str::to_owned),
        money: sum(payment),
        method: text(payment, "/method").unwrap_or_default().to_owned(),
        note: note.to_owned(),
        foreign,
        ..Report::of(stands)
    })
}

fn read_refund(refund: &Value, payment: &str) -> Result<RefundReport, Trouble> {
    if text(refund, "/payment_id") != Some(payment) {
        return Err(Trouble::Broken("a refund of another payment".to_owned()));
    }
    Ok(refund_of(refund))
}

fn refund_of(refund: &Value) -> RefundReport {
    RefundReport {
        status: match text(refund, "/status") {
            Some("processed") => RefundState::Succeeded,
            Some("failed") => RefundState::Failed,
            _ => RefundState::Pending,
        },
        refund_id: text(refund, "/id").map(str::to_owned),
        request_key: text(refund, "/receipt")
            .or_else(|| text(refund, "/notes/refund"))
            .map(str::to_owned),
        money: sum(refund),
        note: String::new(),
    }
}

fn sum(value: &Value) -> Option<Sum> {
    Some(Sum::new(
        value.get("amount")?.as_i64()?,
        value.get("currency")?.as_str()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_callback_signature_fits() {
        let signed = "1c7bec40722e46b00641872d69ec411ad3c5d536d60b6201bacaa4f53ef364e5";
        assert!(signature::is_signed(
            &["test_key_secret"],
            &[b"order_ABC", b"|", b"pay_XYZ"],
            signed
        ));
        assert!(!signature::is_signed(
            &["test_key_secret"],
            &[b"order_ABD", b"|", b"pay_XYZ"],
            signed
        ));
    }
}
