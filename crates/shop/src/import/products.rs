//! `cartwright import products`: one product for each SKU of a file, be it a catalog or the order lines of a shop.
//!
//! Where a SKU stands in several rows, its product gets the name that most of them have and the price of the last one.
//! Keyed by SKU: a second run makes what is missing, updates names and prices, and leaves stock alone, which has
//! moved on since.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};
use money::{Currency, Money};

use super::pace::{Pace, patiently};
use super::rows::{Column, Row, Rows};
use super::{Fault, Options, Progress, Report};
use crate::app::App;
use crate::catalog::products::{
    ImportedProduct, MAX_PRICE, import_products as write, preview_products,
};
use crate::inventory::MAX_STOCK;

const COLUMNS: &[Column] = &[
    Column {
        name: "sku",
        headers: &["StockCode", "item_code", "product_code", "article"],
        required: true,
    },
    Column {
        name: "name",
        headers: &["title", "product_name", "product"],
        required: true,
    },
    Column {
        name: "price",
        headers: &["UnitPrice", "unit_price"],
        required: true,
    },
    Column {
        name: "description",
        headers: &["body"],
        required: false,
    },
    Column {
        name: "category",
        headers: &["category_name"],
        required: false,
    },
    Column {
        name: "stock",
        headers: &["stock_quantity", "inventory"],
        required: false,
    },
    Column {
        name: "image",
        headers: &["image_url", "thumbnail"],
        required: false,
    },
];

const MAX_SKU: usize = 100;
const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 20_000;

/// # Errors
/// The file cannot be read, a row is faulty in a strict run (then nothing was written), or the database is away.
pub async fn import_products(
    app: &App,
    file: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report> {
    let (products, mut report) = read(file, options, app.currency)?;
    let total = products.len() as u64;
    let (mut done, mut new, mut updated) = (0, 0, 0);
    let (mut pace, mut rest) = (Pace::new(app.db.engine(), 50, 400), products.as_slice());
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(pace.batch().min(rest.len()));
        rest = later;
        let outcome = match options.dry_run {
            true => patiently(|| preview_products(app, batch)).await?,
            false => pace.keep(|| write(app, batch)).await?,
        };
        new += outcome.new;
        updated += outcome.updated;
        report.unchanged += outcome.unchanged;
        let left = |sku| {
            format!("{sku} is a variant of a product that has several, and was left as it is")
        };
        report.notes.extend(outcome.refused.into_iter().map(left));
        done += batch.len() as u64;
        progress(done, total);
    }
    report.imported = new + updated;
    report.notes.insert(
        0,
        format!(
            "{total} SKUs: {new} new, {updated} updated, {} unchanged",
            report.unchanged
        ),
    );
    Ok(report)
}

/// What the good rows of a SKU say.
struct Seen {
    /// Each name with how often it stands there, in the order of their first rows.
    names: Vec<(String, u64)>,
    product: ImportedProduct,
}

fn read(
    file: &Path,
    options: &Options,
    currency: Currency,
) -> Result<(Vec<ImportedProduct>, Report)> {
    let mut rows = Rows::open(file, COLUMNS, &options.columns)?;
    let mut report = Report::default();
    let mut skus: Vec<Seen> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    while let Some(row) = rows.next()? {
        report.rows += 1;
        let product = match row.and_then(|row| product(&row, options.stock, currency)) {
            Ok(product) => product,
            Err(fault) if options.strict => {
                bail!(
                    "Line {}: {}.\nNothing was written.",
                    fault.line,
                    fault.reason
                )
            }
            Err(fault) => {
                report.fault(fault);
                continue;
            }
        };
        match places.get(&product.sku) {
            Some(&at) => skus[at].take(product),
            None => {
                places.insert(product.sku.clone(), skus.len());
                skus.push(Seen {
                    names: vec![(product.name.clone(), 1)],
                    product,
                });
            }
        }
    }
    Ok((skus.into_iter().map(Seen::into_product).collect(), report))
}

impl Seen {
    /// Later rows beat earlier ones in all but the name.
    fn take(&mut self, later: ImportedProduct) {
        match self.names.iter_mut().find(|(name, _)| *name == later.name) {
            Some((_, count)) => *count += 1,
            None => self.names.push((later.name.clone(), 1)),
        }
        let earlier = std::mem::replace(&mut self.product, later);
        let product = &mut self.product;
        product.description = product.description.take().or(earlier.description);
        product.category = product.category.take().or(earlier.category);
        product.image_url = product.image_url.take().or(earlier.image_url);
    }

    fn into_product(self) -> ImportedProduct {
        let mut product = self.product;
        let mut most = 0;
        for (name, count) in self.names {
            if count > most {
                (product.name, most) = (name, count);
            }
        }
        product
    }
}

fn product(row: &Row, stock: i64, currency: Currency) -> Result<ImportedProduct, Fault> {
    let sku = text(row, "sku", MAX_SKU)?.ok_or_else(|| row.fault("has no SKU"))?;
    let name = text(row, "name", MAX_NAME)?.ok_or_else(|| row.fault("has no name"))?;
    let description = text(row, "description", MAX_DESCRIPTION)?.filter(|text| *text != name);
    let image_url = text(row, "image", 2000)?
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    Ok(ImportedProduct {
        price_minor: price(row, currency)?,
        stock: pieces(row)?.unwrap_or(stock),
        category: text(row, "category", MAX_NAME)?,
        sku,
        name,
        description,
        image_url,
    })
}

fn text(row: &Row, column: &str, most: usize) -> Result<Option<String>, Fault> {
    match row.get(column) {
        Some(text) if text.chars().count() > most => {
            Err(row.fault(format!("{column} is longer than {most} characters")))
        }
        Some(text) => Ok(Some(text.to_owned())),
        None => Ok(None),
    }
}

fn price(row: &Row, currency: Currency) -> Result<i64, Fault> {
    let text = row.get("price").ok_or_else(|| row.fault("has no price"))?;
    match Money::parse(text, currency) {
        Ok(money) if money.minor < 0 => Err(row.fault(format!("price {text} is negative"))),
        Ok(money) if money.minor == 0 => Err(row.fault("price is 0: a gift or a correction")),
        Ok(money) if money.minor > MAX_PRICE => Err(row.fault(format!("price {text} is too high"))),
        Ok(money) => Ok(money.minor),
        Err(error) => Err(row.fault(format!("price {text}: {error}"))),
    }
}

fn pieces(row: &Row) -> Result<Option<i64>, Fault> {
    match row.get("stock") {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(stock) if (0..=MAX_STOCK).contains(&stock) => Ok(Some(stock)),
            _ => Err(row.fault(format!(
                "stock {text} is not a whole number from 0 to {MAX_STOCK}"
            ))),
        },
    }
}
