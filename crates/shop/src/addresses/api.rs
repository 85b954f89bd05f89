//! The HTTP face of addresses.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::address::{Address, AddressType, Change};
use super::{add_address, change_address, remove_address, store};
use crate::app::App;
use crate::caller::User;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Id, In, Patch, Query};
use crate::http::{Op, Routes, created, no_content, ok};
use crate::ids::AddressId;
use crate::paging::Paging;
use crate::values::{Country, Line, Text};
use crate::{input, query};

pub fn routes() -> Routes {
    let list_op = Op::new("list_addresses", "Your addresses, the newest first")
        .user()
        .query::<AddressQuery>()
        .lists::<KeptAddressOut>();
    let add_op = Op::new("add_address", "Keep another address")
        .describe(
            "The first address of its type becomes the default, unless `is_default` is false.",
        )
        .user()
        .body::<AddressIn>()
        .answers::<KeptAddressOut>(201)
        .errors(&[Code::AddressLimit]);
    let of_one = |id, summary| Op::new(id, summary).user();
    Routes::tag("addresses")
        .get("/addresses/", list, list_op)
        .post("/addresses/", add, add_op)
        .get(
            "/addresses/{id}/",
            show,
            of_one("show_address", "One of your addresses").answers::<KeptAddressOut>(200),
        )
        .put(
            "/addresses/{id}/",
            replace,
            of_one("replace_address", "Write an address anew")
                .body::<AddressIn>()
                .answers::<KeptAddressOut>(200),
        )
        .patch(
            "/addresses/{id}/",
            change,
            of_one("update_address", "Change parts of an address")
                .body::<AddressPatch>()
                .answers::<KeptAddressOut>(200),
        )
        .delete(
            "/addresses/{id}/",
            remove,
            of_one(
                "delete_address",
                "Delete an address; orders keep their copies",
            )
            .answers_nothing(204),
        )
        .post(
            "/addresses/{id}/default/",
            make_default,
            of_one("set_default_address", "Make it the default of its type")
                .answers::<KeptAddressOut>(200),
        )
}

query! {
    struct AddressQuery {
        r#type: Option<AddressType>,
        paging: Paging,
    }
}

input! {
    /// Body of `POST addresses/` and `PUT addresses/{id}/`.
    struct AddressIn {
        /// `shipping` when it is left out; `PUT` leaves it as it is.
        #[also("address_type")]
        r#type: Option<AddressType>,
        /// The account's name when it is left out of a new one.
        full_name: Option<Line<200>>,
        /// Also read: `street_address`.
        #[also("street_address")]
        line1: Text<200>,
        line2: Option<Line<200>>,
        city: Text<100>,
        /// State or province. Also read: `state`.
        #[also("state")]
        region: Option<Line<100>>,
        postal_code: Option<Line<20>>,
        country: Country,
        phone: Option<Line<32>>,
        /// What you call it: home, work.
        label: Option<Line<100>>,
        /// One of each type; the other one no longer is.
        is_default: Option<bool>,
    }
}

input! {
    /// Body of `PATCH addresses/{id}/`: what is left out stays as it is, `null` empties what may be empty.
    struct AddressPatch {
        #[also("address_type")]
        r#type: Option<AddressType>,
        full_name: Patch<Line<200>>,
        /// Also read: `street_address`.
        #[also("street_address")]
        line1: Option<Text<200>>,
        line2: Patch<Line<200>>,
        city: Option<Text<100>>,
        /// State or province. Also read: `state`.
        #[also("state")]
        region: Patch<Line<100>>,
        postal_code: Patch<Line<20>>,
        country: Option<Country>,
        phone: Patch<Line<32>>,
        label: Patch<Line<100>>,
        is_default: Option<bool>,
    }
}

