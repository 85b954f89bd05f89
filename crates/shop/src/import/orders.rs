//! `cartwright import orders`: the order lines of another shop, taken in as history.
//!
//! An invoice becomes one order, written whole or not at all, under its number: what is there already is left as it
//! is, so a second run finishes a first. History moves no stock, raises no events and makes no accounts. A sale was
//! paid and delivered at its date; an invoice whose number begins with C was cancelled and counts in no report.
//!
//! The file is read twice: first to judge every row and count the lines of each invoice, then to write an invoice as
//! soon as its last line is read. So memory holds only the invoices that are still open, wherever their lines stand.

mod line;
mod store;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};
use money::Money;

use super::pace::{Pace, patiently};
use super::rows::Rows;
use super::{Options, Progress, Report};
use crate::app::App;
use crate::clock::Time;
use crate::error::Code;
use line::{COLUMNS, Line, Rules};

pub use store::statements;

/// # Errors
/// The file cannot be read, a row is faulty in a strict run (then nothing was written), or the database is away.
pub async fn import_orders(
    app: &App,
    file: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report> {
    let rules = Rules {
        currency: app.currency,
        zone: app.config.time_zone.clone(),
        now: app.clock.now(),
    };
    let (mut report, mut awaited) = survey(file, options, &rules)?;
    let total: u64 = awaited.values().sum();

    let mut rows = Rows::open(file, COLUMNS, &options.columns)?;
    let mut open: HashMap<String, Invoice> = HashMap::new();
    let mut writer = Writer {
        app,
        dry_run: options.dry_run,
        catalog: HashMap::new(),
        pace: Pace::new(app.db.engine(), 200, 1000),
        done: 0,
    };
    let (mut batch, mut lines, mut sums) = (Vec::new(), 0, Sums::default());
    while let Some(row) = rows.next()? {
        // What is faulty was reported by the survey.
        let Ok((key, line)) = row.and_then(|row| rules.read(&row)) else {
            continue;
        };
        let invoice = open.entry(key.number.clone()).or_default();
        invoice.take(&key, line);
        let Some(left) = awaited.get_mut(&key.number) else {
            bail!("{} changed while it was read", file.display())
        };
        *left -= 1;
        if *left > 0 {
            continue;
        }
        if let Some(mut invoice) = open.remove(&key.number) {
            invoice.number = key.number;
            sums.add(&invoice);
            lines += invoice.lines.len();
            batch.push(invoice);
        }
        if lines >= writer.pace.batch() {
            writer.write(&mut batch, &mut report).await?;
            progress(writer.done, total);
            lines = 0;
        }
    }
    writer.write(&mut batch, &mut report).await?;
    progress(total, total);
    report.notes = sums.notes(app, &writer);
    Ok(report)
}

/// Judges every row: what is faulty, and how many good lines each invoice has.
fn survey(file: &Path, options: &Options, rules: &Rules) -> Result<(Report, HashMap<String, u64>)> {
    let mut rows = Rows::open(file, COLUMNS, &options.columns)?;
    let (mut report, mut lines) = (Report::default(), HashMap::new());
    while let Some(row) = rows.next()? {
        report.rows += 1;
        match row.and_then(|row| rules.read(&row)) {
            Ok((key, _)) => *lines.entry(key.number).or_insert(0) += 1,
            Err(fault) if options.strict => bail!(
                "Line {}: {}.\nNothing was written.",
                fault.line,
                fault.reason
            ),
            Err(fault) => report.fault(fault),
        }
    }
    Ok((report, lines))
}

/// An invoice with all its good lines. Time, customer and country are those of its first line that has them.
#[derive(Default)]
struct Invoice {
    number: String,
    cancelled: bool,
    at: Option<Time>,
    customer: Option<String>,
    country: Option<String>,
    lines: Vec<Line>,
}

impl Invoice {
    fn take(&mut self, key: &line::Key, line: Line) {
        self.cancelled = key.cancelled;
        self.at.get_or_insert(key.at);
        self.customer = self.customer.take().or_else(|| key.customer.clone());
        self.country = self.country.take().or_else(|| key.country.clone());
        self.lines.push(line);
    }

    fn total(&self) -> i64 {
        self.lines.iter().map(Line::subtotal).sum()
    }
}

struct Writer<'a> {
    app: &'a App,
    dry_run: bool,
    /// What the catalog says about the SKUs met so far.
    catalog: HashMap<String, Option<store::Known>>,
    /// In lines.
    pace: Pace,
    done: u64,
}

