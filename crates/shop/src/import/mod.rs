//! Brings products, categories, past orders and accounts in from files: one file a kind, `rows.rs` reads for all of them.
//!
//! Rows are keyed, so a run that broke off is finished by running it again. Faulty rows are skipped and reported with
//! their line; `strict` stops at the first before anything is written. Writing happens in short transactions with a
//! pause between them, so that a server on the same database keeps selling. `docs/import.md` has the rules.

pub mod categories;
pub mod orders;
mod pace;
pub mod products;
pub mod rows;
pub mod users;

use rows::Mapping;

/// How to run an import; the same for every kind of file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which of the file's columns hold what, where the header does not say.
    pub columns: Mapping,
    /// Read and judge everything, write nothing.
    pub dry_run: bool,
    /// Stop at the first faulty row.
    pub strict: bool,
    /// Pieces of each new product for which the file has none.
    pub stock: i64,
}

/// A row that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: u64,
    pub reason: String,
}

impl Fault {
    pub fn new(line: u64, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}

/// What a run did. `imported` and `unchanged` count what the file describes (products, orders), `rows` and `skipped` its rows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub rows: u64,
    pub imported: u64,
    /// Was there already, from an earlier run.
    pub unchanged: u64,
    pub skipped: u64,
    pub faults: Vec<Fault>,
    /// Remarks on what was taken in, such as "1,204 lines name a SKU that the catalog does not have".
    pub notes: Vec<String>,
}

impl Report {
    pub fn fault(&mut self, fault: Fault) {
        self.skipped += 1;
        self.faults.push(fault);
    }
}

/// Told how far a run is: `done` of `total`, in a unit of the import's choosing.
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);
