//! `health/` tells all, `livez` whether the process answers, `readyz` whether the database does too.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Time;
use crate::error::Code;
use crate::http::{Op, Routes, WithHeader, json, ok};

pub fn routes() -> Routes {
    Routes::tag("service")
        .get(
            "/",
            index,
            Op::new("show_index", "What this server is, and where to read on")
                .public()
                .answers::<IndexOut>(200),
        )
        .get(
            "/health/",
            health,
            Op::new("show_health", "State of the shop and its database")
                .public()
                .answers::<HealthOut>(200)
                .answers::<HealthOut>(503),
        )
        .get(
            "/livez/",
            livez,
            Op::new("show_liveness", "Whether the process answers")
                .public()
                .answers::<StatusOut>(200),
        )
        .get(
            "/readyz/",
            readyz,
            Op::new("show_readiness", "Whether requests can be served")
                .public()
                .answers::<StatusOut>(200)
                .errors(&[Code::DependencyUnavailable]),
        )
}

#[derive(Serialize, ToSchema)]
struct IndexOut {
    name: &'static str,
    version: &'static str,
    docs: String,
    schema: String,
    health: String,
}

#[derive(Serialize, ToSchema)]
struct HealthOut {
    /// `ok`, or `unavailable` when the database is away.
    status: &'static str,
    /// `SQLite` or `PostgreSQL`.
    database: String,
    /// As the database names itself; absent while it is away.
    database_version: Option<String>,
    version: &'static str,
    timestamp: Time,
}

#[derive(Serialize, ToSchema)]
struct StatusOut {
    status: &'static str,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

async fn index(State(app): State<App>) -> Response {
    let at = |path: &str| format!("{}/api/v1/{path}/", app.config.public_url);
    ok(&IndexOut {
        name: "Cartwright",
        version: VERSION,
        docs: at("docs"),
        schema: at("schema"),
        health: at("health"),
    })
}

async fn health(State(app): State<App>) -> Response {
    let database_version = app.db.version().await.ok();
    let (status, code) = match database_version {
        Some(_) => ("ok", StatusCode::OK),
        None => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
    };
    let database = app.db.engine().to_string();
    let answer = json(
        code,
        &HealthOut {
            status,
            database,
            database_version,
            version: VERSION,
            timestamp: app.clock.now(),
        },
    );
    match code {
        StatusCode::OK => answer,
        _ => answer.with_header(header::RETRY_AFTER, "2"),
    }
}

async fn livez() -> Response {
    ok(&StatusOut { status: "ok" })
}

async fn readyz(State(app): State<App>) -> crate::error::Result<Response> {
    app.db.version().await?;
    Ok(ok(&StatusOut { status: "ok" }))
}
