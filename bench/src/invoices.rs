//! The invoices of a real shop, chosen so that a server that sells them must come to the file's own sums.
//!
//! An invoice is clean when its number does not begin with C and each of its lines has a SKU, a positive quantity, a
//! positive price in the shop's currency, a description and a customer. The file sells one SKU at many prices, a shop
//! at one at a time: so each distinct (SKU, unit price) is a product of its own, called `SKU@price`. A SKU twice in
//! an invoice is added twice, and the cart adds up.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use money::{Currency, Money};
use serde::Deserialize;

use crate::stats::Counts;

pub(crate) struct Book {
    pub(crate) goods: Vec<Goods>,
    pub(crate) customers: Vec<String>,
    /// In the order of the file.
    pub(crate) invoices: Vec<Invoice>,
    /// Invoices before the last one taken that were not, each with its reason.
    pub(crate) left_out: Counts,
}

/// One SKU at one price.
pub(crate) struct Goods {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price: Money,
}

pub(crate) struct Invoice {
    pub(crate) number: String,
    pub(crate) customer: usize,
    /// Index of the goods, and how many.
    pub(crate) lines: Vec<(usize, i64)>,
    pub(crate) total: Money,
}

/// What a cart of the server holds at most: `CART_MAX_QUANTITY` of one product, `CART_MAX_LINES` products.
#[derive(Clone, Copy)]
pub(crate) struct CartLimits {
    pub(crate) quantity: i64,
    pub(crate) lines: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    invoice_no: String,
    stock_code: String,
    description: String,
    quantity: String,
    unit_price: String,
    #[serde(rename = "CustomerID")]
    customer_id: String,
}

