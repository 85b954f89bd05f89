//! What a comparison found: medians of each system, ratios of each round, and how far these lie apart.

use std::time::Duration;

use client::adapter::Look;
use client::load::{Measured, Workload};
use client::stats::Counts;
use serde_json::{Map, Value, json};

pub(super) struct Report {
    rounds: u32,
    secs: f64,
    conns: usize,
    products: u32,
    /// Whose ratios to the others are taken.
    first: String,
    looks: Vec<(String, &'static str, Look)>,
    found: Vec<(Workload, Vec<Found>)>,
}

/// One system at one workload, a figure for each round.
struct Found {
    name: String,
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Milliseconds that its processes computed for each.
    cpu: Vec<f64>,
    failed: u64,
    troubles: Counts,
}

/// Of the ratios of those rounds in which both had something done.
struct Spread {
    median: f64,
    low: f64,
    high: f64,
    /// Rounds that are left out.
    none_done: usize,
}

impl Report {
    pub(super) fn new(first: &str, rounds: u32, secs: f64, conns: usize, products: u32) -> Self {
        Self {
            first: first.to_owned(),
            rounds,
            secs,
            conns,
            products,
            looks: Vec::new(),
            found: Vec::new(),
        }
    }

    pub(super) fn saw(&mut self, name: &str, op: &'static str, look: Look) {
        self.looks.push((name.to_owned(), op, look));
    }

    pub(super) fn add(
        &mut self,
        workload: Workload,
        name: &str,
        mut measured: Measured,
        cpu: Option<Duration>,
    ) {
        let at = match self.found.iter().position(|(known, _)| *known == workload) {
            Some(at) => at,
            None => {
                self.found.push((workload, Vec::new()));
                self.found.len() - 1
            }
        };
        let systems = &mut self.found[at].1;
        let at = match systems.iter().position(|found| found.name == name) {
            Some(at) => at,
            None => {
                systems.push(Found::new(name));
                systems.len() - 1
            }
        };
        let found = &mut systems[at];
        found.per_second.push(measured.per_second());
        if !measured.done.is_empty() {
            found.p50.push(measured.done.percentile(0.5));
            found.p99.push(measured.done.percentile(0.99));
        }
        found
            .cpu
            .extend(cpu.map(|cpu| cpu.as_secs_f64() * 1000.0 / measured.all.max(1) as f64));
        found.failed += measured.failed + measured.sold_out;
        found.troubles.merge(measured.answers);
    }

    /// The one that was named first, if it can do this; then it was measured first too.
    fn first_of<'a>(&self, systems: &'a [Found]) -> Option<&'a Found> {
        systems.first().filter(|found| found.name == self.first)
    }

    /// Requests that were not answered as they had to be.
    pub(super) fn failed(&self) -> u64 {
        let all = self.found.iter().flat_map(|(_, systems)| systems);
        all.map(|found| found.failed).sum()
    }

    pub(super) fn print(&self) {
        say!(
            "{} rounds by turns, {} s each, {} connections, {} products; medians. A ratio is taken within each round:",
            self.rounds,
            self.secs,
            self.conns,
            self.products
        );
        say!("the median, and the lowest to the highest.\n");
        for (workload, systems) in &self.found {
            let first = self.first_of(systems);
            match first {
                Some(_) => say!("{}", workload.name()),
                None => say!(
                    "{}, which {} cannot do: no ratios",
                    workload.name(),
                    self.first
                ),
            }
            for found in systems {
                found.print(first.filter(|first| first.name != found.name));
            }
        }
        say!("\nWhat they answer:");
        for (name, op, look) in &self.looks {
            let items = look
                .items
                .map_or(String::new(), |items| format!(", {items} items"));
            say!(
                "  {name:24} {op:7} {}, {} bytes{items}",
                look.status,
                look.bytes
            );
        }
    }

    pub(super) fn json(&self) -> Value {
        let workloads: Map<_, _> = self
            .found
            .iter()
            .map(|(workload, systems)| {
                let first = self.first_of(systems);
                let ratios: Map<_, _> = first
                    .into_iter()
                    .flat_map(|first| systems.iter().skip(1).map(move |other| (first, other)))
                    .map(|(first, other)| (other.name.clone(), first.ratios_to(other)))
                    .collect();
                let each: Map<_, _> = systems
                    .iter()
                    .map(|found| (found.name.clone(), found.json()))
                    .collect();
                let of = json!({"systems": each, "ratio_of_the_first_to": ratios});
                (workload.name(), of)
            })
            .collect();
        let looks = self.looks.iter().map(|(name, op, look)| {
            json!({"system": name, "op": op, "status": look.status, "bytes": look.bytes, "items": look.items})
        });
        json!({
            "rounds": self.rounds, "seconds": self.secs, "conns": self.conns, "products": self.products,
            "workloads": workloads, "answers": looks.collect::<Vec<_>>(),
        })
    }
}

