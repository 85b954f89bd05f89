//! Staff changes what lies on the shelf.

use serde_json::json;

use super::store::{self, Figures};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::error::{Error, Result};
use crate::ids::{ProductId, VariantId};
use crate::inventory::{self, MAX_STOCK};
use crate::values::Key;

/// What happened to the goods of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// So many arrived: 1 or more.
    Received(i64),
    /// So many more or less were found; never 0.
    By(i64),
    /// So many were counted.
    Counted(i64),
}

/// Changes the stock of a product's variant; its only one when none is named. Returns the figures of all of them.
pub(super) async fn change_stock(
    app: &App,
    by: &Admin,
    key: &Key,
    variant: Option<VariantId>,
    change: Change,
    reason: &str,
) -> Result<Vec<Figures>> {
    let now = app.clock.now();
    crate::transact!(app.db, tx => {
        let product = store::find_product(tx, key).await?.ok_or_else(Error::not_found)?;
        let variant = one_of(&store::figures(tx, product).await?, variant)?;
        inventory::hold(tx, &[variant]).await?;
        let (on_hand, reserved) = inventory::figures(tx, variant).await?;
        let (after, action) = match change {
            Change::Received(quantity) => (on_hand + quantity, Action::StockReceived),
            Change::By(quantity) => (on_hand + quantity, Action::StockAdjusted),
            Change::Counted(counted) => (counted, Action::StockAdjusted),
        };
        possible(change, after, reserved)?;
        let actor = Some(by.user.id);
        match change {
            Change::Received(quantity) => {
                inventory::receive(tx, &[(variant, quantity)], actor, reason, now).await?;
            }
            _ if after != on_hand => {
                let difference = [(variant, after - on_hand)];
                inventory::adjust_by(tx, &difference, actor, reason, now).await?;
            }
            _ => {}
        }
        let changed = (json!({"on_hand": on_hand}), json!({"on_hand": after, "reason": reason}));
        if after != on_hand {
            audit::record(tx, by, action, variant, changed, now).await?;
        }
        store::figures(tx, product).await
    })
}

/// The variants of a product with their figures.
pub(super) async fn show_stock(app: &App, key: &Key) -> Result<(ProductId, Vec<Figures>)> {
    let conn = app.db.read().await?;
    let product = store::find_product(&conn, key)
        .await?
        .ok_or_else(Error::not_found)?;
    Ok((product, store::figures(&conn, product).await?))
}

fn one_of(all: &[Figures], named: Option<VariantId>) -> Result<VariantId> {
    match (named, all) {
        (None, [only]) => Ok(only.variant_id),
        (None, _) => Err(Error::field(
            "variant_id",
            "required",
            "Say which: the product has several variants.",
        )),
        (Some(id), all) if all.iter().any(|figures| figures.variant_id == id) => Ok(id),
        (Some(_), _) => Err(Error::field(
            "variant_id",
            "does_not_exist",
            "The product has no such variant.",
        )),
    }
}

fn possible(change: Change, after: i64, reserved: i64) -> Result<()> {
    let attr = match change {
        Change::Counted(_) => "on_hand",
        Change::Received(_) | Change::By(_) => "quantity",
    };
    if after < reserved {
        let detail = format!("{reserved} are promised to open orders: cancel some of them first.");
        Err(Error::field(attr, "min_value", detail))
    } else if after > MAX_STOCK {
        let detail = format!("There may be at most {MAX_STOCK}.");
        Err(Error::field(attr, "max_value", detail))
    } else {
        Ok(())
    }
}
