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

/// Of the rounds' ratios.
struct Spread {
    median: f64,
    low: f64,
    high: f64,
}

impl Report {
    pub(super) fn new(rounds: u32, secs: f64, conns: usize, products: u32) -> Self {
        Self {
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
        found.p50.push(measured.done.percentile(0.5));
        found.p99.push(measured.done.percentile(0.99));
        found
            .cpu
            .extend(cpu.map(|cpu| cpu.as_secs_f64() * 1000.0 / measured.all.max(1) as f64));
        found.failed += measured.failed + measured.sold_out;
        found.troubles.merge(measured.answers);
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
            say!("{}", workload.name());
            for (at, found) in systems.iter().enumerate() {
                let ratio = match at {
                    0 => String::new(),
                    _ => {
                        let spread = systems[0].to(found);
                        format!(
                            "   {} is {} times as fast ({} to {})",
                            systems[0].name,
                            times(spread.median),
                            times(spread.low),
                            times(spread.high)
                        )
                    }
                };
                say!(
                    "  {:24} {:>9.1} a second   p50 {:>8.2} ms   p99 {:>8.2} ms{ratio}",
                    found.name,
                    median(&found.per_second),
                    median(&found.p50),
                    median(&found.p99)
                );
                if let Some(spread) = systems[0].cpu_to(found).filter(|_| at > 0) {
                    say!(
                        "  {:24} {:.3} ms of a processor each, {} {:.3} ms: {} times as much ({} to {})",
                        "",
                        median(&found.cpu),
                        systems[0].name,
                        median(&systems[0].cpu),
                        times(spread.median),
                        times(spread.low),
                        times(spread.high)
                    );
                }
                if found.failed > 0 {
                    say!("    {} FAILED: {}", found.failed, found.troubles.line());
                }
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
                let others = systems.iter().skip(1);
                let ratios: Map<_, _> = others
                    .map(|other| {
                        let mut spread = systems[0].to(other).json();
                        spread["cpu"] = systems[0]
                            .cpu_to(other)
                            .map_or(Value::Null, |cpu| cpu.json());
                        (other.name.clone(), spread)
                    })
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

    /// Its speed as a multiple of another's.
    fn to(&self, other: &Self) -> Spread {
        Spread::of(&self.per_second, &other.per_second)
    }

    /// What another computes for each, as a multiple of what it does.
    fn cpu_to(&self, other: &Self) -> Option<Spread> {
        let both = !self.cpu.is_empty() && self.cpu.len() == other.cpu.len();
        both.then(|| Spread::of(&other.cpu, &self.cpu))
    }

    fn json(&self) -> Value {
        json!({
            "per_second": median(&self.per_second), "rounds": self.per_second, "p50_ms": median(&self.p50),
            "p99_ms": median(&self.p99), "cpu_ms": self.cpu, "failed": self.failed, "troubles": self.troubles.json(),
        })
    }
}

impl Spread {
    fn of(above: &[f64], below: &[f64]) -> Self {
        let pairs = above.iter().zip(below);
        let ratios: Vec<f64> = pairs
            .map(|(above, below)| above / below.max(0.000_001))
            .collect();
        Spread {
            median: median(&ratios),
            low: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            high: ratios.iter().copied().fold(0.0, f64::max),
        }
    }

    fn json(&self) -> Value {
        json!({"median": self.median, "low": self.low, "high": self.high})
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
        let spread = of("a", &[100.0, 10.0, 120.0]).to(&of("b", &[10.0, 1.0, 10.0]));
        assert_eq!((spread.median, spread.low, spread.high), (10.0, 10.0, 12.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!([9.876, 98.76, 987.6].map(times), ["9.88", "98.8", "988"]);
    }
}