impl Found {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            per_second: Vec::new(),
            p50: Vec::new(),
            p99: Vec::new(),
            cpu: Vec::new(),
            failed: 0,
            troubles: Counts::default(),
        }
    }

    /// A line or two, with how much faster the first is.
    fn print(&self, first: Option<&Self>) {
        let ratio = match first.map(|first| (first, first.to(self))) {
            None => String::new(),
            Some((_, None)) => "   no round in which both had something done".into(),
            Some((first, Some(spread))) => {
                format!(
                    "   {} is {} times as fast ({})",
                    first.name,
                    times(spread.median),
                    spread.range()
                )
            }
        };
        say!(
            "  {:24} {:>9.1} a second   p50 {:>8.2} ms   p99 {:>8.2} ms{ratio}",
            self.name,
            median(&self.per_second),
            median(&self.p50),
            median(&self.p99)
        );
        if let Some((first, spread)) = first.and_then(|first| Some((first, first.cpu_to(self)?))) {
            say!(
                "  {:24} {:.3} ms of a processor each, {} {:.3} ms: {} times as much ({})",
                "",
                median(&self.cpu),
                first.name,
                median(&first.cpu),
                times(spread.median),
                spread.range()
            );
        }
        if self.failed > 0 {
            say!("    {} FAILED: {}", self.failed, self.troubles.line());
        }
    }

    /// For the JSON.
    fn ratios_to(&self, other: &Self) -> Value {
        let json = |spread: Option<Spread>| spread.map_or(Value::Null, |spread| spread.json());
        let mut speed = json(self.to(other));
        if !speed.is_null() {
            speed["cpu"] = json(self.cpu_to(other));
        }
        speed
    }

    /// Its speed as a multiple of another's; `None` where there was no round with something done by both.
    fn to(&self, other: &Self) -> Option<Spread> {
        Spread::of(&self.per_second, &other.per_second)
    }

    /// What another computes for each, as a multiple of what it does.
    fn cpu_to(&self, other: &Self) -> Option<Spread> {
        let both = !self.cpu.is_empty() && self.cpu.len() == other.cpu.len();
        both.then(|| Spread::of(&other.cpu, &self.cpu)).flatten()
    }

    fn json(&self) -> Value {
        json!({
            "per_second": median(&self.per_second), "rounds": self.per_second, "p50_ms": median(&self.p50),
            "p99_ms": median(&self.p99), "cpu_ms": self.cpu, "failed": self.failed, "troubles": self.troubles.json(),
        })
    }
}

impl Spread {
    fn of(above: &[f64], below: &[f64]) -> Option<Self> {
        let pairs = above.iter().zip(below);
        let ratios: Vec<f64> = pairs
            .filter(|&(&above, &below)| above > 0.0 && below > 0.0)
            .map(|(above, below)| above / below)
            .collect();
        (!ratios.is_empty()).then(|| Spread {
            median: median(&ratios),
            low: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            high: ratios.iter().copied().fold(0.0, f64::max),
            none_done: above.len().min(below.len()) - ratios.len(),
        })
    }

    fn range(&self) -> String {
        let range = format!("{} to {}", times(self.low), times(self.high));
        match self.none_done {
            0 => range,
            rounds => format!("{range}; without {rounds} rounds in which one had none done"),
        }
    }

    fn json(&self) -> Value {
        json!({"median": self.median, "low": self.low, "high": self.high, "none_done": self.none_done})
    }
}

/// Of an even number the mean of the middle two.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = |at: usize| sorted.get(at).copied().unwrap_or(0.0);
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(middle(half.saturating_sub(1)), middle(half)),
        _ => middle(half),
    }
}

/// Two or three digits that count.
fn times(ratio: f64) -> String {
    match ratio {
        r if r < 10.0 => format!("{r:.2}"),
        r if r < 100.0 => format!("{r:.1}"),
        r => format!("{r:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let of = |name: &str, per_second: &[f64]| Found {
            per_second: per_second.to_vec(),
            ..Found::new(name)
        };
        // In the second round the machine was busy with something else.
        let spread = of("a", &[100.0, 10.0, 120.0])
            .to(&of("b", &[10.0, 1.0, 10.0]))
            .unwrap();
        assert_eq!((spread.median, spread.low, spread.high), (10.0, 10.0, 12.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!([9.876, 98.76, 987.6].map(times), ["9.88", "98.8", "988"]);
        // In the first one the other had nothing done.
        let slow = of("b", &[0.0, 1.0, 10.0]);
        let spread = of("a", &[100.0, 10.0, 120.0]).to(&slow).unwrap();
        assert_eq!((spread.low, spread.high, spread.none_done), (10.0, 12.0, 1));
        assert_eq!(
            spread.range(),
            "10.0 to 12.0; without 1 rounds in which one had none done"
        );
        assert!(of("a", &[1.0]).to(&slow).is_none());
    }

    #[test]
    fn ratios_are_those_of_the_one_that_was_named_first_or_none() {
        let mut report = Report::new("a", 1, 1.0, 1, 1);
        for (workload, names) in [
            (Workload::List, &["a", "b", "c"][..]),
            (Workload::Journey, &["b", "c"]),
        ] {
            for name in names {
                report.add(workload, name, Measured::default(), None);
            }
        }
        let of =
            |workload: &str| report.json()["workloads"][workload]["ratio_of_the_first_to"].clone();
        assert_eq!(
            of("list"),
            json!({"b": null, "c": null}),
            "nothing was done at all"
        );
        assert_eq!(of(&Workload::Journey.name()), json!({}));
    }
}
