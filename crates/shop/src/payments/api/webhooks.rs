//! The doors for providers.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;

use super::finish;
use super::wire::ReceivedOut;
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::extract::{PathText, raw_bytes};
use crate::http::{Op, Routes, ok};
use crate::payments::payment::Provider;
use crate::payments::provider::{ALL, Hook};
use crate::payments::receive_webhook::receive_webhook;
use crate::payments::signature;

/// Of a webhook's body.
const LARGEST_EVENT: usize = 1024 * 1024;

pub(super) fn add(routes: Routes) -> Routes {
    let routes = ALL
        .iter()
        .fold(routes, |routes, provider| provider.add_routes(routes));
    routes.post(
        "/payments/webhook/{provider}/",
        webhook,
        webhook_op("receive_webhook", "Events of a provider"),
    )
}

/// What the API document says of a door for events.
pub(in crate::payments) fn webhook_op(id: &'static str, summary: &'static str) -> Op {
    Op::new(id, summary)
        .describe("The raw body with the provider's signature. Each event has at most one effect.")
        .public()
        .answers::<ReceivedOut>(200)
        .errors(&[
            Code::InvalidSignature,
            Code::MalformedJson,
            Code::TimestampOutOfTolerance,
            Code::NotFound,
            Code::BodyTimeout,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::ProviderNotConfigured,
        ])
}

async fn webhook(
    State(app): State<App>,
    PathText(name): PathText,
    request: Request,
) -> Result<Response> {
    let name = Provider::parse(&name)
        .filter(|name| name.is_online())
        .ok_or_else(Error::not_found)?;
    receive(app, name, request).await
}

/// What came in through a door of the provider `name`.
pub(in crate::payments) async fn receive(
    app: App,
    name: Provider,
    request: Request,
) -> Result<Response> {
    let headers = request.headers().clone();
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(Code::UnsupportedMediaType.with("An event must come without Content-Encoding."));
    }
    let body = raw_bytes(request, LARGEST_EVENT).await?;
    finish(async move {
        let header = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().map(|value| value.to_str().map(str::to_owned));
            match (first.transpose(), all.next()) {
                (Ok(value), None) => Ok(value),
                _ => Err(signature::invalid()),
            }
        };
        receive_webhook(
            &app,
            name,
            &Hook {
                body: &body,
                header: &header,
            },
        )
        .await
    })
    .await?;
    Ok(ok(&ReceivedOut { received: true }))
}
