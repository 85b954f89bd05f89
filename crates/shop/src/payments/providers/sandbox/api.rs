//! The sandbox's own API, and its page.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::NAME;
use super::choose_outcome::{Outcome, choose_outcome};
use super::store;
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::extract::{In, PathText};
use crate::http::{Op, Routes, WithHeader, ok};
use crate::input;
use crate::payments::provider;

pub(super) fn routes() -> Routes {
    let choose_op = Op::new(
        "choose_sandbox_outcome",
        "Decide what becomes of a payment in the sandbox",
    )
    .describe("Not in production. The webhooks of the outcome follow by themselves.")
    .public()
    .body::<OutcomeIn>()
    .answers::<SandboxOut>(200)
    .errors(&[Code::InvalidTransition, Code::ProviderNotConfigured]);
    let show_op = Op::new("show_sandbox_payment", "A payment as the sandbox has it")
        .public()
        .answers::<SandboxOut>(200)
        .errors(&[Code::ProviderNotConfigured]);
    Routes::tag("sandbox")
        .get("/payments/sandbox/{reference}/", show, show_op)
        .post("/payments/sandbox/{reference}/", choose, choose_op)
        .page("/payments/sandbox/page/{reference}/", page)
        .page("/payments/sandbox/page.js", script)
}

input! {
    struct OutcomeIn {
        outcome: Outcome,
    }
}

#[derive(Serialize, ToSchema)]
struct SandboxOut {
    reference: String,
    /// `created`, `challenged`, `captured` or `failed`.
    status: String,
    amount: String,
    captured: String,
    currency: String,
}

async fn show(State(app): State<App>, PathText(reference): PathText) -> Result<Response> {
    Ok(ok(&find(&app, &reference).await?))
}

async fn choose(
    State(app): State<App>,
    PathText(reference): PathText,
    In(body): In<OutcomeIn>,
) -> Result<Response> {
    choose_outcome(&app, &reference, body.outcome).await?;
    Ok(ok(&find(&app, &reference).await?))
}

async fn find(app: &App, reference: &str) -> Result<SandboxOut> {
    provider::configured(app, NAME)?;
    let row = store::find(&app.db.read().await?, reference)
        .await?
        .ok_or_else(Error::not_found)?;
    Ok(SandboxOut {
        amount: app.amount(row.amount_minor),
        captured: app.amount(row.captured_minor),
        reference: row.reference,
        status: row.status,
        currency: row.currency,
    })
}

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async fn page(State(app): State<App>, PathText(reference): PathText) -> Result<Response> {
    find(&app, &reference).await?;
    Ok(file(PAGE, "text/html; charset=utf-8")
        .with_header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
}

async fn script(State(app): State<App>) -> Result<Response> {
    provider::configured(&app, NAME)?;
    Ok(file(SCRIPT, "text/javascript"))
}

fn file(text: &'static str, kind: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
