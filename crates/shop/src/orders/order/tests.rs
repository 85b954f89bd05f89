//! Every state and every command.

use super::*;

fn all_states() -> impl Iterator<Item = State> {
    Lifecycle::ALL.iter().flat_map(|&lifecycle| {
        [false, true].into_iter().flat_map(move |confirmed| {
            PaymentStatus::ALL.iter().flat_map(move |&payment| {
                FulfillmentStatus::ALL
                    .iter()
                    .map(move |&fulfillment| State {
                        lifecycle,
                        confirmed,
                        payment,
                        fulfillment,
                    })
            })
        })
    })
}

/// A placed order after these commands.
fn walked(commands: &[Status]) -> State {
    commands.iter().fold(State::PLACED, |state, &command| {
        state.after(command).expect("a possible command").0
    })
}

#[test]
fn each_state_takes_exactly_these_commands() {
    use Status::{Cancelled, Confirmed, Delivered, Paid, Processing, Shipped};
    let table: &[(&[Status], Status, &[Status])] = &[
        (&[], Status::Pending, &[Confirmed, Paid, Cancelled]),
        (
            &[Confirmed],
            Confirmed,
            &[Paid, Processing, Shipped, Cancelled],
        ),
        (&[Paid], Paid, &[Confirmed, Processing, Shipped, Cancelled]),
        (
            &[Paid, Confirmed],
            Confirmed,
            &[Processing, Shipped, Cancelled],
        ),
        (
            &[Confirmed, Processing],
            Processing,
            &[Paid, Shipped, Cancelled],
        ),
        (&[Paid, Processing], Processing, &[Shipped, Cancelled]),
        (&[Confirmed, Shipped], Shipped, &[Paid, Delivered]),
        (
            &[Confirmed, Processing, Shipped, Delivered],
            Delivered,
            &[Paid],
        ),
        (&[Paid, Shipped, Delivered], Delivered, &[]),
        (&[Cancelled], Cancelled, &[]),
        (&[Paid, Cancelled], Cancelled, &[]),
    ];
    for (commands, shown, possible) in table {
        let state = walked(commands);
        assert_eq!(state.status(), *shown, "after {commands:?}");
        assert_eq!(state.possible(), *possible, "after {commands:?}");
    }
}

#[test]
fn a_failed_payment_may_be_paid_or_cancelled() {
    let failed = State {
        payment: PaymentStatus::Failed,
        ..State::PLACED
    };
    assert_eq!(failed.status(), Status::PaymentFailed);
    assert_eq!(failed.possible(), [Status::Paid, Status::Cancelled]);
    assert!(failed.customer_may_cancel());
}

#[test]
fn every_pair_of_state_and_command_is_an_edge_or_refused() {
    for state in all_states() {
        for &command in Status::ALL {
            let Some((next, step)) = state.after(command) else {
                continue;
            };
            assert_eq!(state.lifecycle, Lifecycle::Open, "{state:?} {command}");
            let edge = (step.axis, step.from, step.to);
            assert!(EDGES.contains(&edge), "{state:?} {command} makes {step:?}");
            assert_ne!(state, next, "{state:?} {command} changes nothing");
            assert!(
                next.after(command).is_none(),
                "{command} is possible twice from {state:?}"
            );
            assert!(!matches!(
                command,
                Status::Pending
                    | Status::PaymentFailed
                    | Status::Expired
                    | Status::Refunded
                    | Status::Returned
            ));
        }
    }
}

#[test]
fn nothing_leaves_that_is_neither_confirmed_nor_paid() {
    for state in
        all_states().filter(|state| !state.confirmed && state.payment != PaymentStatus::Paid)
    {
        if state.payment != PaymentStatus::PartiallyRefunded {
            assert!(state.after(Status::Shipped).is_none(), "{state:?}");
            assert!(state.after(Status::Processing).is_none(), "{state:?}");
        }
    }
}

#[test]
fn customers_cancel_pending_and_failed_orders_only() {
    for state in all_states().filter(|state| state.customer_may_cancel()) {
        assert!(
            matches!(state.status(), Status::Pending | Status::PaymentFailed),
            "{state:?}"
        );
    }
}

#[test]
fn words_read_back() {
    for &status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
    }
    assert_eq!(Status::parse("nonsense"), None);
}

#[test]
fn digits_name_an_id_and_all_else_a_number() {
    assert_eq!(OrderRef::parse("17"), OrderRef::Id(OrderId(17)));
    assert_eq!(
        OrderRef::parse("k7qf-2m9d"),
        OrderRef::Number("K7QF-2M9D".into())
    );
}
