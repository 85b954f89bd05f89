//! `cartwright [serve]`: opens the shop, says where it is, and serves until it is told to stop.

use std::{io, process::ExitCode, time::Duration};

use serde_json::json;
use shop::{app::App, config::Config};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::Instant,
};
use tower::ServiceExt as _;

use crate::{
    listen::{self, Listener},
    output, shop_at,
};

/// How long the last traces may take at the end.
const FLUSH: Duration = Duration::from_secs(3);

pub(super) async fn run(mut config: Config, json: bool) -> anyhow::Result<ExitCode> {
    let stop = stop_signal()?;
    // Before the database: a second start by mistake must not migrate under the first one.
    let socket = listen::bind(config.bind).await?;
    config.bound(socket.local_addr()?);
    let for_metrics = match config.metrics_bind {
        Some(address) => Some(listen::bind(address).await?),
        None => None,
    };
    if let Some(socket) = &for_metrics {
        config.metrics_bind = Some(socket.local_addr()?);
    }
    let opened = tokio::select! {
        opened = shop_at::open(config) => opened,
        () = stopped(stop.clone()) => {
            tracing::info!("stopped");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let app = opened?;
    let front = shop::http::front(app.clone());
    let answer = move |request, peer| {
        let front = front.clone();
        async move { front.answer(request, peer).await }
    };
    let listener = Listener::new(socket, answer, &app);
    let beside = for_metrics.map(|socket| {
        let router = shop::http::metrics::router(app.clone());
        let answer = move |request, _| {
            let answer = router.clone().oneshot(request);
            async move { answer.await.unwrap_or_else(|never| match never {}) }
        };
        tokio::spawn(Listener::new(socket, answer, &app).serve(stop.clone()))
    });
    let background = tokio::spawn(shop::jobs(&app).run(stopped(stop.clone())));
    tokio::spawn(shop::catalog::prepare_search(app.clone()));
    print_banner(&app, json).await?;
    let patience = app.config.shutdown_timeout;
    let end = tokio::spawn(end_of(stop.clone(), patience));
    listener.serve(stop).await;
    // The same end for all: whoever stops the program waits that long and then kills it.
    let end = end.await?;
    if let Some(beside) = beside {
        let _ = tokio::time::timeout_at(end, beside).await;
    }
    // A job that has begun is finished; the runner's own word for a job that broke is in the log.
    let for_traces = match app.config.otlp_endpoint {
        Some(_) => FLUSH.min(patience / 10),
        None => Duration::ZERO,
    };
    let _ = tokio::time::timeout_at(end - for_traces, background).await;
    let left = end.saturating_duration_since(Instant::now());
    app.traces.flush(FLUSH.min(left)).await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Turns true at the first SIGTERM or SIGINT. The second one ends the program at once.
fn stop_signal() -> io::Result<watch::Receiver<bool>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if sender.send_replace(true) {
                tracing::warn!("stopped at once");
                std::process::exit(1);
            }
            tracing::info!("stopping: requests in flight are finished");
        }
    });
    Ok(receiver)
}

/// When all must have ended, once it is told to stop.
async fn end_of(stop: watch::Receiver<bool>, patience: Duration) -> Instant {
    stopped(stop).await;
    Instant::now() + patience
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone: then nobody can stop us any more.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn metrics_url(config: &Config) -> Option<String> {
    match (config.metrics_bind, &config.metrics_token) {
        (Some(address), _) => Some(format!("http://{address}/metrics")),
        (None, Some(_)) => Some(format!("{}/metrics", config.public_url)),
        (None, None) => None,
    }
}

async fn print_banner(app: &App, json: bool) -> anyhow::Result<()> {
    let config = &app.config;
    let url = &config.public_url;
    let database = format!("{} {}", app.db.engine(), app.db.version().await?);
    let folder = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let missing = config.missing_for_production();
    let environment = config.environment.as_str();
    let version = shop_at::VERSION;
    if json {
        output::json(&json!({
            "version": version, "environment": environment, "telemetry": false, "listening": config.bind.to_string(),
            "api": format!("{url}/api/v1/"), "docs": format!("{url}/api/v1/docs/"), "data_folder": folder,
            "metrics": metrics_url(config), "database": database, "database_url": shop_at::shown_url(config),
            "missing_for_production": missing, "notes": config.notes,
        }));
        return Ok(());
    }
    output::line(format!(
        "Cartwright {version} ({environment}, no telemetry)\n"
    ));
    output::line(format!("  API       {url}/api/v1/"));
    output::line(format!("  Docs      {url}/api/v1/docs/"));
    output::line(format!("  Data      {}", folder.display()));
    output::line(format!(
        "  Database  {database} ({})",
        shop_at::shown_url(config)
    ));
    if let Some(url) = metrics_url(config) {
        output::line(format!("  Metrics   {url}"));
    }
    for note in &config.notes {
        output::line(format!("  Note      {note}"));
    }
    for (line, head) in missing
        .iter()
        .zip(std::iter::once("Missing for production:").chain(std::iter::repeat("")))
    {
        output::line(format!("  {head:23} {line}"));
    }
    output::line(format!("\nListening on {}. Stop with Ctrl-C.", config.bind));
    Ok(())
}
