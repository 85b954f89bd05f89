//! What a writer asks for before it writes: that the thing is still as its reader saw it (`If-Match`).

use crate::error::Result;

/// Refuses with 412 `precondition_failed` when the thing looks different by now. Verbs call it inside their
/// transaction, when the thing's row is held, so nothing comes between the look and the write.
pub type AsSeen<'a, T> = Option<&'a (dyn Fn(&T) -> Result<()> + Sync)>;
