//! All SQL of carts.

use db::{Conn, Db, Retryable, Tx, args, args_vec};
use futures_util::try_join;

use super::add_item::AddItem;
use super::cart::{CartLine, Limits, Owner};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{CartId, CartLineId, ProductId, UserId, VariantId};

/// One statement in two texts: by user and by token. `$1` is the owner in both.
struct Owned {
    user: &'static str,
    guest: &'static str,
}

macro_rules! owned {
    ($first:literal $(OWNER $more:literal)+) => {
        Owned {
            user: concat!($first $(, "user_id", $more)+),
            guest: concat!($first $(, "token_hash", $more)+),
        }
    };
}

impl Owned {
    const fn by(&self, owner: Owner) -> &'static str {
        match owner {
            Owner::User(_) => self.user,
            Owner::Guest(_) => self.guest,
        }
    }
}

const OPEN_USER_CART: &str =
    "INSERT INTO carts (user_id, created_at, updated_at) VALUES ($1, $2, $2)
  ON CONFLICT (user_id) DO UPDATE SET version = carts.version + 1, updated_at = $2 RETURNING id";

const OPEN_GUEST_CART: &str =
    "INSERT INTO carts (token_hash, created_at, updated_at) VALUES ($1, $2, $2) RETURNING id";

const TOUCH_CART: Owned = owned!("UPDATE carts SET version = version + 1, updated_at = $2 WHERE " OWNER " = $1 RETURNING id");

const FIND_CART: Owned = owned!("SELECT id FROM carts WHERE " OWNER " = $1");

