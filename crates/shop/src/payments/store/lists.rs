//! SQL of payments as buyers and staff see them, and of money that is owed.

use db::{Conn, Select};

use crate::error::{Error, Result};
use crate::ids::{OrderId, PaymentId, UserId};
use crate::orders::Access;
use crate::paging::{Page, Paging, newest};
use crate::payments::payment::{Payment, Shown};

const SELECT: &str = concat!(
    "SELECT ",
    payment_columns!("p."),
    " FROM payments p JOIN orders o ON o.id = p.order_id"
);
const COUNT: &str = "SELECT COUNT(*) FROM payments p JOIN orders o ON o.id = p.order_id";
/// Money that is not ours to keep: beside the payment that counts, or of an order that ended.
const OWED: &str = "p.refunded_minor < p.captured_minor AND p.provider NOT IN ('manual', 'cod', 'import')
    AND (p.status = 'surplus' OR p.status IN ('succeeded', 'flagged') AND o.lifecycle IN ('cancelled', 'expired'))";

/// A refund came to nothing after it had succeeded, and no other was asked for in its place.
const REVERSED: &str =
    "p.refunded_minor < p.captured_minor AND EXISTS (SELECT 1 FROM refunds r JOIN payment_events e ON e.payment_id = r.payment_id
      AND e.kind = 'refund_reversed' AND e.reference IN (r.provider_refund_id, r.request_key)
    WHERE r.payment_id = p.id AND r.status = 'failed' AND NOT EXISTS (SELECT 1 FROM refunds n
      WHERE n.payment_id = p.id AND n.id > r.id AND n.created_at >= e.at AND n.status <> 'failed'))";
/// What [`Payment::shown`] says.
const SHOWN: &str = "CASE WHEN p.refunded_minor = 0 THEN p.status
    WHEN p.refunded_minor < p.captured_minor THEN 'partially_refunded' ELSE 'refunded' END = ?";

pub(super) fn statements() -> Vec<String> {
    let access = Access::Owner {
        user: Some(UserId(1)),
        token_hash: Some([0; 32]),
    };
    let wanted = Wanted {
        order: Some(OrderId(1)),
        status: Some(Shown::Flagged),
        owed: true,
    };
    let all = narrowed(Select::new(SELECT), &access, wanted);
    let one = one(PaymentId(1), &Access::All);
    let owed = to_give_back_of(OrderId(1));
    [all, one, owed]
        .map(|select| select.sql().to_owned())
        .into()
}

/// What a list is narrowed to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub order: Option<OrderId>,
    pub status: Option<Shown>,
    /// Only money that has to be given back and is not yet.
    pub owed: bool,
}

/// The payments of somebody's orders.
pub(crate) async fn all_of(conn: &Conn, user: UserId) -> Result<Vec<Payment>> {
    let access = Access::Owner {
        user: Some(user),
        token_hash: None,
    };
    let select = narrowed(Select::new(SELECT), &access, Wanted::default());
    Ok(select.order("p.id").all(conn).await?)
}

pub(crate) async fn list(
    conn: &Conn,
    access: &Access,
    wanted: Wanted,
    paging: &Paging,
) -> Result<Page<Payment>> {
    let (rows, count) = (
        narrowed(Select::new(SELECT), access, wanted),
        narrowed(Select::new(COUNT), access, wanted),
    );
    newest(conn, rows, count, "p.id", paging, |payment: &Payment| {
        payment.id.into()
    })
    .await
}

pub(crate) async fn find(conn: &Conn, id: PaymentId, access: &Access) -> Result<Payment> {
    let select = one(id, access);
    conn.optional(select.sql(), select.args())
        .await?
        .ok_or_else(Error::not_found)
}

/// What is owed of an order's money, and not yet asked for at the provider.
pub(crate) async fn to_give_back(conn: &Conn, order: OrderId) -> Result<Vec<Payment>> {
    Ok(to_give_back_of(order).all(conn).await?)
}

fn to_give_back_of(order: OrderId) -> Select {
    let of_order = Select::new(SELECT).filter("p.order_id = ?", [order.into()]);
    let owed = of_order.filter(OWED, []);
    owed.filter("p.claimed_minor < p.captured_minor", [])
        .order("p.id")
}

fn one(id: PaymentId, access: &Access) -> Select {
    narrowed(Select::new(SELECT), access, Wanted::default()).filter("p.id = ?", [id.into()])
}

fn narrowed(select: Select, access: &Access, wanted: Wanted) -> Select {
    let select = select
        .filter_some("p.order_id = ?", wanted.order)
        .filter_some(SHOWN, wanted.status);
    let select = if wanted.owed {
        select.filter(&format!("{OWED} OR {REVERSED}"), [])
    } else {
        select
    };
    match access {
        Access::All => select,
        Access::Owner { user, token_hash } => match (*user, *token_hash) {
            (Some(user), Some(hash)) => select.filter(
                "o.user_id = ? OR o.token_hash = ?",
                [user.into(), hash.into()],
            ),
            (Some(user), None) => select.filter("o.user_id = ?", [user.into()]),
            (None, Some(hash)) => select.filter("o.token_hash = ?", [hash.into()]),
            (None, None) => select.filter("1 = 0", []),
        },
    }
}
