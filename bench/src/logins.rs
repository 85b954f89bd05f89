//! `bench logins`: what readers of the catalog feel of many logins at once.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures_util::future::try_join;
use serde_json::json;

use crate::dataset;
use crate::output::Output;
use crate::parallel::at_once;
use crate::shop::{Ask, PASSWORD, Server};
use crate::stats::{Counts, Times};

const LIST: &str = "products/?page_size=20";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Logins that begin at the same moment, each from an address of its own, by the users of `bench seed`
    #[arg(long, default_value_t = 200)]
    logins: usize,
    /// Connections that read the first page of products, one request after the other
    #[arg(long, default_value_t = 4)]
    readers: usize,
    /// Seconds of reading before the logins
    #[arg(long, default_value_t = 5.0)]
    secs: f64,
    /// Pause of each reader between two requests, in milliseconds
    #[arg(long, default_value_t = 0.0)]
    pause: f64,
}

#[derive(Default)]
struct LoggedIn {
    times: Times,
    answers: Counts,
}

pub(crate) async fn logins(options: Options, server: Server, output: Output) -> Result<bool> {
    server.is_up().await?;
    let pause = Duration::from_secs_f64(options.pause / 1000.0);
    let read_for = |secs: f64| {
        let end = Instant::now() + Duration::from_secs_f64(secs);
        read(server, options.readers, pause, move || {
            Instant::now() >= end
        })
    };
    read_for(1.0).await?;
    let mut idle = read_for(options.secs).await?;
    let over = Cell::new(false);
    let since = Instant::now();
    let logging_in = async {
        let done = log_in(server, options.logins).await;
        over.set(true);
        done
    };
    let reading = read(server, options.readers, pause, || over.get());
    let (mut during, mut logged_in) = try_join(reading, logging_in).await?;
    let took = since.elapsed().as_secs_f64();

    let times = during.percentile(0.99) / idle.percentile(0.99).max(0.001);
    let figures = json!({
        "logins": options.logins, "readers": options.readers, "pause_ms": options.pause, "idle": idle.json(),
        "during": during.json(), "p99_times": times, "seconds": took, "login": logged_in.times.json(),
        "login_answers": logged_in.answers.json(),
    });
    output.print(&figures, || {
        say!("the list, idle: {}", idle.line());
        say!(
            "the list, during {} logins: {}",
            options.logins,
            during.line()
        );
        say!("p99 is {times:.1} times what it was");
        say!(
            "logins, {took:.1} s: {}; {}",
            logged_in.times.line(),
            logged_in.answers.line()
        );
    });
    Ok(logged_in.times.len() == options.logins)
}

/// Reads the list on so many connections until it is over.
async fn read(
    server: Server,
    readers: usize,
    pause: Duration,
    over: impl Fn() -> bool,
) -> Result<Times> {
    let parts = at_once(readers, async |number| {
        let mut caller = server.caller(number);
        let mut times = Times::default();
        while !over() {
            let since = Instant::now();
            let answer = caller.ask(Ask::get(LIST)).await?;
            if answer.status != 200 {
                bail!(
                    "the list was answered {}: {}",
                    answer.reason(),
                    answer.text()
                );
            }
            times.add(since.elapsed());
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(times)
    });
    let mut all = Times::default();
    parts.await?.into_iter().for_each(|part| all.merge(part));
    Ok(all)
}

/// All at once. Who is told that the server is busy asks again, as its answer says.
async fn log_in(server: Server, logins: usize) -> Result<LoggedIn> {
    let parts = at_once(logins, async |number| {
        let mut caller = server.caller(1000 + number);
        let body = json!({"email": dataset::user((number - 1) % dataset::USERS + 1), "password": PASSWORD});
        let mut part = LoggedIn::default();
        let since = Instant::now();
        loop {
            let answer = caller.send(Ask::post("auth/login/", &body)).await?;
            part.answers.add(answer.reason());
            match answer.status {
                200 => {
                    part.times.add(since.elapsed());
                    return Ok(part);
                }
                503 => tokio::time::sleep(Duration::from_secs(1)).await,
                _ => bail!(
                    "a login was answered {}: {}",
                    answer.reason(),
                    answer.text()
                ),
            }
        }
    });
    let mut all = LoggedIn::default();
    for part in parts.await? {
        all.times.merge(part.times);
        all.answers.merge(part.answers);
    }
    Ok(all)
}
