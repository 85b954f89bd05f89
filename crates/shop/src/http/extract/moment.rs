//! Days and moments as filters of lists have them.

use serde_json::Value;

use super::json::Node;
use super::reader::{Field, Reader};
use crate::clock::Time;
use crate::http::schema::Schemas;

/// `date_from`: a moment, or the start of a day in the shop's time zone.
pub struct Since(pub Time);

/// `date_to`: the first microsecond after a moment, or after a day in the shop's time zone.
pub struct Until(pub Time);

impl Field for Since {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        moment(node, reader, false).map(Since)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        String::schema(schemas)
    }
}

impl Field for Until {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        moment(node, reader, true).map(Until)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        String::schema(schemas)
    }
}

fn moment(node: &Node<'_>, reader: &mut Reader, end: bool) -> Option<Time> {
    let text = String::read(node, reader)?;
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
            .to_zoned(reader.app.config.time_zone.clone())
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
    timestamp.map(Time::from).or_else(|| {
        let detail = "Expected a day such as 2026-01-31 or a moment such as 2026-01-31T12:00:00Z.";
        reader.fault("invalid", detail)
    })
}
