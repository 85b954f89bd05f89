//! Bodies and queries of orders, and what they mean.

use serde_json::Value;

use crate::addresses::Choice;
use crate::error::{Error, Fault, Result};
use crate::http::extract::{Field, Json, Node, Reader, Since, TextOr, Until};
use crate::http::schema::Schemas;
use crate::ids::AddressId;
use crate::orders::find_orders::Filter;
use crate::orders::order::{PaymentMethod, Status};
use crate::orders::place_order::PlaceOrder;
use crate::paging::Paging;
use crate::values::{Decimal, Email, Key, Text};
use crate::{input, query};

/// Characters of an address or a note.
const LONGEST_TEXT: usize = 4000;

input! {
    /// Body of `POST orders/`; all of it is optional.
    pub(in crate::orders) struct PlaceOrderIn {
        /// A text or an object, given back as it came.
        shipping_address: Option<TextOr<Json>>,
        /// One of your stored addresses. With neither, the default shipping address, if there is one.
        shipping_address_id: Option<AddressId>,
        /// A text or an object, given back as it came.
        billing_address: Option<TextOr<Json>>,
        /// One of your stored addresses. With neither, the default billing address, else the shipping address.
        billing_address_id: Option<AddressId>,
        /// `cod` when it is left out.
        payment_method: Option<PaymentMethod>,
        /// Of a guest; an account's own address is taken.
        email: Option<Email>,
        /// The total that the buyer saw; another one is refused.
        expected_total: Option<Decimal>,
        note: Option<String>,
    }
}

input! {
    /// Body of `PATCH orders/{id}/update_status/`.
    pub(in crate::orders) struct StatusIn {
        pub(super) status: Status,
        /// Kept in the history beside the step.
        pub(super) note: Option<Text<1000>>,
    }
}

input! {
    /// Body of `POST orders/{id}/cancel/`; none is needed.
    pub(in crate::orders) struct CancelIn {
        /// Why; kept in the history beside the step.
        #[also("reason")]
        pub(super) note: Option<Text<1000>>,
    }
}

query! {
    pub(in crate::orders) struct OrderQuery {
        status: Option<Status>,
        /// Admins: an id or an email address.
        user: Option<Whose>,
        /// A day in the shop's time zone (`2026-01-31`, from its start) or a moment.
        date_from: Option<Since>,
        /// A day (to its end) or a moment.
        date_to: Option<Until>,
        /// Part of the order number or the email address.
        search: Option<String>,
        pub(super) paging: Paging,
    }
}

query! {
    /// The filters of the list.
    pub(in crate::orders) struct ExportQuery {
        status: Option<Status>,
        /// An id or an email address.
        user: Option<Whose>,
        /// A day in the shop's time zone or a moment.
        date_from: Option<Since>,
        /// A day (to its end) or a moment.
        date_to: Option<Until>,
        /// Part of the order number or the email address.
        search: Option<String>,
    }
}

/// The id of an account, or an e-mail address.
struct Whose(String);

impl Field for Whose {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match Key::read(node, reader)? {
            Key::Id(id) => Some(Whose(id.to_string())),
            Key::Name(name) if name.contains('@') => Some(Whose(name)),
            Key::Name(_) => reader.fault("invalid", "An id or an email address is required."),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        String::schema(schemas)
    }
}

impl PlaceOrderIn {
    pub(super) fn checked(self) -> Result<PlaceOrder> {
        let mut faults = Vec::new();
        let (given, id) = (self.shipping_address, self.shipping_address_id);
        let shipping = choice(&mut faults, "shipping_address", given, id)?;
        let (given, id) = (self.billing_address, self.billing_address_id);
        let billing = choice(&mut faults, "billing_address", given, id)?;
        let note = self.note.unwrap_or_default();
        if note.chars().count() > LONGEST_TEXT {
            faults.push(too_long("note"));
        }
        if !faults.is_empty() {
            return Err(Error::faults(faults));
        }
        Ok(PlaceOrder {
            shipping,
            billing,
            payment_method: self.payment_method.unwrap_or(PaymentMethod::COD),
            email: self.email.map(String::from).unwrap_or_default(),
            expected_total: self.expected_total.map(|total| total.0),
            note,
        })
    }
}

/// An address or the id of one; a blank text is neither.
fn choice(
    faults: &mut Vec<Fault>,
    attr: &str,
    given: Option<TextOr<Json>>,
    id: Option<AddressId>,
) -> Result<Choice> {
    let json = match given {
        Some(TextOr::Text(text)) if text.trim().is_empty() => None,
        Some(TextOr::Text(text)) => Some(serde_json::to_string(&text)),
        Some(TextOr::Object(Json(object))) => Some(serde_json::to_string(&object)),
        None => None,
    };
    match (json.transpose().map_err(Error::internal)?, id) {
        (Some(_), Some(_)) => {
            let detail = "Give an address or the id of one, not both.";
            faults.push(fault(&format!("{attr}_id"), "invalid", detail));
            Ok(Choice::Unsaid)
        }
        (Some(json), None) => {
            if json.chars().count() > LONGEST_TEXT {
                faults.push(too_long(attr));
            }
            Ok(Choice::Given(json))
        }
        (None, Some(id)) => Ok(Choice::Stored(id)),
        (None, None) => Ok(Choice::Unsaid),
    }
}

fn too_long(attr: &str) -> Fault {
    let detail = format!("Ensure this field has no more than {LONGEST_TEXT} characters.");
    fault(attr, "max_length", detail)
}

fn fault(attr: &str, code: &'static str, detail: impl Into<String>) -> Fault {
    Fault {
        attr: attr.to_owned(),
        code,
        detail: detail.into(),
        in_query: false,
    }
}

impl OrderQuery {
    pub(super) fn into_filter(self) -> Filter {
        Filter {
            status: self.status,
            user: self.user.map(|whose| whose.0),
            from: self.date_from.map(|since| since.0),
            until: self.date_to.map(|until| until.0),
            search: self.search,
        }
    }
}

impl ExportQuery {
    pub(super) fn into_filter(self) -> Filter {
        Filter {
            status: self.status,
            user: self.user.map(|whose| whose.0),
            from: self.date_from.map(|since| since.0),
            until: self.date_to.map(|until| until.0),
            search: self.search,
        }
    }
}
