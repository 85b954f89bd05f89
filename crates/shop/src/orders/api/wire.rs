//! Bodies and queries of orders, and what they mean.

use crate::addresses::Choice;
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Fault, Result};
use crate::http::extract::{Json, TextOr, moment};
use crate::ids::AddressId;
use crate::orders::find_orders::Filter;
use crate::orders::order::{PaymentMethod, Status};
use crate::orders::place_order::PlaceOrder;
use crate::paging::Paging;
use crate::values::{Decimal, Email, Text};
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
        user: Option<String>,
        /// A day in the shop's time zone (`2026-01-31`, from its start) or a moment.
        date_from: Option<String>,
        /// A day (to its end) or a moment.
        date_to: Option<String>,
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
        user: Option<String>,
        /// A day in the shop's time zone or a moment.
        date_from: Option<String>,
        /// A day (to its end) or a moment.
        date_to: Option<String>,
        /// Part of the order number or the email address.
        search: Option<String>,
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
    pub(super) fn into_filter(self, app: &App) -> Result<Filter> {
        let (from, until) = period(app, self.date_from, self.date_to)?;
        Ok(Filter {
            status: self.status,
            user: self.user,
            from,
            until,
            search: self.search,
        })
    }
}

impl ExportQuery {
    pub(super) fn into_filter(self, app: &App) -> Result<Filter> {
        let (from, until) = period(app, self.date_from, self.date_to)?;
        Ok(Filter {
            status: self.status,
            user: self.user,
            from,
            until,
            search: self.search,
        })
    }
}

/// Both ends, or what is wrong with either.
fn period(
    app: &App,
    from: Option<String>,
    to: Option<String>,
) -> Result<(Option<Time>, Option<Time>)> {
    let read = |attr, text: Option<String>, end| {
        text.map(|text| moment(app, attr, &text, end)).transpose()
    };
    match (read("date_from", from, false), read("date_to", to, true)) {
        (Ok(from), Ok(until)) => Ok((from, until)),
        (Err(one), Err(other)) => Err(Error::faults([one.fields(), other.fields()].concat())),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
