//! One row of an order file: what is taken, and every reason why it is not.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use money::{Currency, Money, MoneyError};

use crate::clock::Time;
use crate::import::Fault;
use crate::import::rows::{Column, Row};

pub(super) const COLUMNS: &[Column] = &[
    column(
        "invoice",
        &[
            "invoice_no",
            "invoice_number",
            "order",
            "order_no",
            "order_number",
            "order_id",
        ],
        true,
    ),
    column(
        "sku",
        &["stock_code", "item_code", "product_code", "article"],
        true,
    ),
    column(
        "name",
        &["description", "product_name", "product", "title"],
        false,
    ),
    column("quantity", &["qty"], true),
    column(
        "date",
        &["invoice_date", "order_date", "ordered_at", "created_at"],
        true,
    ),
    column("price", &["unit_price"], true),
    column(
        "customer",
        &["customer_id", "customer_number", "customer_email", "email"],
        false,
    ),
    column("country", &["shipping_country"], false),
];

const fn column(name: &'static str, headers: &'static [&'static str], required: bool) -> Column {
    Column {
        name,
        headers,
        required,
    }
}

/// What a line says about its invoice.
pub(super) struct Key {
    pub(super) number: String,
    pub(super) cancelled: bool,
    pub(super) at: Time,
    pub(super) customer: Option<String>,
    pub(super) country: Option<String>,
}

/// `quantity` is positive, of cancellations too.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) sku: String,
    pub(super) name: Option<String>,
    pub(super) quantity: i64,
    pub(super) price_minor: i64,
}

impl Line {
    /// In range: see [`LARGEST`].
    pub(super) fn subtotal(&self) -> i64 {
        self.quantity * self.price_minor
    }
}

/// Ten thousand million in a currency with cents; so no sum of lines leaves an i64.
const LARGEST: i64 = 1_000_000_000_000;

pub(super) struct Rules {
    pub(super) currency: Currency,
    /// Where a time without an offset was written down.
    pub(super) zone: TimeZone,
    pub(super) now: Time,
}

impl Rules {
    pub(super) fn read(&self, row: &Row) -> Result<(Key, Line), Fault> {
        self.parse(row).map_err(|reason| row.fault(reason))
    }

    fn parse(&self, row: &Row) -> Result<(Key, Line), String> {
        let number = row.get("invoice").ok_or("no invoice number")?;
        if number.len() > 100 {
            return Err("an invoice number of more than 100 characters".to_owned());
        }
        let sku = row.get("sku").ok_or("no SKU")?;
        let cancelled = number.starts_with(['C', 'c']);
        let quantity = self.quantity(row.get("quantity").ok_or("no quantity")?, cancelled)?;
        let price_minor = self.price(row.get("price").ok_or("no price")?)?;
        if quantity
            .checked_mul(price_minor)
            .is_none_or(|amount| amount > LARGEST)
        {
            return Err("an amount out of range".to_owned());
        }
        let at = self.time(row.get("date").ok_or("no date")?)?;
        let key = Key {
            number: number.to_owned(),
            cancelled,
            at,
            customer: row.get("customer").map(customer),
            country: row.get("country").map(str::to_owned),
        };
        let line = Line {
            sku: sku.to_owned(),
            name: row.get("name").map(str::to_owned),
            quantity,
            price_minor,
        };
        Ok((key, line))
    }

    fn quantity(&self, text: &str, cancelled: bool) -> Result<i64, String> {
        let whole = text.strip_suffix(".0").unwrap_or(text);
        let quantity: i64 = whole
            .parse()
            .map_err(|_| format!("quantity `{text}` is not a whole number"))?;
        match (quantity.signum(), cancelled) {
            (0, _) => Err("quantity is 0".to_owned()),
            (1, false) => Ok(quantity),
            (-1, true) => quantity.checked_neg().ok_or_else(|| "a quantity out of range".to_owned()),
            (1, _) => Err("a positive quantity in a cancellation".to_owned()),
            _ => Err("a negative quantity outside a cancellation, which is a stock correction and no sale".to_owned()),
        }
    }

