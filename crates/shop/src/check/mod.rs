//! Audits a live database: what must always hold, and the rows where it does not.
//!
//! Every rule is one statement that answers the rows which break it, so a sound database answers nothing. All are
//! asked on one snapshot, beside a running server. A new rule is a constant in a file of `store/`, and a line in the
//! list there.
//!
//! The numbers are those of the invariants: 1 stock, 2 amounts, 3 payments, 7 histories. The others (durability,
//! status codes, secrets) leave no rows to look at.

mod store;

use serde::Serialize;

use crate::app::App;
use crate::error::Result;

pub use store::statements;

/// What breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub invariant: u8,
    /// What should hold.
    pub rule: &'static str,
    /// Which row, such as `order 17`.
    pub subject: String,
    /// What it says instead.
    pub found: String,
}

/// How many rows are shown of each rule.
const SHOWN: i64 = 100;

/// All that is broken, at most [`SHOWN`] rows a rule; empty when all holds.
pub async fn check(app: &App) -> Result<Vec<Finding>> {
    let conn = app.db.snapshot().await?;
    let mut findings = Vec::new();
    for rule in store::rules() {
        let broken = store::broken(&conn, &rule, SHOWN).await?;
        findings.extend(broken.into_iter().map(|(id, found)| Finding {
            invariant: rule.invariant,
            rule: rule.holds,
            subject: format!("{} {id}", rule.table),
            found,
        }));
    }
    Ok(findings)
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} ({}: {})",
            self.subject, self.rule, self.invariant, self.found
        )
    }
}