async fn list(
    State(app): State<App>,
    user: User,
    Query(query): Query<AddressQuery>,
) -> Result<Response> {
    let conn = app.db.read().await?;
    let page = store::list_addresses(&conn, user.id, query.r#type, &query.paging).await?;
    Ok(ok(&page.map(KeptAddressOut::from)))
}

async fn add(State(app): State<App>, user: User, In(body): In<AddressIn>) -> Result<Response> {
    let address = add_address::add_address(&app, user, body.into()).await?;
    Ok(created(&KeptAddressOut::from(address)))
}

async fn show(State(app): State<App>, user: User, Id(id): Id<AddressId>) -> Result<Response> {
    let address = store::find_address(&app.db.read().await?, user.id, id).await?;
    Ok(ok(&KeptAddressOut::from(
        address.ok_or_else(Error::not_found)?,
    )))
}

async fn replace(
    State(app): State<App>,
    user: User,
    Id(id): Id<AddressId>,
    In(body): In<AddressIn>,
) -> Result<Response> {
    let address = change_address::change_address(&app, user, id, body.into()).await?;
    Ok(ok(&KeptAddressOut::from(address)))
}

async fn change(
    State(app): State<App>,
    user: User,
    Id(id): Id<AddressId>,
    In(body): In<AddressPatch>,
) -> Result<Response> {
    let address = change_address::change_address(&app, user, id, body.into()).await?;
    Ok(ok(&KeptAddressOut::from(address)))
}

async fn make_default(
    State(app): State<App>,
    user: User,
    Id(id): Id<AddressId>,
) -> Result<Response> {
    let change = Change {
        is_default: Some(true),
        ..Change::default()
    };
    let address = change_address::change_address(&app, user, id, change).await?;
    Ok(ok(&KeptAddressOut::from(address)))
}

async fn remove(State(app): State<App>, user: User, Id(id): Id<AddressId>) -> Result<Response> {
    remove_address::remove_address(&app, user, id).await?;
    Ok(no_content())
}

impl From<AddressIn> for Change {
    fn from(body: AddressIn) -> Self {
        fn text<const MAX: usize>(line: Option<Line<MAX>>) -> Option<String> {
            Some(line.map(String::from).unwrap_or_default())
        }
        Change {
            kind: body.r#type,
            label: text(body.label),
            full_name: text(body.full_name),
            line1: Some(body.line1.into()),
            line2: text(body.line2),
            city: Some(body.city.into()),
            region: text(body.region),
            postal_code: text(body.postal_code),
            country: Some(body.country),
            phone: text(body.phone),
            is_default: body.is_default,
        }
    }
}

impl From<AddressPatch> for Change {
    fn from(body: AddressPatch) -> Self {
        fn text<const MAX: usize>(line: Patch<Line<MAX>>) -> Option<String> {
            match line {
                Patch::Absent => None,
                Patch::Null => Some(String::new()),
                Patch::Set(line) => Some(line.into()),
            }
        }
        Change {
            kind: body.r#type,
            label: text(body.label),
            full_name: text(body.full_name),
            line1: body.line1.map(String::from),
            line2: text(body.line2),
            city: body.city.map(String::from),
            region: text(body.region),
            postal_code: text(body.postal_code),
            country: body.country,
            phone: text(body.phone),
            is_default: body.is_default,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct KeptAddressOut {
    id: AddressId,
    /// `shipping`, `billing` or `other`.
    r#type: &'static str,
    label: String,
    full_name: String,
    line1: String,
    line2: String,
    city: String,
    region: String,
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    country: String,
    phone: String,
    is_default: bool,
    created_at: Time,
    updated_at: Time,
}

impl From<Address> for KeptAddressOut {
    fn from(address: Address) -> Self {
        KeptAddressOut {
            id: address.id,
            r#type: address.kind.as_str(),
            label: address.label,
            full_name: address.full_name,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country: address.country,
            phone: address.phone,
            is_default: address.is_default,
            created_at: address.created_at,
            updated_at: address.updated_at,
        }
    }
}