    fn price(&self, text: &str) -> Result<i64, String> {
        match Money::parse(text, self.currency) {
            Ok(price) if price.minor < 0 => Err("the price is negative".to_owned()),
            Ok(price) if price.minor == 0 => {
                Err("the price is 0, which is a gift or a correction and no sale".to_owned())
            }
            Ok(price) => Ok(price.minor),
            Err(MoneyError::TooManyDecimals { .. }) => Err(format!(
                "price `{text}` has more decimals than {}",
                self.currency.code()
            )),
            Err(_) => Err(format!("price `{text}` is not an amount")),
        }
    }

    fn time(&self, text: &str) -> Result<Time, String> {
        let at = match text.parse::<Timestamp>() {
            Ok(timestamp) => timestamp,
            Err(_) => text
                .parse::<DateTime>()
                .and_then(|local| local.to_zoned(self.zone.clone()))
                .map_err(|_| format!("date `{text}` is not of the form 2010-12-01 08:26:00"))?
                .timestamp(),
        };
        match Time::from(at) {
            at if at > self.now => Err(format!("date `{text}` lies in the future")),
            at => Ok(at),
        }
    }
}

/// Spreadsheets turn the number 17850 into 17850.0.
fn customer(text: &str) -> String {
    match text.strip_suffix(".0") {
        Some(number) if number.bytes().all(|b| b.is_ascii_digit()) => number.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::rows::{Mapping, Rows};

    const HEADER: &str =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

    fn read(rows: &str, zone: &str) -> Vec<Result<(Key, Line), Fault>> {
        let name = format!("cartwright-lines-{}-{:p}", std::process::id(), rows);
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, format!("{HEADER}\n{rows}")).unwrap();
        let rules = Rules {
            currency: Currency::parse("GBP").unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            now: Time(1_800_000_000_000_000),
        };
        let mut all = Vec::new();
        let mut rows = Rows::open(&path, COLUMNS, &Mapping::default()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            all.push(row.and_then(|row| rules.read(&row)));
        }
        std::fs::remove_file(&path).unwrap();
        all
    }

    fn reason(row: &str) -> String {
        match read(row, "UTC").remove(0) {
            Ok(_) => "taken".to_owned(),
            Err(fault) => fault.reason,
        }
    }

    #[test]
    fn a_sale_is_read_in_the_time_zone_of_the_shop() {
        let mut rows = read(
            "536365,85123A,HEART,6,2011-06-01 08:26:00,2.55,17850.0,United Kingdom\n",
            "Europe/London",
        );
        let (key, line) = rows.remove(0).unwrap();
        assert_eq!((key.number.as_str(), key.cancelled), ("536365", false));
        assert_eq!(key.at.to_string(), "2011-06-01T07:26:00Z");
        assert_eq!(
            (key.customer.as_deref(), key.country.as_deref()),
            (Some("17850"), Some("United Kingdom"))
        );
        assert_eq!(
            line,
            Line {
                sku: "85123A".into(),
                name: Some("HEART".into()),
                quantity: 6,
                price_minor: 255
            }
        );
    }

    #[test]
    fn a_cancellation_has_its_quantities_turned_round() {
        let (key, line) = read("C536379,D,Discount,-3,2010-12-01 09:41:00,27.5,,\n", "UTC")
            .remove(0)
            .unwrap();
        assert!(key.cancelled);
        assert_eq!(
            (line.quantity, line.price_minor, line.subtotal()),
            (3, 2750, 8250)
        );
        assert_eq!((key.customer, key.country), (None, None));
    }

    #[test]
    fn dates_may_carry_an_offset_or_no_time() {
        let at = |date: &str| {
            read(&format!("1,A,Mug,1,{date},1.0,,\n"), "Asia/Tokyo")
                .remove(0)
                .unwrap()
                .0
                .at
                .to_string()
        };
        assert_eq!(at("2011-06-01T08:26:00Z"), "2011-06-01T08:26:00Z");
        assert_eq!(at("2011-06-01T08:26:00+02:00"), "2011-06-01T06:26:00Z");
        assert_eq!(at("2011-06-01 08:26"), "2011-05-31T23:26:00Z");
        assert_eq!(at("2011-06-01"), "2011-05-31T15:00:00Z");
    }

    #[test]
    fn every_kind_of_dirty_row_has_its_reason() {
        let cases = [
            (",A,Mug,1,2011-06-01,1.0,,", "no invoice number"),
            ("1,,Mug,1,2011-06-01,1.0,,", "no SKU"),
            ("1,A,Mug,,2011-06-01,1.0,,", "no quantity"),
            (
                "1,A,Mug,few,2011-06-01,1.0,,",
                "quantity `few` is not a whole number",
            ),
            (
                "1,A,Mug,1.5,2011-06-01,1.0,,",
                "quantity `1.5` is not a whole number",
            ),
            ("1,A,Mug,0,2011-06-01,1.0,,", "quantity is 0"),
            (
                "1,A,Mug,-1,2011-06-01,1.0,,",
                "a negative quantity outside a cancellation, which is a stock correction and no sale",
            ),
            (
                "C1,A,Mug,1,2011-06-01,1.0,,",
                "a positive quantity in a cancellation",
            ),
            ("1,A,Mug,1,2011-06-01,,,", "no price"),
            (
                "1,A,Mug,1,2011-06-01,free,,",
                "price `free` is not an amount",
            ),
            ("1,A,Mug,1,2011-06-01,-1.0,,", "the price is negative"),
            (
                "1,A,Mug,1,2011-06-01,0.0,,",
                "the price is 0, which is a gift or a correction and no sale",
            ),
            (
                "1,A,Mug,1,2011-06-01,0.001,,",
                "price `0.001` has more decimals than GBP",
            ),
            (
                "1,A,Mug,9000000000,2011-06-01,90000.0,,",
                "an amount out of range",
            ),
            ("1,A,Mug,1,,1.0,,", "no date"),
            (
                "1,A,Mug,1,12/1/2010 8:26,1.0,,",
                "date `12/1/2010 8:26` is not of the form 2010-12-01 08:26:00",
            ),
            (
                "1,A,Mug,1,2999-06-01,1.0,,",
                "date `2999-06-01` lies in the future",
            ),
            ("1,A,Mug,1.0,2011-06-01,1.000,,", "taken"),
            ("1,A,,1,2011-06-01,1.0,,", "taken"),
        ];
        for (row, expected) in cases {
            assert_eq!(reason(&format!("{row}\n")), expected, "{row}");
        }
    }

    /// Figures counted by another program.
    #[test]
    fn the_lines_of_the_gift_shop() {
        let folder = std::env::var_os("CARTWRIGHT_TEST_DATA").unwrap_or_default();
        let path = std::path::Path::new(&folder).join("online-retail-2010-12-to-2011-06.csv.gz");
        if !path.exists() {
            eprintln!(
                "SKIPPED: {} is not in CARTWRIGHT_TEST_DATA, the real lines were not read",
                path.display()
            );
            return;
        }
        let rules = Rules {
            currency: Currency::parse("GBP").unwrap(),
            zone: TimeZone::UTC,
            now: Time(1_800_000_000_000_000),
        };
        let mut rows = Rows::open(&path, COLUMNS, &Mapping::default()).unwrap();
        let (mut sold, mut cancelled, mut faults) = ((0, 0), (0, 0), Vec::new());
        while let Some(row) = rows.next().unwrap() {
            match row.and_then(|row| rules.read(&row)) {
                Ok((key, line)) if key.cancelled => {
                    cancelled = (cancelled.0 + 1, cancelled.1 + line.subtotal())
                }
                Ok((_, line)) => sold = (sold.0 + 1, sold.1 + line.subtotal()),
                Err(fault) => faults.push(fault),
            }
        }
        assert_eq!(
            (sold, cancelled),
            ((239_930, 482_646_649), (4_494, 42_851_573))
        );
        assert_eq!(faults.len(), 1_479);
        let count = |reason: &str| {
            faults
                .iter()
                .filter(|fault| fault.reason.starts_with(reason))
                .count()
        };
        assert_eq!(count("a negative quantity"), 758);
        assert_eq!(count("the price is 0"), 720);
        assert_eq!(count("price `0.001`"), 1);
        assert_eq!(faults[0].line, 624);
    }
}
