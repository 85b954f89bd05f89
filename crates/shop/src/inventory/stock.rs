//! The kinds of movement and what each does to a stock item.

use crate::ids::{OrderId, UserId, VariantId};

/// The most that one stock item may hold; far from where sums of 64 bits would overflow.
pub const MAX_STOCK: i64 = 1_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Received,
    Reserved,
    Released,
    Sold,
    Returned,
    Adjusted,
}

impl Kind {
    /// The word in `stock_movements.kind`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Received => "received",
            Kind::Reserved => "reserved",
            Kind::Released => "released",
            Kind::Sold => "sold",
            Kind::Returned => "returned",
            Kind::Adjusted => "adjusted",
        }
    }

    /// What `quantity` adds to (on hand, reserved).
    pub(super) fn effect(self, quantity: i64) -> (i64, i64) {
        match self {
            Kind::Received | Kind::Returned | Kind::Adjusted => (quantity, 0),
            Kind::Reserved => (0, quantity),
            Kind::Released => (0, -quantity),
            Kind::Sold => (-quantity, -quantity),
        }
    }
}

/// Why stock moves: what the rows of `stock_movements` that are written together have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause<'a> {
    pub(super) kind: Kind,
    pub(super) order: Option<OrderId>,
    pub(super) actor: Option<UserId>,
    pub(super) reason: &'a str,
}

/// Lines in locking order, one a variant, without those of quantity 0.
pub(super) fn in_order(lines: &[(VariantId, i64)]) -> Vec<(VariantId, i64)> {
    let mut sorted: Vec<_> = lines
        .iter()
        .copied()
        .filter(|&(_, quantity)| quantity != 0)
        .collect();
    sorted.sort_unstable_by_key(|&(variant, _)| variant);
    sorted.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_is_placed_and_shipped_leaves_the_shelf_once() {
        let (mut on_hand, mut reserved) = (0, 0);
        for (kind, quantity) in [(Kind::Received, 10), (Kind::Reserved, 3), (Kind::Sold, 3)] {
            let (shelf, promise) = kind.effect(quantity);
            on_hand += shelf;
            reserved += promise;
        }
        assert_eq!((on_hand, reserved), (7, 0));
    }

    #[test]
    fn an_order_that_is_cancelled_leaves_no_trace() {
        let (shelf, promise) = Kind::Reserved.effect(4);
        let (shelf_back, promise_back) = Kind::Released.effect(4);
        assert_eq!((shelf + shelf_back, promise + promise_back), (0, 0));
    }

    #[test]
    fn lines_are_sorted_by_variant_and_added_up() {
        let lines = [
            (VariantId(9), 1),
            (VariantId(2), 2),
            (VariantId(9), 3),
            (VariantId(5), 0),
        ];
        assert_eq!(in_order(&lines), [(VariantId(2), 2), (VariantId(9), 4)]);
    }
}
