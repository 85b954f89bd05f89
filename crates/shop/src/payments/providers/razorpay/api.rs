//! The door for events that has no name in its path is Razorpay's.

use axum::extract::{Request, State};
use axum::response::Response;

use super::NAME;
use crate::app::App;
use crate::error::Result;
use crate::http::Routes;
use crate::payments::api::webhooks::{receive, webhook_op};

pub(super) fn add(payments: Routes) -> Routes {
    payments.post(
        "/payments/webhook/",
        webhook,
        webhook_op("receive_razorpay_webhook", "Events of Razorpay"),
    )
}

async fn webhook(State(app): State<App>, request: Request) -> Result<Response> {
    receive(app, NAME, request).await
}