// Exactly one variant must fit: the one named, or the only one on sale.
const ADD_LINE: Owned = owned!("INSERT INTO cart_lines (cart_id, variant_id, quantity, added_at)
  SELECT c.id, v.id, CAST($4 AS BIGINT), CAST($5 AS BIGINT)
  FROM carts c CROSS JOIN products p JOIN variants v ON v.product_id = p.id
  WHERE c." OWNER " = $1 AND p.id = $2 AND p.is_active = TRUE AND v.is_active = TRUE
    AND (v.id = $3 OR (CAST($3 AS BIGINT) IS NULL AND NOT EXISTS (SELECT 1 FROM variants o
      WHERE o.product_id = p.id AND o.is_active = TRUE AND o.id <> v.id)))
  ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = cart_lines.quantity + excluded.quantity
  RETURNING id, quantity");

// On PostgreSQL all of an addition that nothing speaks against is one statement without a transaction around it: it
// sees one snapshot, so it writes only if nobody has touched the cart since. What it asks for are the rules of
// `Cart::check_line`. It answers with the lines, or with none when it wrote nothing.
const ADD_AT_ONCE: Owned = owned!("WITH lies AS MATERIALIZED (SELECT l.id, l.cart_id, l.variant_id, l.quantity, l.added_at,
    v.product_id, p.name AS product_name, p.slug, p.image_url, v.title AS variant_title, v.sku, v.price_minor,
    p.is_active AND v.is_active AS is_active, COALESCE(s.on_hand - s.reserved, 0) AS available
  FROM carts c JOIN cart_lines l ON l.cart_id = c.id JOIN variants v ON v.id = l.variant_id
  JOIN products p ON p.id = v.product_id
  LEFT JOIN stock_items s ON s.variant_id = l.variant_id AND s.location_id = 1
  WHERE c." OWNER " = $1),
wanted AS MATERIALIZED (SELECT c.id AS cart_id, c.version, v.id AS variant_id, v.product_id, p.name AS product_name, p.slug,
    p.image_url, v.title AS variant_title, v.sku, v.price_minor, s.on_hand - s.reserved AS available
  FROM carts c CROSS JOIN products p JOIN variants v ON v.product_id = p.id
  JOIN stock_items s ON s.variant_id = v.id AND s.location_id = 1
  WHERE c." OWNER " = $1 AND p.id = $2 AND p.is_active = TRUE AND v.is_active = TRUE
    AND (v.id = $3 OR (CAST($3 AS BIGINT) IS NULL AND NOT EXISTS (SELECT 1 FROM variants o
      WHERE o.product_id = p.id AND o.is_active = TRUE AND o.id <> v.id)))
    AND (SELECT COUNT(*) FILTER (WHERE l.variant_id <> v.id) < CAST($7 AS BIGINT)
      AND COALESCE(SUM(l.quantity) FILTER (WHERE l.variant_id = v.id), 0) + CAST($4 AS BIGINT)
        <= LEAST(CAST($6 AS BIGINT), s.on_hand - s.reserved)
      AND COALESCE(SUM(CAST(l.price_minor AS NUMERIC) * l.quantity), 0) + CAST(v.price_minor AS NUMERIC) * CAST($4 AS BIGINT)
        <= 9223372036854775807 FROM lies l)),
held AS (UPDATE carts c SET version = c.version + 1, updated_at = $5 FROM wanted w
  WHERE c.id = w.cart_id AND c.version = w.version RETURNING c.id),
written AS (INSERT INTO cart_lines (cart_id, variant_id, quantity, added_at)
  SELECT h.id, w.variant_id, CAST($4 AS BIGINT), CAST($5 AS BIGINT) FROM held h CROSS JOIN wanted w
  ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = cart_lines.quantity + excluded.quantity
  RETURNING id, cart_id, variant_id, quantity, added_at)
SELECT l.id, l.cart_id, l.variant_id, l.quantity, l.added_at, w.product_id, w.product_name, w.slug, w.image_url,
    w.variant_title, w.sku, w.price_minor, TRUE AS is_active, w.available
  FROM written l CROSS JOIN wanted w
UNION ALL SELECT lies.* FROM lies JOIN written l ON l.variant_id <> lies.variant_id
ORDER BY id");

const FIND_VARIANTS_ON_SALE: &str =
    "SELECT v.id FROM products p JOIN variants v ON v.product_id = p.id
  WHERE p.id = $1 AND p.is_active = TRUE AND v.is_active = TRUE ORDER BY v.position, v.id";

const LIST_LINES: Owned = owned!("SELECT l.id AS id, l.cart_id AS cart_id, l.variant_id AS variant_id,
    l.quantity AS quantity, l.added_at AS added_at, v.product_id AS product_id, p.name AS product_name,
    p.slug AS slug, p.image_url AS image_url, v.title AS variant_title, v.sku AS sku, v.price_minor AS price_minor,
    (p.is_active AND v.is_active) AS is_active, COALESCE(s.on_hand - s.reserved, 0) AS available
  FROM carts c JOIN cart_lines l ON l.cart_id = c.id JOIN variants v ON v.id = l.variant_id
  JOIN products p ON p.id = v.product_id
  LEFT JOIN stock_items s ON s.variant_id = l.variant_id
    AND s.location_id = 1
  WHERE c." OWNER " = $1 ORDER BY l.id");

const SET_QUANTITY: Owned = owned!("UPDATE cart_lines SET quantity = $3
  WHERE id = $2 AND cart_id = (SELECT id FROM carts WHERE " OWNER " = $1)");

const REMOVE_LINE: Owned = owned!("DELETE FROM cart_lines
  WHERE id = $2 AND cart_id = (SELECT id FROM carts WHERE " OWNER " = $1)");

const REMOVE_ALL_LINES: &str = "DELETE FROM cart_lines WHERE cart_id = $1";

const DELETE_CART: &str = "DELETE FROM carts WHERE id = $1";

const PUT_LINE: &str =
    "INSERT INTO cart_lines (cart_id, variant_id, quantity, added_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity";

const LIST_STALE_GUEST_CARTS: &str = "SELECT id FROM carts
  WHERE id > $1 AND token_hash IS NOT NULL AND updated_at < $2 ORDER BY id LIMIT $3";

const DELETE_STALE_CART: &str = "DELETE FROM carts WHERE id = $1 AND updated_at < $2";

/// Statements that only PostgreSQL understands.
pub const ON_POSTGRES: &[&str] = &[ADD_AT_ONCE.user, ADD_AT_ONCE.guest];

pub const STATEMENTS: &[&str] = &[
    OPEN_USER_CART,
    OPEN_GUEST_CART,
    TOUCH_CART.user,
    TOUCH_CART.guest,
    FIND_CART.user,
    FIND_CART.guest,
    ADD_LINE.user,
    ADD_LINE.guest,
    FIND_VARIANTS_ON_SALE,
    LIST_LINES.user,
    LIST_LINES.guest,
    SET_QUANTITY.user,
    SET_QUANTITY.guest,
    REMOVE_LINE.user,
    REMOVE_LINE.guest,
    REMOVE_ALL_LINES,
    DELETE_CART,
    FORGET,
    PUT_LINE,
    LIST_STALE_GUEST_CARTS,
    DELETE_STALE_CART,
];

const FORGET: &str = "DELETE FROM carts WHERE user_id = $1";

/// Deletes the cart of somebody.
pub async fn forget(tx: &Tx, user: UserId) -> Result<()> {
    tx.execute(FORGET, args![user]).await?;
    Ok(())
}

/// Bumps the version of a cart that exists and holds it until the transaction ends.
pub(super) async fn touch_cart(tx: &Tx, owner: Owner, now: Time) -> Result<Option<CartId>> {
    Ok(tx.optional(TOUCH_CART.by(owner), args![owner, now]).await?)
}

/// As [`touch_cart`], and makes the cart of a user who has none.
pub(super) async fn open_user_cart(tx: &Tx, user: UserId, now: Time) -> Result<CartId> {
    Ok(tx.one(OPEN_USER_CART, args![user, now]).await?)
}

/// Makes the cart of a guest under a token that was just drawn.
pub(super) async fn open_guest_cart(tx: &Tx, token_hash: [u8; 32], now: Time) -> Result<CartId> {
    Ok(tx.one(OPEN_GUEST_CART, args![token_hash, now]).await?)
}

pub(super) async fn find_cart(conn: &Conn, owner: Owner) -> Result<Option<CartId>> {
    Ok(conn.optional(FIND_CART.by(owner), args![owner]).await?)
}

/// Adds up; the cart must be held. The line and its quantity then, or nothing when no single variant fits.
pub(super) async fn add_line(
    tx: &Tx,
    owner: Owner,
    product: ProductId,
    variant: Option<VariantId>,
    quantity: i64,
    now: Time,
) -> Result<Option<(CartLineId, i64)>> {
    Ok(tx
        .optional(
            ADD_LINE.by(owner),
            args![owner, product, variant, quantity, now],
        )
        .await?)
}

/// All of an addition at once, if nothing speaks against it: the lines then. `None` when nothing was written, for
/// whatever reason.
pub(super) async fn add_at_once(
    db: &Db,
    owner: Owner,
    item: AddItem,
    limits: Limits,
    now: Time,
) -> Result<Option<Vec<CartLine>>> {
    let most = i64::try_from(limits.lines).unwrap_or(i64::MAX);
    let args = args![
        owner,
        item.product,
        item.variant,
        item.quantity,
        now,
        limits.quantity,
        most,
    ];
    match db.at_once(ADD_AT_ONCE.by(owner), args).await {
        Ok(lines) => Ok(Some(lines).filter(|lines: &Vec<_>| !lines.is_empty())),
        Err(lost) if lost.is_retryable() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn find_variants_on_sale(
    conn: &Conn,
    product: ProductId,
) -> Result<Vec<VariantId>> {
    Ok(conn.all(FIND_VARIANTS_ON_SALE, args![product]).await?)
}

pub(super) async fn list_lines(conn: &Conn, owner: Owner) -> Result<Vec<CartLine>> {
    Ok(conn.all(LIST_LINES.by(owner), args![owner]).await?)
}

pub(super) async fn set_quantity(
    tx: &Tx,
    owner: Owner,
    line: CartLineId,
    quantity: i64,
) -> Result<bool> {
    Ok(tx
        .execute(SET_QUANTITY.by(owner), args![owner, line, quantity])
        .await?
        == 1)
}

pub(super) async fn remove_line(tx: &Tx, owner: Owner, line: CartLineId) -> Result<bool> {
    Ok(tx
        .execute(REMOVE_LINE.by(owner), args![owner, line])
        .await?
        == 1)
}

pub(super) async fn remove_all_lines(tx: &Tx, cart: CartId) -> Result<()> {
    tx.execute(REMOVE_ALL_LINES, args![cart]).await?;
    Ok(())
}

pub(super) async fn delete_cart(tx: &Tx, cart: CartId) -> Result<()> {
    tx.execute(DELETE_CART, args![cart]).await?;
    Ok(())
}

/// Sets lines of a cart that is held to these quantities.
pub(super) async fn put_lines(
    tx: &Tx,
    cart: CartId,
    lines: &[(VariantId, i64)],
    now: Time,
) -> Result<()> {
    let rows: Vec<_> = lines
        .iter()
        .map(|&(variant, quantity)| args_vec![cart, variant, quantity, now])
        .collect();
    tx.execute_each(PUT_LINE, &rows).await?;
    Ok(())
}

/// Holds a cart until the transaction ends and reads all of it: nobody else can order or change it meanwhile.
pub async fn claim_cart(
    tx: &Tx,
    owner: Owner,
    now: Time,
) -> Result<Option<(CartId, Vec<CartLine>)>> {
    let (cart, lines) = try_join!(touch_cart(tx, owner, now), list_lines(tx, owner))?;
    Ok(cart.map(|cart| (cart, lines)))
}

/// Empties a claimed cart for good: a guest's token dies with it.
pub async fn consume_cart(tx: &Tx, owner: Owner, cart: CartId) -> Result<()> {
    match owner {
        Owner::User(_) => remove_all_lines(tx, cart).await,
        Owner::Guest(_) => delete_cart(tx, cart).await,
    }
}

/// Guest carts that nobody has touched since `before`, beyond the id `after`.
pub(super) async fn list_stale_guest_carts(
    conn: &Conn,
    after: CartId,
    before: Time,
    limit: i64,
) -> Result<Vec<CartId>> {
    Ok(conn
        .all(LIST_STALE_GUEST_CARTS, args![after, before, limit])
        .await?)
}

pub(super) async fn delete_stale_carts(tx: &Tx, carts: &[CartId], before: Time) -> Result<u64> {
    let rows: Vec<_> = carts.iter().map(|&cart| args_vec![cart, before]).collect();
    Ok(tx
        .execute_each(DELETE_STALE_CART, &rows)
        .await?
        .into_iter()
        .sum())
}
