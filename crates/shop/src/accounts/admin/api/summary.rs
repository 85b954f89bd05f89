//! The security of the last 24 hours at a glance.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::admin::store::{self, LockedRow};
use crate::accounts::attempts::{Outcome, WINDOW};
use crate::app::App;
use crate::caller::Admin;
use crate::clock::Time;
use crate::error::Result;
use crate::http::ok;
use crate::ids::UserId;

pub(super) async fn show_summary(State(app): State<App>, _: Admin) -> Result<Response> {
    const HOUR: i64 = 3600 * 1_000_000;
    let now = app.clock.now();
    let this_hour = now.0.div_euclid(HOUR);
    let since = Time((this_hour - 23) * HOUR);
    let conn = app.db.read().await?;
    let counts = store::attempts_by_hour(&conn, since).await?;
    let total = |wanted: Outcome| {
        counts
            .iter()
            .filter(|(_, outcome, _)| *outcome == wanted)
            .map(|(_, _, count)| count)
            .sum()
    };
    let at = |hour: i64, wanted: Outcome| {
        let here = counts
            .iter()
            .find(|(at, outcome, _)| *at == hour && *outcome == wanted);
        here.map_or(0, |(_, _, count)| *count)
    };
    let by_hour = (this_hour - 23..=this_hour).map(|hour| HourOut {
        hour: Time(hour * HOUR),
        failed: at(hour, Outcome::Failed),
        locked: at(hour, Outcome::Locked),
        succeeded: at(hour, Outcome::Succeeded),
    });
    let top = store::top_addresses(&conn, since).await?;
    Ok(ok(&SummaryOut {
        since,
        succeeded: total(Outcome::Succeeded),
        failed: total(Outcome::Failed),
        locked: total(Outcome::Locked),
        by_hour: by_hour.collect(),
        locked_accounts: store::locked_accounts(&conn, now)
            .await?
            .into_iter()
            .map(LockedAccountOut::from)
            .collect(),
        locked_addresses: store::locked_addresses(&conn, now)
            .await?
            .into_iter()
            .map(LockedAddressOut::from)
            .collect(),
        top_addresses: top
            .into_iter()
            .map(|(ip_address, failures)| AddressOut {
                ip_address,
                failures,
            })
            .collect(),
        sessions_last_hour: store::sessions_in_use(&conn, now - Duration::from_secs(3600), now)
            .await?,
    }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct SummaryOut {
    /// The start of the first hour; all counts but `locked_…` begin here.
    since: Time,
    succeeded: i64,
    failed: i64,
    /// Tries that were not looked at.
    locked: i64,
    by_hour: Vec<HourOut>,
    locked_accounts: Vec<LockedAccountOut>,
    locked_addresses: Vec<LockedAddressOut>,
    /// With the most failed and locked tries.
    top_addresses: Vec<AddressOut>,
    sessions_last_hour: i64,
}

#[derive(Serialize, ToSchema)]
struct HourOut {
    hour: Time,
    failed: i64,
    locked: i64,
    succeeded: i64,
}

#[derive(Serialize, ToSchema)]
struct LockedAccountOut {
    user_id: Option<UserId>,
    email: String,
    locked_until: Time,
}

impl From<LockedRow> for LockedAccountOut {
    fn from(row: LockedRow) -> Self {
        LockedAccountOut {
            user_id: row.user_id,
            email: row.email.unwrap_or_default(),
            locked_until: row.since + WINDOW,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct LockedAddressOut {
    /// An IPv4 address, or a network of IPv6.
    ip_address: String,
    locked_until: Time,
}

impl From<LockedRow> for LockedAddressOut {
    fn from(row: LockedRow) -> Self {
        LockedAddressOut {
            ip_address: row.bucket.trim_start_matches("address:").to_owned(),
            locked_until: row.since + WINDOW,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct AddressOut {
    ip_address: String,
    failures: i64,
}
