//! Times, refusals, and how they are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// Times of one kind of operation.
#[derive(Default)]
pub struct Times(Vec<u32>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0
            .push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Milliseconds below which the share `p` of all operations stayed.
    pub fn percentile(&mut self, p: f64) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the length"
        )]
        let at = (last as f64 * p).round() as usize;
        f64::from(self.0.get(at).copied().unwrap_or(0)) / 1000.0
    }

    pub fn json(&mut self) -> Value {
        if self.is_empty() {
            return Value::Null;
        }
        json!({"n": self.len(), "p50_ms": self.percentile(0.5), "p95_ms": self.percentile(0.95),
               "p99_ms": self.percentile(0.99), "max_ms": self.percentile(1.0)})
    }

    pub fn line(&mut self) -> String {
        if self.is_empty() {
            return "none".to_owned();
        }
        let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|p| self.percentile(p));
        format!(
            "p50 {p50:.2} ms, p95 {p95:.2} ms, p99 {p99:.2} ms, max {max:.2} ms ({} times)",
            self.len()
        )
    }
}

/// What else happened: each reason with its count.
#[derive(Default)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub fn add(&mut self, reason: impl Into<String>) {
        *self.0.entry(reason.into()).or_default() += 1;
    }

    pub fn merge(&mut self, other: Self) {
        for (reason, count) in other.0 {
            *self.0.entry(reason).or_default() += count;
        }
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn of(&self, reason: &str) -> u64 {
        self.0.get(reason).copied().unwrap_or(0)
    }

    /// Answers of 500 and above. Reasons begin with their status.
    pub fn server_errors(&self) -> u64 {
        self.0
            .iter()
            .filter(|(reason, _)| reason.starts_with('5'))
            .map(|(_, count)| count)
            .sum()
    }

    pub fn json(&self) -> Value {
        json!(self.0)
    }

    pub fn line(&self) -> String {
        match self.0.is_empty() {
            true => "none".to_owned(),
            false => self
                .0
                .iter()
                .map(|(reason, count)| format!("{count} × {reason}"))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

pub fn per_second(count: u64, time: Duration) -> f64 {
    (count as f64 / time.as_secs_f64().max(0.001) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_sorted_times() {
        let mut times = Times::default();
        (1..=101)
            .rev()
            .for_each(|ms| times.add(Duration::from_millis(ms)));
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|p| times.percentile(p)),
            [1.0, 51.0, 100.0, 101.0]
        );
    }
}
