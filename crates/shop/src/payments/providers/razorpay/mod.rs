//! Razorpay: an order of theirs is what we ask for, the browser's form pays it, and the signature that it brings back
//! names both. Amounts are minor units (paise). API: `/v1`, basic authentication.

mod api;
mod read;
mod webhook;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{LISTED, among, made_before, text};
use crate::app::App;
use crate::config::Setting;
use crate::error::{Code, Error, Result};
use crate::http::Routes;
use crate::payments::client::{self, Body, Call, Trouble, escaped};
use crate::payments::payment::{Payment, Provider, Refund, RefundReport, Report, Stands, Sum};
use crate::payments::provider::{
    Answer, Ask, Created, Hook, Member, Needs, NewPayment, Notice, PaymentProvider, Proof,
};
use crate::payments::signature;
use read::{furthest, read_payment, read_refund, sum};

pub(crate) struct Razorpay;

pub(crate) const PROVIDER: Razorpay = Razorpay;
const NAME: Provider = Provider::named("razorpay");

const KEY_ID: Setting = Setting::text("RAZORPAY_KEY_ID");
const KEY_SECRET: Setting = Setting::secret("RAZORPAY_KEY_SECRET");
const WEBHOOK_SECRET: Setting = Setting::secret("RAZORPAY_WEBHOOK_SECRET");
/// While it is changed: events signed with this one still count.
const WEBHOOK_SECRET_PREVIOUS: Setting = Setting::secret("RAZORPAY_WEBHOOK_SECRET_PREVIOUS");
const BASE_URL: Setting = Setting::origin("RAZORPAY_BASE_URL", "https://api.razorpay.com");

// What the browser brings.
const ORDER_ID: &str = "razorpay_order_id";
const PAYMENT_ID: &str = "razorpay_payment_id";
const SIGNATURE: &str = "razorpay_signature";

impl PaymentProvider for Razorpay {
    fn name(&self) -> Provider {
        NAME
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            KEY_ID,
            KEY_SECRET,
            WEBHOOK_SECRET,
            WEBHOOK_SECRET_PREVIOUS,
            BASE_URL,
        ]
    }

    fn gives(&self) -> &'static [Member] {
        &[
            Member {
                name: ORDER_ID,
                doc: "",
            },
            Member {
                name: "razorpay_key_id",
                doc: "",
            },
        ]
    }

    fn takes(&self) -> &'static [&'static str] {
        &[ORDER_ID, PAYMENT_ID, SIGNATURE]
    }

    fn add_routes(&self, payments: Routes) -> Routes {
        api::add(payments)
    }

    fn is_configured(&self, app: &App) -> bool {
        keys(app).is_some()
    }

    fn create<'a>(&'a self, app: &'a App, new: &'a NewPayment<'a>) -> Answer<'a, Created> {
        Box::pin(async move {
            let body = json!({
                "amount": new.payment.amount_minor,
                "currency": new.payment.currency,
                "receipt": new.key.chars().take(40).collect::<String>(),
                "notes": {"order_number": new.order_number},
            });
            let order = ask(app, Call::post("/v1/orders", Body::Json(&body))).await?;
            let made = (text(&order, "/id"), sum(&order));
            match made {
                (Some(id), Some(sum))
                    if sum == Sum::new(new.payment.amount_minor, &new.payment.currency) =>
                {
                    Ok(Created {
                        reference: id.to_owned(),
                        url: None,
                        needs: Needs::new(),
                    })
                }
                _ => Err(Trouble::Broken(
                    "it made an order of another amount".to_owned(),
                )),
            }
        })
    }

    fn shown(&self, app: &App, payment: &Payment) -> Needs {
        let key = app.config.get(KEY_ID).map(str::to_owned);
        vec![
            (ORDER_ID, payment.reference.clone()),
            ("razorpay_key_id", key),
        ]
    }

    fn paid<'p>(&self, proof: &'p Proof) -> Option<&'p str> {
        proof.get(PAYMENT_ID).or(proof.payment_id.as_deref())
    }

    /// The signature is over the order id that we stored, never over one that was sent.
    fn check_proof(&self, app: &App, payment: &Payment, proof: &Proof) -> Result<()> {
        let order = payment.reference.as_deref().unwrap_or_default();
        let required = |name, value: Option<_>| {
            value.ok_or_else(|| Error::field(name, "required", "This field is required."))
        };
        let sent_order = required(ORDER_ID, proof.get(ORDER_ID))?;
        let paid = required(PAYMENT_ID, self.paid(proof))?;
        let signed = required(SIGNATURE, proof.get(SIGNATURE))?;
        let secret = app.config.get(KEY_SECRET).unwrap_or_default();
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
            let found = match self.paid(proof) {
                Some(id) => ask(app, Call::get(format!("/v1/payments/{}", escaped(id)))).await?,
                None => {
                    let path = format!("/v1/orders/{}/payments", escaped(order));
                    match furthest(&ask(app, Call::get(path)).await?) {
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
            let call = Call::post(path, Body::Json(&body));
            let once = call.header("x-refund-idempotency", &refund.request_key);
            let answer = ask(app, once).await?;
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

fn keys(app: &App) -> Option<(&str, &str)> {
    Some((app.config.get(KEY_ID)?, app.config.get(KEY_SECRET)?))
}

async fn ask(app: &App, call: Call<'_>) -> Result<Value, Trouble> {
    let (id, secret) = keys(app).ok_or_else(Trouble::no_keys)?;
    client::call(app, NAME, BASE_URL, call.basic(id, secret)).await
}

async fn find_refund(app: &App, payment: &str, refund: &Refund) -> Result<Option<Value>, Trouble> {
    let id = refund.provider_refund_id.as_deref().unwrap_or_default();
    let asked = ask(app, Call::get(format!("/v1/refunds/{}", escaped(id))));
    let listed = async {
        let path = format!("/v1/payments/{}/refunds?count={LISTED}", escaped(payment));
        let list = ask(app, Call::get(path)).await?;
        among(list.get("items"), "/notes/refund", &refund.request_key)
    };
    made_before(app, refund, asked, listed).await
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
    let call = Call::post(format!("{path}/capture"), Body::Json(&body));
    match ask(app, call).await {
        Ok(taken) => read_payment(&taken, order),
        Err(Trouble::Refused { .. }) => read_payment(&ask(app, Call::get(path)).await?, order),
        Err(trouble) => Err(trouble),
    }
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
