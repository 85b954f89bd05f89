//! What the system says of this process: memory, processor time, open files. Read from `/proc` at a scrape; where there
//! is none, nothing is told.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;

/// `/proc` counts in these, whatever the kernel's own tick is.
const TICKS_A_SECOND: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Collected {
    pub(super) version: &'static str,
}

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> std::fmt::Result {
        let build = Info::new([("version", self.version)]);
        build.encode(to.encode_descriptor("build", "The program", None, MetricType::Info)?)?;
        let bytes = [
            ("process_resident_memory", "Memory in use", "VmRSS:"),
            (
                "process_peak_memory",
                "The most memory that was in use",
                "VmHWM:",
            ),
        ];
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (name, help, word) in bytes {
            if let Some(kib) = number_behind(&status, word) {
                let metric =
                    to.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
                ConstGauge::new(kib.saturating_mul(1024)).encode(metric)?;
            }
        }
        if let Some(threads) = number_behind(&status, "Threads:") {
            let metric =
                to.encode_descriptor("process_threads", "Threads", None, MetricType::Gauge)?;
            ConstGauge::new(threads).encode(metric)?;
        }
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        if let Some(seconds) = processor_time(&stat) {
            let help = "Processor time, of the program and of the system for it";
            let unit = Unit::Seconds;
            let metric =
                to.encode_descriptor("process_cpu", help, Some(&unit), MetricType::Counter)?;
            ConstCounter::new(seconds).encode(metric)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            let open = i64::try_from(open.count()).unwrap_or(i64::MAX);
            let help = "Open files and sockets";
            let metric = to.encode_descriptor("process_open_fds", help, None, MetricType::Gauge)?;
            ConstGauge::new(open).encode(metric)?;
        }
        Ok(())
    }
}

fn number_behind(text: &str, word: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}

/// utime and stime, the 14th and 15th word; the second is a name in brackets that may hold blanks.
fn processor_time(stat: &str) -> Option<f64> {
    let behind_name = stat.rsplit_once(')')?.1;
    let mut words = behind_name.split_whitespace().skip(11);
    let mut next = || words.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_words() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 5 0 1 1 1";
        assert_eq!(processor_time(stat), Some(3.0));
        assert_eq!(
            number_behind("Name:\tx\nVmRSS:\t  1234 kB\n", "VmRSS:"),
            Some(1234)
        );
    }
}
