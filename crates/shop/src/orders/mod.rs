//! What somebody bought, and what became of it.
//!
//! Words: an order's *state* is where it stands on three axes (lifecycle, payment, fulfillment); its *status* is the
//! one word derived from them; a *step* is one move on one axis, kept as a row of the history; a *command* is a
//! status that staff asks for. A guest's order is reached with its *order token*.
//! Invariants: placing is all or nothing and takes each cart once; what is shown of an order are its own copies;
//! state and status are written together, with exactly one history row a step; stock is promised at placing, leaves
//! at shipping and is given back at cancelling, each exactly once.

mod adopt_guest_orders;
mod advance;
mod api;
mod cancel_order;
mod csv;
mod expire_orders;
mod find_orders;
mod forget_buyer;
mod names;
mod order;
mod place_order;
mod settle_payment;
mod store;
mod update_status;

pub use adopt_guest_orders::{adopt_at_sign_in, adopt_guest_orders};
pub use advance::{EndHook, Held, PaidHook, advance, hold, still_as};
pub(crate) use api::OrderOut;
pub use api::{access, routes};
pub use cancel_order::{Canceller, cancel_order};
pub use expire_orders::expire_orders;
pub use find_orders::{Access, Filter, count_orders, find_order, find_row, list_orders};
pub use forget_buyer::{anonymise_finished, forget_buyer};
pub use names::{new_order_number, order_token};
pub use order::{
    Axis, EDGES, FulfillmentStatus, HistoryRow, Lifecycle, Order, OrderLine, OrderRef, OrderRow,
    PaymentMethod, PaymentStatus, START, Source, State, Status, Step,
};
pub use place_order::{PlaceOrder, Placed, Repeat, place_order};
pub use settle_payment::{PaymentSums, choose_method, hold_order, settle_payment};
pub use store::{ON_POSTGRES, forget_changes, has_changes, list_changes, statements};
pub use update_status::update_status;