impl Writer<'_> {
    /// Writes the batch in one transaction.
    async fn write(&mut self, batch: &mut Vec<Invoice>, report: &mut Report) -> Result<()> {
        let invoices = std::mem::take(batch);
        let new = match self.dry_run {
            true => {
                self.look_up(&invoices).await?;
                patiently(|| store::count_new(&self.app.db, &invoices)).await?
            }
            false => self.insert(&invoices).await?,
        };
        report.imported += new;
        report.unchanged += invoices.len() as u64 - new;
        self.done += invoices
            .iter()
            .map(|invoice| invoice.lines.len() as u64)
            .sum::<u64>();
        Ok(())
    }

    /// A product may be erased after it was looked up; then the catalog is asked anew, a few times.
    async fn insert(&mut self, invoices: &[Invoice]) -> crate::error::Result<u64> {
        let mut again = 3;
        loop {
            self.look_up(invoices).await?;
            let (app, catalog) = (self.app, &self.catalog);
            let insert = || store::insert(app, invoices, catalog);
            match self.pace.keep(insert).await {
                Err(error) if error.code() == Code::Conflict && again > 0 => {
                    again -= 1;
                    for line in invoices.iter().flat_map(|invoice| &invoice.lines) {
                        self.catalog.remove(&line.sku);
                    }
                }
                other => return other,
            }
        }
    }

    /// Fills in what the catalog says about the invoices' SKUs, as far as it was not asked before.
    async fn look_up(&mut self, invoices: &[Invoice]) -> crate::error::Result<()> {
        let found = patiently(|| store::look_up(&self.app.db, invoices, &self.catalog)).await?;
        self.catalog.extend(found);
        Ok(())
    }
}

/// What the file holds, as the notes of the report say it.
#[derive(Default)]
struct Sums {
    sales: u64,
    sold: i64,
    cancellations: u64,
    cancelled: i64,
    lines: u64,
    skus: HashMap<String, u64>,
}

impl Sums {
    fn add(&mut self, invoice: &Invoice) {
        match invoice.cancelled {
            true => {
                (self.cancellations, self.cancelled) =
                    (self.cancellations + 1, self.cancelled + invoice.total())
            }
            false => (self.sales, self.sold) = (self.sales + 1, self.sold + invoice.total()),
        }
        self.lines += invoice.lines.len() as u64;
        for line in &invoice.lines {
            match self.skus.get_mut(&line.sku) {
                Some(count) => *count += 1,
                None => drop(self.skus.insert(line.sku.clone(), 1)),
            }
        }
    }

    fn notes(&self, app: &App, writer: &Writer<'_>) -> Vec<String> {
        let money = |minor| {
            format!(
                "{} {}",
                Money::new(minor, app.currency).format(),
                app.currency.code()
            )
        };
        let mut notes = vec![format!(
            "{} lines: {} sales over {}, {} cancellations over {}",
            self.lines,
            self.sales,
            money(self.sold),
            self.cancellations,
            money(self.cancelled)
        )];
        let unknown = self
            .skus
            .iter()
            .filter(|(sku, _)| !matches!(writer.catalog.get(*sku), Some(Some(_))));
        let (skus, lines) = unknown.fold((0, 0), |(skus, lines), (_, count)| {
            (skus + 1, lines + count)
        });
        if skus > 0 {
            notes.push(format!("{lines} lines name {skus} SKUs that the catalog does not have; they are kept by name"));
        }
        notes
    }
}
