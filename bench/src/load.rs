//! `bench load`: one workload on a server that is seeded and runs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use client::adapter::{Adapter, CARTWRIGHT};
use client::load::{LINES, Measured, Target, Workload};
use serde_json::{Value, json};

use crate::dataset;
use crate::output::Output;
use crate::shop::{Ask, Server};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long, value_enum)]
    workload: Workload,
    /// Connections, each a user with a source address of its own [default: 32; login 4, journey 16]
    #[arg(long)]
    conns: Option<usize>,
    /// Seconds that are measured
    #[arg(long, default_value_t = 10.0)]
    secs: f64,
    /// Seconds before that
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
    /// The server's adapter, if it is not Cartwright
    #[arg(long, value_name = "FILE")]
    adapter: Option<PathBuf>,
    /// Products' ids as `bench seed --ids` wrote them, if product n does not have id n
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// How many products the server has
    #[arg(long, default_value_t = dataset::PRODUCTS)]
    products: u32,
    /// journey: lines of each cart
    #[arg(long, value_name = "N", default_value_t = LINES, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    lines: usize,
    /// hot: seconds after which it ends even if there is stock
    #[arg(long, default_value_t = 60.0)]
    cap: f64,
}

pub(crate) async fn load(
    options: Options,
    server: Server,
    admin: (&str, &str),
    output: Output,
) -> Result<bool> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let text = options
        .adapter
        .as_ref()
        .map_or_else(|| Ok(CARTWRIGHT.to_owned()), read)?;
    let ids = options
        .ids
        .as_ref()
        .map(read)
        .transpose()?
        .map_or_else(|| Ok(Vec::new()), |ids| serde_json::from_str(&ids))?;
    let target = Target {
        server,
        adapter: Adapter::parse(&text, &server.0.to_string())?,
        ids,
        products: options.products,
        lines: options.lines,
    };
    let workload = options.workload;
    for op in workload.needs() {
        target.adapter.require(op)?;
    }
    // Where another one says how it is, it has no word for.
    if options.adapter.is_none() {
        server.is_up().await?;
    }
    let conns = options.conns.unwrap_or(match workload {
        Workload::Login => 4,
        Workload::Journey => 16,
        _ => 32,
    });
    let users = target.users(conns, workload.signs_in()).await?;
    let (warmup, secs) = match workload {
        Workload::Hot => (0.0, options.cap),
        _ => (options.warmup, options.secs),
    };
    if workload == Workload::Hot && options.adapter.is_none() && !admin.1.is_empty() {
        restock(&target, admin).await?;
    }
    let seconds = Duration::from_secs_f64;
    let mut all = target
        .measure(&users, workload, seconds(warmup), seconds(secs))
        .await?;
    let mut summary =
        json!({"server": target.adapter.name, "workload": workload.name(), "conns": conns});
    if let (Value::Object(summary), Value::Object(figures)) = (&mut summary, all.json()) {
        summary.extend(figures);
    }
    output.print(&summary, || {
        print(&mut all, workload, &target.adapter.name, conns);
    });
    Ok(all.failed == 0)
}

/// The hot product as it was at first.
async fn restock(target: &Target, admin: (&str, &str)) -> Result<()> {
    let n = dataset::PRODUCTS;
    let id = target
        .ids
        .get(n as usize - 1)
        .and_then(|ids| ids.get("pid").cloned());
    let path = format!("products/{}/", id.unwrap_or_else(|| n.to_string()));
    let body = json!({"stock": dataset::HOT_STOCK});
    let ask = Ask {
        method: "PATCH",
        ..Ask::post(&path, &body)
    };
    let mut admin = target.server.signed_in(admin.0, admin.1).await?;
    admin.expect(ask).await?;
    Ok(())
}

fn print(all: &mut Measured, workload: Workload, name: &str, conns: usize) {
    say!(
        "{workload:?} on {name}: {} a second ({} in {:.1} s, {conns} connections)",
        all.per_second(),
        all.done.len(),
        all.time.as_secs_f64()
    );
    say!("  {}", all.done.line());
    if !all.orders.is_empty() {
        say!("  add {}\n  order {}", all.adds.line(), all.orders.line());
    }
    say!(
        "  failed {}, sold out {}; {}",
        all.failed,
        all.sold_out,
        all.answers.line()
    );
}