/// The first `take` clean invoices of the file (CSV, plain or gzipped).
pub(crate) fn read(
    path: &Path,
    currency: Currency,
    take: usize,
    limits: CartLimits,
) -> Result<Book> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let text: Box<dyn std::io::Read> = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => Box::new(flate2::read::MultiGzDecoder::new(&bytes[..])),
        false => Box::new(&bytes[..]),
    };
    let mut groups: Vec<(String, Vec<Line>)> = Vec::new();
    let mut known = HashMap::new();
    for line in csv::Reader::from_reader(text).into_deserialize() {
        let line: Line =
            line.with_context(|| format!("{} is not a file of invoices", path.display()))?;
        let at = *known.entry(line.invoice_no.clone()).or_insert_with(|| {
            groups.push((line.invoice_no.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(line);
    }
    let mut book = Book {
        goods: Vec::new(),
        customers: Vec::new(),
        invoices: Vec::new(),
        left_out: Counts::default(),
    };
    let mut index = Index::default();
    for (number, lines) in groups {
        if book.invoices.len() == take {
            break;
        }
        match judge(&number, &lines, currency, limits) {
            Ok(lines) => index.add(&mut book, number, lines)?,
            Err(reason) => book.left_out.add(reason),
        }
    }
    if book.invoices.is_empty() {
        bail!("{} has no clean invoice.", path.display());
    }
    Ok(book)
}

impl Book {
    pub(crate) fn lines(&self) -> usize {
        self.invoices.iter().map(|i| i.lines.len()).sum()
    }
}

struct Sale {
    sku: String,
    name: String,
    price: Money,
    quantity: i64,
    customer: String,
}

fn judge(
    number: &str,
    lines: &[Line],
    currency: Currency,
    limits: CartLimits,
) -> Result<Vec<Sale>, &'static str> {
    if number.starts_with('C') {
        return Err("a cancellation");
    }
    let sales = lines
        .iter()
        .map(|line| sale(line, currency))
        .collect::<Result<Vec<_>, _>>()?;
    let mut in_cart: HashMap<_, i64> = HashMap::new();
    for sale in &sales {
        *in_cart.entry((&sale.sku, sale.price.minor)).or_default() += sale.quantity;
    }
    if in_cart.values().any(|quantity| *quantity > limits.quantity) {
        return Err("more of one product than a cart holds");
    }
    if in_cart.len() > limits.lines {
        return Err("more products than a cart holds");
    }
    Ok(sales)
}

fn sale(line: &Line, currency: Currency) -> Result<Sale, &'static str> {
    let text = |text: &str, reason| match text.trim() {
        "" => Err(reason),
        text => Ok(text.to_owned()),
    };
    let quantity = line
        .quantity
        .trim()
        .parse()
        .map_err(|_| "a quantity that is no number")?;
    let price = Money::parse(line.unit_price.trim(), currency)
        .map_err(|_| "a price that the currency does not have")?;
    match (quantity, price.minor) {
        (..=0, _) => Err("a quantity that is not positive"),
        (_, ..=0) => Err("a price that is not positive"),
        _ => Ok(Sale {
            sku: text(&line.stock_code, "a blank SKU")?,
            name: text(&line.description, "a blank description")?,
            customer: text(&line.customer_id, "no customer")?
                .trim_end_matches(".0")
                .to_owned(),
            price,
            quantity,
        }),
    }
}

#[derive(Default)]
struct Index {
    goods: HashMap<(String, i64), usize>,
    customers: HashMap<String, usize>,
}

impl Index {
    fn add(&mut self, book: &mut Book, number: String, sales: Vec<Sale>) -> Result<()> {
        let mut lines = Vec::new();
        let mut total = Money::zero(sales[0].price.currency);
        let name = sales[0].customer.clone();
        let customer = *self.customers.entry(name.clone()).or_insert_with(|| {
            book.customers.push(name);
            book.customers.len() - 1
        });
        for Sale {
            sku,
            name,
            price,
            quantity,
            ..
        } in sales
        {
            total = total.checked_add(price.checked_mul(quantity)?)?;
            let goods = *self
                .goods
                .entry((sku.clone(), price.minor))
                .or_insert_with(|| {
                    book.goods.push(Goods {
                        sku: format!("{sku}@{}", price.format()),
                        name,
                        price,
                    });
                    book.goods.len() - 1
                });
            lines.push((goods, quantity));
        }
        book.invoices.push(Invoice {
            number,
            customer,
            lines,
            total,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
    const LIMITS: CartLimits = CartLimits {
        quantity: 9999,
        lines: 500,
    };

    fn book(rows: &str, take: usize, limits: CartLimits) -> Result<Book> {
        let path = std::env::temp_dir().join(format!(
            "cartwright-invoices-{}.csv",
            crate::shop::run_name()
        ));
        std::fs::write(&path, format!("{HEADER}{rows}"))?;
        let book = read(&path, Currency::parse("GBP")?, take, limits);
        std::fs::remove_file(&path)?;
        book
    }

    #[test]
    fn a_sku_at_two_prices_is_two_products_and_a_sku_twice_is_added_twice() {
        let rows = "1,A,Mug,2,2010-12-01,2.55,17.0,UK\n1,A,Mug,1,2010-12-01,2.10,17.0,UK\n2,B,Jug,1,2010-12-01,1.0,18.0,UK\n1,A,Mug,3,2010-12-01,2.55,17.0,UK\n";
        let book = book(rows, 10, LIMITS).unwrap();
        assert_eq!(
            book.goods
                .iter()
                .map(|g| g.sku.as_str())
                .collect::<Vec<_>>(),
            ["A@2.55", "A@2.10", "B@1.00"]
        );
        assert_eq!(book.invoices[0].lines, [(0, 2), (1, 1), (0, 3)]);
        assert_eq!(book.invoices[0].total.minor, 5 * 255 + 210);
        assert_eq!(book.customers, ["17", "18"]);
    }

    #[test]
    fn invoices_with_any_unclean_line_are_left_out_with_a_reason() {
        let rows = "C1,A,Mug,-2,2010-12-01,2.55,17.0,UK\n2,A,Mug,0,2010-12-01,2.55,17.0,UK\n3,A,Mug,1,2010-12-01,0.0,17.0,UK\n4,A,Mug,1,2010-12-01,0.001,17.0,UK\n5,A,,1,2010-12-01,1.0,17.0,UK\n6,A,Mug,1,2010-12-01,1.0,,UK\n7,A,Mug,6000,2010-12-01,1.0,17.0,UK\n7,A,Mug,6000,2010-12-01,1.0,17.0,UK\n8,A,Mug,1,2010-12-01,1.0,17.0,UK\n9,A,Mug,1,2010-12-01,1.0,17.0,UK\n";
        let book = book(rows, 1, LIMITS).unwrap();
        assert_eq!(book.invoices.len(), 1);
        assert_eq!(book.invoices[0].number, "8");
        assert_eq!(book.left_out.total(), 7);
        assert_eq!(
            book.left_out.of("a price that the currency does not have"),
            1
        );
        assert_eq!(book.left_out.of("more of one product than a cart holds"), 1);
    }

    /// Figures counted by another program.
    #[test]
    fn the_first_3000_clean_invoices_of_the_gift_shop() {
        let folder = std::env::var_os("CARTWRIGHT_TEST_DATA").unwrap_or_default();
        let path = Path::new(&folder).join("online-retail-2010-12-to-2011-06.csv.gz");
        if !path.exists() {
            eprintln!(
                "SKIPPED: {} is not in CARTWRIGHT_TEST_DATA, the real invoices were not read",
                path.display()
            );
            return;
        }
        let book = read(&path, Currency::parse("GBP").unwrap(), 3000, LIMITS).unwrap();
        assert_eq!(
            (
                book.invoices.len(),
                book.lines(),
                book.customers.len(),
                book.goods.len()
            ),
            (3000, 58_872, 1525, 3966)
        );
        assert_eq!(
            book.invoices.iter().map(|i| i.total.minor).sum::<i64>(),
            133_770_855
        );
        assert_eq!(book.invoices[2999].number, "544337");
    }
}
