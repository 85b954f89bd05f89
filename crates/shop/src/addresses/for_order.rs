//! Which addresses an order gets.

use db::Conn;

use super::address::{Address, AddressType};
use super::store;
use crate::error::{Error, Fault, Result};
use crate::ids::{AddressId, UserId};

/// What the buyer says of an address.
#[derive(Clone, Debug, Default)]
pub enum Choice {
    /// As JSON text.
    Given(String),
    Stored(AddressId),
    #[default]
    Unsaid,
}

/// The copies that an order keeps, as JSON: to send to, and to bill. What is unsaid is the default of its type; with
/// no default for billing, the bill goes where the goods go.
///
/// # Errors
/// Names the field of an id that is not one of the user's own.
pub async fn for_order(
    conn: &Conn,
    user: Option<UserId>,
    shipping: &Choice,
    billing: &Choice,
) -> Result<(Option<String>, Option<String>)> {
    let given = |choice: &Choice| matches!(choice, Choice::Given(_));
    let known = match user {
        Some(user) if !given(shipping) || !given(billing) => {
            store::for_order(conn, user, stored(shipping), stored(billing)).await?
        }
        _ => Vec::new(),
    };
    let sent = resolve(&known, shipping, AddressType::Shipping);
    let billed = resolve(&known, billing, AddressType::Billing);
    match (sent, billed) {
        (Some(sent), Some(billed)) => Ok((sent.clone(), billed.or(sent))),
        (sent, billed) => {
            let unknown = [
                ("shipping_address_id", sent.is_none()),
                ("billing_address_id", billed.is_none()),
            ];
            let faults = unknown.into_iter().filter(|(_, is_unknown)| *is_unknown);
            Err(Error::faults(
                faults.map(|(attr, _)| no_such_address(attr)).collect(),
            ))
        }
    }
}

fn no_such_address(attr: &str) -> Fault {
    Fault {
        attr: attr.to_owned(),
        code: "does_not_exist",
        detail: "You have no such address.".to_owned(),
        in_query: false,
    }
}

fn stored(choice: &Choice) -> Option<AddressId> {
    match choice {
        Choice::Stored(id) => Some(*id),
        _ => None,
    }
}

/// `None`: there is no such address. `Some(None)`: the order has none.
fn resolve(known: &[Address], choice: &Choice, kind: AddressType) -> Option<Option<String>> {
    let find = |fits: &dyn Fn(&Address) -> bool| known.iter().find(|known| fits(known));
    match choice {
        Choice::Given(json) => Some(Some(json.clone())),
        Choice::Stored(id) => find(&|known| known.id == *id).map(|known| Some(known.copy())),
        Choice::Unsaid => {
            Some(find(&|known| known.is_default && known.kind == kind).map(Address::copy))
        }
    }
}
