//! SQL of what is looked at later.

use db::{Conn, Tx, Value, args};

use crate::clock::Time;
use crate::error::Result;
use crate::payments::payment::{Payment, Provider};

// Whoever moves the date looks at it; nobody else does.
const SCHEDULE: &str = "UPDATE payments SET checks = checks + 1, next_check_at = $3 WHERE id = $1 AND next_check_at = $2";
const DUE_PAYMENTS: &str = concat!(
    "SELECT ",
    payment_columns!(""),
    " FROM payments WHERE provider = $1 AND next_check_at <= $2 AND (next_check_at, id) > ($3, $4)
    ORDER BY next_check_at, id LIMIT $5"
);

pub(super) const STATEMENTS: &[&str] = &[SCHEDULE, DUE_PAYMENTS];

/// A page of what is due.
pub(crate) struct Due {
    pub provider: Provider,
    pub now: Time,
    pub after: (Time, i64),
    pub limit: i64,
}

impl Due {
    pub(super) fn args(&self) -> [Value; 5] {
        let (at, id) = self.after;
        [
            self.provider.into(),
            self.now.into(),
            at.into(),
            id.into(),
            self.limit.into(),
        ]
    }
}

/// Takes the payment for a look, with the date of the next; false when somebody else has it.
pub(crate) async fn schedule(tx: &Tx, due: &Payment, at: Option<Time>) -> Result<bool> {
    let row = args![due.id, due.next_check_at, at];
    Ok(tx.execute(SCHEDULE, row).await? == 1)
}

/// What is due at a provider, the longest first, from behind the row that was seen last.
pub(crate) async fn due_payments(conn: &Conn, due: &Due) -> Result<Vec<Payment>> {
    Ok(conn.all(DUE_PAYMENTS, &due.args()).await?)
}
