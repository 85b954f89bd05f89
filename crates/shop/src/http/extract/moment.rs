//! Days and moments as filters of lists have them.

use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Fault, Result};

/// A day of the shop or a moment: as `date_from` its start, as `date_to` (`end`) the first microsecond after it.
pub fn moment(app: &App, attr: &str, text: &str, end: bool) -> Result<Time> {
    let zone = &app.config.time_zone;
    let day = text
        .parse::<jiff::civil::Date>()
        .ok()
        .filter(|_| !text.contains(['T', ' ', ':']));
    let day = match day {
        Some(day) if end => day.tomorrow().ok(),
        day => day,
    };
    let timestamp = match day {
        Some(day) => day
            .to_zoned(zone.clone())
            .ok()
            .map(|start| start.timestamp()),
        None => text
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|moment| match end {
                true => moment
                    .checked_add(jiff::SignedDuration::from_micros(1))
                    .ok(),
                false => Some(moment),
            }),
    };
    timestamp.map(Time::from).ok_or_else(|| {
        let detail = "Expected a day such as 2026-01-31 or a moment such as 2026-01-31T12:00:00Z."
            .to_owned();
        Error::faults(vec![Fault {
            attr: attr.to_owned(),
            code: "invalid",
            detail,
            in_query: true,
        }])
    })
}
