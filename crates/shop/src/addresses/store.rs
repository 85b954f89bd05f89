//! All SQL of addresses.

use db::{Conn, Select, Tx, args};

use super::address::{Address, AddressType};
use crate::error::Result;
use crate::ids::{AddressId, UserId};
use crate::paging::{Page, Paging, newest};

macro_rules! select_addresses {
    ($rest:literal) => {
        concat!(
            "SELECT id, type AS kind, label, full_name, line1, line2, city, region, postal_code, country, phone, \
             is_default, created_at, updated_at FROM addresses",
            $rest
        )
    };
}

pub fn statements() -> Vec<String> {
    let mut all: Vec<String> = [
        ALL_OF,
        FIND_ADDRESS,
        COUNT,
        ADD_ADDRESS,
        UPDATE_ADDRESS,
        CLEAR_DEFAULT,
        REMOVE_ADDRESS,
        FORGET,
        FOR_ORDER,
    ]
    .map(str::to_owned)
    .into();
    let kind = Some(AddressType::Shipping);
    all.extend(
        [SELECT_ADDRESSES, COUNT_ADDRESSES]
            .map(|head| own(Select::new(head), UserId(1), kind).sql().to_owned()),
    );
    all
}

const SELECT_ADDRESSES: &str = select_addresses!("");
const COUNT_ADDRESSES: &str = "SELECT COUNT(*) FROM addresses";

fn own(select: Select, user: UserId, kind: Option<AddressType>) -> Select {
    select
        .filter("user_id = ?", [user.into()])
        .filter_some("type = ?", kind)
}

/// The newest first.
pub(super) async fn list_addresses(
    conn: &Conn,
    user: UserId,
    kind: Option<AddressType>,
    paging: &Paging,
) -> Result<Page<Address>> {
    let rows = own(Select::new(SELECT_ADDRESSES), user, kind);
    let count = own(Select::new(COUNT_ADDRESSES), user, kind);
    newest(conn, rows, count, "id", paging, |row: &Address| {
        row.id.into()
    })
    .await
}

const ALL_OF: &str = select_addresses!(" WHERE user_id = $1 ORDER BY id");

/// All that somebody keeps, which are not many.
pub async fn all_of(conn: &Conn, user: UserId) -> Result<Vec<Address>> {
    Ok(conn.all(ALL_OF, args![user]).await?)
}

const FIND_ADDRESS: &str = select_addresses!(" WHERE user_id = $1 AND id = $2");

/// An address of the user's own.
pub(super) async fn find_address(
    conn: &Conn,
    user: UserId,
    id: AddressId,
) -> Result<Option<Address>> {
    Ok(conn.optional(FIND_ADDRESS, args![user, id]).await?)
}

const COUNT: &str = "\
    SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN type = $2 THEN 1 ELSE 0 END), 0) AS BIGINT) \
    FROM addresses WHERE user_id = $1";

/// How many the user has, and how many of this type.
pub(super) async fn count(conn: &Conn, user: UserId, kind: AddressType) -> Result<(i64, i64)> {
    Ok(conn.one(COUNT, args![user, kind]).await?)
}

const ADD_ADDRESS: &str = "\
    INSERT INTO addresses (user_id, type, label, full_name, line1, line2, city, region, postal_code, country, phone, \
    is_default, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13) RETURNING id";

pub(super) async fn add_address(tx: &Tx, user: UserId, address: &Address) -> Result<AddressId> {
    let row = args![
        user,
        address.kind,
        &address.label,
        &address.full_name,
        &address.line1,
        &address.line2,
        &address.city,
        &address.region,
        &address.postal_code,
        &address.country,
        &address.phone,
        address.is_default,
        address.created_at,
    ];
    Ok(tx.one(ADD_ADDRESS, row).await?)
}

const UPDATE_ADDRESS: &str = "\
    UPDATE addresses SET type = $3, label = $4, full_name = $5, line1 = $6, line2 = $7, city = $8, region = $9, \
    postal_code = $10, country = $11, phone = $12, is_default = $13, updated_at = $14 \
    WHERE user_id = $1 AND id = $2";

pub(super) async fn update_address(tx: &Tx, user: UserId, address: &Address) -> Result<()> {
    let row = args![
        user,
        address.id,
        address.kind,
        &address.label,
        &address.full_name,
        &address.line1,
        &address.line2,
        &address.city,
        &address.region,
        &address.postal_code,
        &address.country,
        &address.phone,
        address.is_default,
        address.updated_at,
    ];
    tx.execute(UPDATE_ADDRESS, row).await?;
    Ok(())
}

const CLEAR_DEFAULT: &str = "\
    UPDATE addresses SET is_default = FALSE, updated_at = $4 \
    WHERE user_id = $1 AND type = $2 AND is_default = TRUE AND id <> $3";

/// Makes room for `next` as the default of its type.
pub(super) async fn clear_default(tx: &Tx, user: UserId, next: &Address) -> Result<()> {
    let args = args![user, next.kind, next.id, next.updated_at];
    tx.execute(CLEAR_DEFAULT, args).await?;
    Ok(())
}

const REMOVE_ADDRESS: &str = "DELETE FROM addresses WHERE user_id = $1 AND id = $2";

/// `false` when the user has no such address.
pub(super) async fn remove_address(tx: &Tx, user: UserId, id: AddressId) -> Result<bool> {
    Ok(tx.execute(REMOVE_ADDRESS, args![user, id]).await? == 1)
}

const FORGET: &str = "DELETE FROM addresses WHERE user_id = $1";

/// Deletes all addresses of somebody.
pub async fn forget(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(FORGET, args![user]).await?;
    Ok(())
}

const FOR_ORDER: &str = select_addresses!(
    " WHERE user_id = $1 AND (is_default = TRUE OR id = CAST($2 AS BIGINT) OR id = CAST($3 AS BIGINT))"
);

/// The user's defaults, and these two.
pub(super) async fn for_order(
    conn: &Conn,
    user: UserId,
    shipping: Option<AddressId>,
    billing: Option<AddressId>,
) -> Result<Vec<Address>> {
    Ok(conn.all(FOR_ORDER, args![user, shipping, billing]).await?)
}
