//! What the database counts, in the words of Prometheus.

use std::sync::atomic::Ordering::Relaxed;

use db::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

type Result = std::fmt::Result;

pub(super) struct Collected(pub(super) db::Db);

impl std::fmt::Debug for Collected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> Result {
        f.write_str("Collected")
    }
}

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result {
        let stats = self.0.stats();
        let to = &mut encoder;
        times(
            to,
            "db_statement_duration",
            "Statements by what they do; those sent together count as one",
            &[("query", &stats.queries), ("write", &stats.writes)],
        )?;
        times(
            to,
            "db_commit_duration",
            "Until a COMMIT was durable; on SQLite one for a whole batch",
            &[("", &stats.commits)],
        )?;
        times(
            to,
            "db_wait_duration",
            "Until a connection, or SQLite's writer, was free",
            &[("", &stats.waits)],
        )?;
        if self.0.engine() == db::Engine::Sqlite {
            let help = "Transactions that shared a COMMIT";
            let mut metric =
                to.encode_descriptor("db_batch_size", help, None, MetricType::Histogram)?;
            histogram(&mut metric, &stats.batches, 1.0)?;
        }
        let failed = ConstCounter::new(stats.failed.load(Relaxed));
        let help = "Statements that ended with an error, also keys that were taken on purpose";
        let metric =
            to.encode_descriptor("db_statements_failed", help, None, MetricType::Counter)?;
        failed.encode(metric)?;
        self.pools(to)
    }
}

impl Collected {
    fn pools(&self, to: &mut DescriptorEncoder<'_>) -> Result {
        let pools = self.0.pools();
        type Of = fn(&db::PoolState) -> usize;
        let gauges: [(&str, &str, Of); 3] = [
            ("db_pool_size", "The most that there may be", |p| p.size),
            ("db_pool_in_use", "Connections or threads at work", |p| {
                p.in_use
            }),
            ("db_pool_waiting", "Who waits for one", |p| p.waiting),
        ];
        for (name, help, of) in gauges {
            let mut metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for pool in &pools {
                let value = i64::try_from(of(pool)).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(metric.encode_family(&[("pool", pool.name)])?)?;
            }
        }
        Ok(())
    }
}

/// Microseconds there, seconds here.
fn times(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    of: &[(&'static str, &Histogram)],
) -> Result {
    let unit = Unit::Seconds;
    let mut metric = to.encode_descriptor(name, help, Some(&unit), MetricType::Histogram)?;
    for (kind, times) in of {
        if kind.is_empty() {
            histogram(&mut metric, times, 1e-6)?;
        } else {
            histogram(&mut metric.encode_family(&[("kind", *kind)])?, times, 1e-6)?;
        }
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody measures to the 53rd bit"
)]
fn histogram(metric: &mut MetricEncoder<'_>, of: &Histogram, scale: f64) -> Result {
    let buckets: Vec<(f64, u64)> = of
        .buckets()
        .map(|(bound, count)| (bound.map_or(f64::INFINITY, |b| b as f64 * scale), count))
        .collect();
    let count = buckets.iter().map(|(_, count)| count).sum();
    metric.encode_histogram::<NoLabelSet>(of.sum() as f64 * scale, count, &buckets, None)
}
