//! What an answer of the catalog was made of, and whether that still holds.

use db::{Marks, Since};

use super::{COUNTED, current};
use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::VariantId;

/// What an answer was made of. A handler that attaches it to its answer says that the answer is the same for
/// everybody who asks without a token.
#[derive(Clone, Debug)]
pub struct RestsOn {
    since: Since,
    stock: Stock,
    until: Option<Time>,
}

#[derive(Clone, Debug)]
enum Stock {
    Of(Box<[u16]>),
    Any,
}

/// A moment before the answer's data was read.
#[derive(Clone, Copy)]
pub(in crate::catalog) struct Reading {
    since: Since,
    at: Time,
}

impl Reading {
    pub(in crate::catalog) async fn begin(app: &App) -> Result<Self> {
        // Heard of first, or what others have written would make the new answer old.
        current(app).await?;
        Ok(Reading {
            since: app.db.marks().now(),
            at: app.clock.now(),
        })
    }

    /// The answer shows the catalog and the stock of these variants.
    pub(in crate::catalog) fn of(
        self,
        app: &App,
        variants: impl IntoIterator<Item = VariantId>,
    ) -> RestsOn {
        let places = Marks::places(variants.into_iter().map(|id| id.0));
        // A replica may have answered with what was before.
        let may_lag = app.config.database_read_url.is_some();
        self.until(Stock::Of(places), may_lag)
    }

    /// The answer depends on the stock of any variant, and on a count that lags by up to a second.
    pub(in crate::catalog) fn of_all_stock(self) -> RestsOn {
        self.until(Stock::Any, true)
    }

    fn until(self, stock: Stock, may_lag: bool) -> RestsOn {
        RestsOn {
            since: self.since,
            stock,
            until: may_lag.then(|| self.at + COUNTED),
        }
    }
}

impl RestsOn {
    /// Is it all still so? What other processes did is heard of when a second has passed.
    pub async fn holds(&self, app: &App) -> bool {
        if !app.catalog.is_current(app) && Box::pin(current(app)).await.is_err() {
            return false;
        }
        let marks = app.db.marks();
        let unchanged = match &self.stock {
            Stock::Of(places) => marks.hold(self.since, places),
            Stock::Any => marks.nothing_changed(self.since),
        };
        unchanged && self.until.is_none_or(|until| app.clock.now() < until)
    }
}
