//! Orders as lines of a CSV file (RFC 4180), one line an order, for spreadsheets.

use super::order::{Order, OrderLine};
use crate::app::App;

pub(super) const HEADER: &str = "id,order_number,external_id,created_at,status,payment_status,fulfillment_status,\
payment_method,user,user_email,currency,subtotal,discount_total,shipping_total,tax_total,total_amount,items_count,\
items,shipping_address,billing_address,note\r\n";

/// The line of an order, with its end.
pub(super) fn line(app: &App, order: &Order) -> String {
    let row = &order.row;
    let items: Vec<String> = order.lines.iter().map(|line| item(app, line)).collect();
    let cells = [
        row.id.to_string(),
        row.order_number.clone(),
        row.external_id.clone().unwrap_or_default(),
        row.created_at.to_string(),
        row.status.to_string(),
        row.payment_status.to_string(),
        row.fulfillment_status.to_string(),
        row.payment_method.clone(),
        row.user_id.map(|user| user.to_string()).unwrap_or_default(),
        row.email.clone(),
        row.currency.clone(),
        app.amount(row.subtotal_minor),
        app.amount(row.discount_minor),
        app.amount(row.shipping_minor),
        app.amount(row.tax_minor),
        app.amount(row.total_minor),
        row.items_count.to_string(),
        items.join("; "),
        plain(row.shipping_address.as_deref()),
        plain(row.billing_address.as_deref()),
        row.note.clone(),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",") + "\r\n"
}

/// `2 x Mug [SKU-1] 12.50`
fn item(app: &App, line: &OrderLine) -> String {
    let sku = line.sku.as_ref().map(|sku| format!(" [{sku}]"));
    let (quantity, name) = (line.quantity, &line.product_name);
    let price = app.amount(line.price_minor);
    format!("{quantity} x {name}{} {price}", sku.unwrap_or_default())
}

/// A text as it is, an object by its values.
fn plain(address: Option<&str>) -> String {
    let Some(json) = address else {
        return String::new();
    };
    match serde_json::from_str(json) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Object(members)) => {
            let parts = members.values().filter_map(|value| match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) if text.is_empty() => None,
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            });
            parts.collect::<Vec<_>>().join(", ")
        }
        _ => json.to_owned(),
    }
}

/// A spreadsheet runs what begins with one of these: an apostrophe before it makes it a text.
fn cell(text: &str) -> String {
    let neutral =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
            format!("'{text}")
        } else {
            text.to_owned()
        };
    if neutral.contains([',', '"', '\r', '\n', ';']) {
        format!("\"{}\"", neutral.replace('"', "\"\""))
    } else {
        neutral
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for run in ["=cmd()", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"] {
            assert!(
                cell(run).trim_start_matches('"').starts_with('\''),
                "{run:?}"
            );
        }
        assert_eq!(cell("=1,\"2\""), "\"'=1,\"\"2\"\"\"");
        assert_eq!(cell("12.50"), "12.50");
        assert_eq!(cell("two\nlines"), "\"two\nlines\"");
    }

    #[test]
    fn an_address_is_its_words() {
        assert_eq!(plain(Some("\"1 Main St\"")), "1 Main St");
        assert_eq!(
            plain(Some(r#"{"city":"Rome","line2":"","zip":7}"#)),
            "Rome, 7"
        );
        assert_eq!(plain(None), "");
    }
}
