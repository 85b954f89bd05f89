//! What was measured, in words for whoever runs a shop.

use client::load::{Measured, Workload};
use db::Engine;
use serde_json::{Map, Value, json};

pub(crate) struct Report {
    pub(super) engine: Engine,
    pub(super) people: usize,
    pub(super) products: u32,
    pub(super) seconds: u64,
    pub(super) measured: Vec<(Workload, &'static str, Measured)>,
}

/// Orders of a day for each order a second, when a tenth of them come in the busiest hour.
const DAY: f64 = 3600.0 * 10.0;

impl Report {
    /// Requests that were not answered as they had to be.
    pub(crate) fn failed(&self) -> u64 {
        let measured = self.measured.iter();
        measured.map(|(.., m)| m.failed + m.sold_out).sum()
    }

    pub(crate) fn lines(&mut self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "Measured on {} with {} products, {} people at once, {} s each",
                self.engine,
                whole(f64::from(self.products)),
                self.people,
                self.seconds
            ),
            String::new(),
            format!(
                "  {:22} {:>12} {:>10} {:>10}",
                "", "per second", "p50", "p99"
            ),
        ];
        for (_, words, measured) in &mut self.measured {
            let [p50, p99] = [0.5, 0.99].map(|p| ms(measured.done.percentile(p)));
            let rate = whole(measured.per_second());
            lines.push(format!("  {words:22} {rate:>12} {p50:>10} {p99:>10}"));
        }
        let orders = self.orders();
        let [p50, p99] = self.page();
        lines.extend([
            String::new(),
            format!(
                "This machine can take about {} orders a second: {} orders on a day in which a tenth of all come in the busiest hour.",
                about(orders),
                about(orders * DAY)
            ),
            format!(
                "A page of the catalog takes {} while {} people ask for one after the other, and {} at most for 99 of 100.",
                ms(p50),
                self.people,
                ms(p99)
            ),
            "The people were played by this same machine, which took them a share of it: a shop on a machine of its own does more.".to_owned(),
            "Nobody paid, and no network lay between. Your shop's own data was not touched.".to_owned(),
        ]);
        for (_, words, measured) in &self.measured {
            if measured.failed + measured.sold_out > 0 {
                lines.push(format!(
                    "FAILED in \"{words}\": {}",
                    measured.answers.line()
                ));
            }
        }
        lines
    }

    pub(crate) fn as_json(&mut self) -> Value {
        let measured = self.measured.iter_mut();
        let workloads: Map<_, _> = measured
            .map(|(workload, _, measured)| (workload.name(), measured.json()))
            .collect();
        let orders = self.orders();
        json!({
            "ok": self.failed() == 0, "engine": self.engine.to_string(), "products": self.products, "people": self.people,
            "generator": "same machine", "orders_per_second": orders, "orders_per_day": (orders * DAY).round(),
            "page_ms": self.page(), "workloads": workloads,
        })
    }

    fn orders(&self) -> f64 {
        let mut all = self.measured.iter();
        all.find(|(workload, ..)| *workload == Workload::Journey)
            .map_or(0.0, |(.., measured)| measured.per_second())
    }

    /// Milliseconds of a page of the catalog: p50 and p99.
    fn page(&mut self) -> [f64; 2] {
        let mut all = self.measured.iter_mut();
        all.find(|(workload, ..)| *workload == Workload::List)
            .map_or([0.0; 2], |(.., m)| {
                [0.5, 0.99].map(|p| m.done.percentile(p))
            })
    }
}

fn ms(time: f64) -> String {
    match time < 10.0 {
        true => format!("{time:.2} ms"),
        false => format!("{time:.0} ms"),
    }
}

/// Two digits that count: 1876 is "1,900".
fn about(number: f64) -> String {
    let unit = 10_f64
        .powf(number.abs().max(1.0).log10().floor() - 1.0)
        .max(1.0);
    whole((number / unit).round() * unit)
}

/// With commas: 1234567 is "1,234,567".
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        let shown = [7.4, 74.0, 1876.2, 67_543_200.0].map(about);
        assert_eq!(shown, ["7", "74", "1,900", "68,000,000"]);
        assert_eq!([ms(0.418), ms(12.6)], ["0.42 ms", "13 ms"]);
    }
}
