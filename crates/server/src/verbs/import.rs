//! `cartwright import products|categories|orders|users FILE`: what came in, and which rows did not and why.

use std::process::ExitCode;

use serde_json::{Value, json};
use shop::{
    config::Config,
    import::{self, Options, Report},
};

use crate::{
    cli::{Import, ImportFile},
    output::{self, Progress},
    shop_at,
};

/// Faulty rows that people are shown one by one; `--json` has all.
const SHOWN: usize = 50;

pub(super) async fn run(config: Config, what: Import, json: bool) -> anyhow::Result<ExitCode> {
    let app = shop_at::open(config).await?;
    let (file, stock) = match &what {
        Import::Products(products) => (&products.file, products.stock),
        Import::Categories(file) | Import::Orders(file) | Import::Users(file) => (file, 0),
    };
    let options = Options {
        stock,
        ..options(file)
    };
    let (path, name) = (file.file.as_path(), name(&what));
    let mut progress = Progress::new(name);
    let mut tell = |done, total| progress.at(done, total);
    let outcome = match &what {
        Import::Products(_) => {
            import::products::import_products(&app, path, &options, &mut tell).await
        }
        Import::Categories(_) => {
            import::categories::import_categories(&app, path, &options, &mut tell).await
        }
        Import::Users(_) => import::users::import_users(&app, path, &options, &mut tell).await,
        Import::Orders(_) => import::orders::import_orders(&app, path, &options, &mut tell).await,
    };
    progress.end();
    let report = outcome?;
    if json {
        output::json(&as_json(&report, options.dry_run));
    } else {
        print(&report, name, options.dry_run);
    }
    Ok(ExitCode::SUCCESS)
}

fn options(file: &ImportFile) -> Options {
    Options {
        columns: file.columns.clone().unwrap_or_default(),
        dry_run: file.dry_run,
        strict: file.strict,
        ..Options::default()
    }
}

fn name(what: &Import) -> &'static str {
    match what {
        Import::Products(_) => "products",
        Import::Categories(_) => "categories",
        Import::Orders(_) => "orders",
        Import::Users(_) => "users",
    }
}

fn print(report: &Report, name: &str, dry_run: bool) {
    for fault in report.faults.iter().take(SHOWN) {
        output::line(format!("line {}: {}", fault.line, fault.reason));
    }
    if let Some(more) = report
        .faults
        .len()
        .checked_sub(SHOWN)
        .filter(|more| *more > 0)
    {
        output::line(format!("… and {more} more faulty rows; --json lists all."));
    }
    report
        .notes
        .iter()
        .for_each(|note| output::line(format!("Note: {note}")));
    output::line(format!(
        "{} rows read: {} {name} {}, {} unchanged, {} rows skipped.",
        report.rows,
        report.imported,
        if dry_run {
            "would be imported"
        } else {
            "imported"
        },
        report.unchanged,
        report.skipped,
    ));
}

fn as_json(report: &Report, dry_run: bool) -> Value {
    let faults: Vec<Value> = report
        .faults
        .iter()
        .map(|f| json!({"line": f.line, "reason": f.reason}))
        .collect();
    json!({
        "dry_run": dry_run, "rows": report.rows, "imported": report.imported, "unchanged": report.unchanged,
        "skipped": report.skipped, "faults": faults, "notes": report.notes,
    })
}
