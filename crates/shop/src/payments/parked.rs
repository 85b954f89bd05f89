//! What was told of a refund or a dispute before the money itself: it is kept, and taken when the money is known.

use serde::{Deserialize, Serialize};

use super::payment::{Payment, RefundReport, Sum};
use super::provider::{About, Dispute, News, Notice};
use super::receive_webhook::take;
use super::{schedule, store};
use crate::app::App;
use crate::error::Result;

/// As it is written down.
#[derive(Deserialize, Serialize)]
enum Kept {
    Refund(RefundReport),
    Dispute {
        id: String,
        money: Option<Sum>,
        stands: Dispute,
    },
}

/// It speaks of money that is not in the books.
pub(super) fn is_early(news: &News, payment: Option<&Payment>) -> bool {
    matches!(news, News::Refund(_) | News::Dispute { .. })
        && payment.is_none_or(|payment| payment.captured_minor == 0)
}

/// What is kept of an event that is parked; None of those that the provider can be asked about.
pub(super) fn kept(news: &News) -> Option<String> {
    let kept = match news.clone() {
        News::Refund(report) => Kept::Refund(report),
        News::Dispute { id, money, stands } => Kept::Dispute { id, money, stands },
        _ => return None,
    };
    serde_json::to_string(&kept).ok()
}

/// Takes what was parked and whose money has come since.
pub(super) async fn take_parked(app: &App) -> Result<()> {
    let now = app.clock.now();
    let parked = store::parked_events(&app.db.read().await?, now - schedule::LAST).await?;
    for event in parked {
        let Ok(kept) = serde_json::from_str(&event.news) else {
            continue;
        };
        let notice = Notice {
            event_key: event.event_key,
            kind: event.kind,
            about: About::Attempt(event.payment_id.0),
            news: match kept {
                Kept::Refund(report) => News::Refund(report),
                Kept::Dispute { id, money, stands } => News::Dispute { id, money, stands },
            },
        };
        let payment = store::find_by_id(&app.db.read().await?, event.payment_id).await?;
        let taken: Result<()> = crate::transact!(app.db, tx => {
            take(tx, event.provider, &notice, Some(&payment), None, now).await
        });
        // One that cannot be taken now does not keep the others.
        if let Err(error) = taken {
            tracing::warn!(payment = event.payment_id.0, %error, "a parked event stays parked");
        }
    }
    Ok(())
}
