//! SQL of products, their options, variants and search words.

use std::collections::HashMap;

use db::{Conn, DbError, Engine, Select, Tx, Value, args, args_vec};
use futures_util::future::try_join_all;
use sha2::{Digest, Sha256};

use super::filter::Filter;
use super::plan::PlannedVariant;
use super::product::{CategoryLabel, Product, ProductOption, Variant};
use crate::catalog::memory::CountOf;
use crate::catalog::search::{Matching, Words};
use crate::catalog::{images, spelling};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::{CategoryId, ImageId, ProductId, VariantId};
use crate::paging::{Paging, SortKey, columns, padded, windowed};
use crate::values::Key;

// A page of ids first, from an index alone; then, of these few, everything: one row a variant.
const SHOW: &str = "SELECT p.id, p.name, p.slug, p.description, p.category_id, c.name AS category_name,
    c.slug AS category_slug, p.image_url, p.is_active, p.is_featured, p.price_minor AS lowest_price, p.created_at, p.updated_at,
    v.id AS variant_id, v.sku, v.title, v.options AS choices, v.price_minor, v.image_id, v.is_active AS variant_active,
    (SELECT CAST(COALESCE(SUM(s.on_hand - s.reserved), 0) AS BIGINT) FROM stock_items s WHERE s.variant_id = v.id) AS stock
  FROM (SELECT p.id FROM products p";
const SHOWN: &str = ") page
  JOIN products p ON p.id = page.id
  JOIN variants v ON v.product_id = p.id
  LEFT JOIN categories c ON c.id = p.category_id";

const LIST_OPTIONS: &str = "SELECT product_id, name, choices FROM product_options";

const KNOWN_SKUS: &str = "SELECT v.sku, v.product_id, p.name, v.price_minor, p.description, p.image_url, p.category_id,
    c.name AS category_name,
    (SELECT COUNT(*) FROM variants o WHERE o.product_id = v.product_id AND o.is_active = TRUE) AS variants
  FROM variants v JOIN products p ON p.id = v.product_id LEFT JOIN categories c ON c.id = p.category_id";

const CLAIM: &str = "UPDATE products SET version = version + 1, updated_at = $3
  WHERE id = CAST($1 AS BIGINT) OR slug = CAST($2 AS TEXT) RETURNING id";

const INSERT: &str =
    "INSERT INTO products (name, slug, description, category_id, image_url, is_active, is_featured, price_minor,
    created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id";

const UPDATE: &str =
    "UPDATE products SET name = $2, slug = $3, description = $4, category_id = $5, image_url = $6,
    is_active = $7, is_featured = $8, price_minor = $9 WHERE id = $1";

const SET_SLUG: &str = "UPDATE products SET slug = $2 WHERE id = $1";

const HIDE: &str = "UPDATE products SET is_active = FALSE WHERE id = $1";

const DELETE: &str = "DELETE FROM products WHERE id = $1
  AND NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.product_id = $1)";

const DELETE_OPTIONS: &str = "DELETE FROM product_options WHERE product_id = $1";

const INSERT_OPTION: &str =
    "INSERT INTO product_options (product_id, position, name, choices) VALUES ($1, $2, $3, $4)";

const INSERT_VARIANT: &str =
    "INSERT INTO variants (product_id, position, sku, title, options, price_minor, image_id, is_active,
    created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id";

const UPDATE_VARIANT: &str =
    "UPDATE variants SET position = $2, sku = $3, title = $4, options = $5, price_minor = $6,
    image_id = $7, is_active = $8, updated_at = $9 WHERE id = $1";

const HIDE_VARIANT: &str =
    "UPDATE variants SET is_active = FALSE, position = 9999, updated_at = $2 WHERE id = $1";

const DELETE_VARIANT: &str = "DELETE FROM variants WHERE id = $1
  AND NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.variant_id = $1)";

pub(in crate::catalog) const STATEMENTS: &[&str] = &[
    LIST_OPTIONS,
    KNOWN_SKUS,
    CLAIM,
    INSERT,
    UPDATE,
    SET_SLUG,
    HIDE,
    DELETE,
    DELETE_OPTIONS,
    INSERT_OPTION,
    INSERT_VARIANT,
    UPDATE_VARIANT,
    HIDE_VARIANT,
    DELETE_VARIANT,
];

/// The search table differs: FTS5 on SQLite, a column of lexemes on PostgreSQL. Both get words of ours as they are.
struct SearchTable {
    /// Are there so many at all, whoever may see them?
    few: &'static str,
    matches: &'static str,
    forget: &'static str,
    learn: &'static str,
}

const SQLITE_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT rowid FROM product_search WHERE product_search MATCH $1 LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT rowid FROM product_search WHERE product_search MATCH ?)",
    forget: "DELETE FROM product_search WHERE rowid = $1",
    learn: "INSERT INTO product_search (rowid, title, body) VALUES ($1, $2, $3)",
};

const POSTGRES_SEARCH: SearchTable = SearchTable {
    few: "SELECT COUNT(*) FROM (SELECT f.product_id FROM product_search f
      WHERE f.words @@ CAST(CAST($1 AS TEXT) AS tsquery) LIMIT $2) some_of_them",
    matches: "p.id IN (SELECT f.product_id FROM product_search f WHERE f.words @@ CAST(CAST(? AS TEXT) AS tsquery))",
    forget: "DELETE FROM product_search WHERE product_id = $1",
    learn: "INSERT INTO product_search (product_id, words) VALUES ($1, CAST(CAST($2 AS TEXT) AS tsvector))",
};

fn search_table(engine: Engine) -> &'static SearchTable {
    match engine {
        Engine::Sqlite => &SQLITE_SEARCH,
        Engine::Postgres => &POSTGRES_SEARCH,
    }
}

/// Statements of one engine only, and the list with every filter.
pub(in crate::catalog) fn statements_of(engine: Engine) -> Vec<String> {
    let search = search_table(engine);
    let all = Filter {
        ids: Some(vec![ProductId(1)]),
        is_active: Some(true),
        is_featured: Some(true),
        search: Some(Matching::anywhere(engine, &["a".to_owned()])),
        categories: Some(vec![CategoryId(1)]),
        min_price: Some(1),
        max_price: Some(2),
        in_stock: Some(true),
        stock_below: Some(1),
        walked: false,
    };
    let sort = [
        SortKey::number("p.price_minor").desc(),
        super::filter::BY_ID,
    ];
    let page = shown(filtered(engine, SHOW, &all).window(1, 0), &sort);
    let count = filtered(engine, COUNT, &all);
    let hits = filtered(engine, HITS, &all);
    vec![
        hits.sql().into(),
        search.few.into(),
        search.forget.into(),
        search.learn.into(),
        page.sql().into(),
        count.sql().into(),
    ]
}

const COUNT: &str = "SELECT COUNT(*) FROM products p";

const HITS: &str = "SELECT p.category_id, p.price_minor,
    EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = p.id AND v.is_active = TRUE AND s.on_hand > s.reserved) AS in_stock
  FROM products p";

db::record! {
    /// What facets are made of.
    pub(super) struct Hit {
        pub(super) category_id: Option<CategoryId>,
        pub(super) price_minor: i64,
        pub(super) in_stock: bool,
    }
}

db::record! {
    struct Row {
        id: ProductId,
        name: String,
        slug: String,
        description: String,
        category_id: Option<CategoryId>,
        category_name: Option<String>,
        category_slug: Option<String>,
        image_url: Option<String>,
        is_active: bool,
        is_featured: bool,
        lowest_price: i64,
        created_at: Time,
        updated_at: Time,
        variant_id: VariantId,
        sku: Option<String>,
        title: String,
        choices: String,
        price_minor: i64,
        image_id: Option<ImageId>,
        variant_active: bool,
        stock: i64,
    }
}

/// A page of products, with one more where there is one.
pub(super) async fn list_products(
    conn: &Conn,
    engine: Engine,
    filter: &Filter,
    sort: &[SortKey],
    paging: &Paging,
) -> Result<Vec<Product>> {
    let page = windowed(
        filtered(engine, SHOW, &walked(engine, filter, sort)),
        sort,
        paging,
    )?;
    read(conn, shown(page, sort)).await
}

pub(super) async fn top_products(
    conn: &Conn,
    engine: Engine,
    filter: &Filter,
    sort: &[SortKey],
    limit: i64,
) -> Result<Vec<Product>> {
    let page = filtered(engine, SHOW, filter)
        .order(&columns(sort))
        .window(limit, 0);
    read(conn, shown(page, sort)).await
}

pub(super) async fn find_product(conn: &Conn, key: &Key) -> Result<Option<Product>> {
    let (column, value) = match key {
        Key::Id(id) => ("p.id = ?", Value::from(*id)),
        Key::Name(slug) => ("p.slug = ?", Value::from(slug)),
    };
    let found = Select::new(SHOW)
        .filter(column, [value])
        .then(SHOWN, [])
        .order("v.position, v.id");
    Ok(read(conn, found).await?.pop())
}

/// The next of those that match in one way, the newest first: those behind `after`, or behind the first `skip`.
pub(super) async fn next_products(
    conn: &Conn,
    engine: Engine,
    filter: &Filter,
    after: Option<ProductId>,
    (limit, skip): (i64, i64),
) -> Result<Vec<Product>> {
    let sort = [super::filter::BY_ID.desc()];
    let page = filtered(engine, SHOW, filter)
        .filter_some("p.id < ?", after)
        .order(&columns(&sort))
        .window(limit, skip);
    read(conn, shown(page, &sort)).await
}

/// Does fewer than `few` match?
pub(super) async fn is_rare(
    conn: &Conn,
    engine: Engine,
    matching: &Matching,
    few: i64,
) -> Result<bool> {
    let found: i64 = conn
        .one(search_table(engine).few, args![matching.0.as_str(), few])
        .await?;
    Ok(found < few)
}

/// Up to `limit` of those that a filter lets through.
pub(super) async fn hits(
    conn: &Conn,
    engine: Engine,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Hit>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(filtered(engine, HITS, filter)
        .window(limit, 0)
        .all(conn)
        .await?)
}

pub(super) async fn count_products(conn: &Conn, engine: Engine, filter: &Filter) -> Result<i64> {
    Ok(filtered(engine, COUNT, filter).one(conn).await?)
}

/// The text and arguments of a filter: what a count is remembered under.
pub(super) fn identity(engine: Engine, filter: &Filter) -> CountOf {
    let select = filtered(engine, "", filter);
    Sha256::digest(format!("{}{:?}", select.sql(), select.args())).into()
}

db::record! {
    /// What stands in the catalog under a SKU.
    pub(super) struct KnownSku {
        pub(super) sku: String,
        pub(super) product_id: ProductId,
        pub(super) name: String,
        pub(super) price_minor: i64,
        pub(super) description: String,
        pub(super) image_url: Option<String>,
        pub(super) category_id: Option<CategoryId>,
        pub(super) category_name: Option<String>,
        /// How many variants for sale the product has.
        pub(super) variants: i64,
    }
}

/// Those of the SKUs that are there.
pub(super) async fn known_skus(
    conn: &Conn,
    skus: impl Iterator<Item = &str>,
) -> Result<HashMap<String, KnownSku>> {
    let skus: Vec<&str> = skus.collect();
    let found = Select::new(KNOWN_SKUS)
        .filter_in("v.sku", padded(&skus))
        .all::<KnownSku>(conn)
        .await?;
    Ok(found
        .into_iter()
        .map(|known| (known.sku.clone(), known))
        .collect())
}

/// Locks a product until the transaction ends, so that nobody else writes it meanwhile.
pub(super) async fn claim(tx: &Tx, key: &Key, now: Time) -> Result<Option<ProductId>> {
    let [id, slug] = crate::catalog::key_args(key);
    Ok(tx.optional(CLAIM, &[id, slug, now.into()]).await?)
}

/// The columns that a product has of its own.
pub(super) struct Written<'a> {
    pub(super) name: &'a str,
    pub(super) slug: &'a str,
    pub(super) description: &'a str,
    pub(super) category: Option<CategoryId>,
    pub(super) image_url: Option<&'a str>,
    pub(super) is_active: bool,
    pub(super) is_featured: bool,
    pub(super) price_minor: i64,
}

/// Inserts many products at once; ids in their order.
pub(super) async fn insert_products(
    tx: &Tx,
    products: &[Written<'_>],
    now: Time,
) -> Result<Vec<ProductId>> {
    let rows: Vec<Vec<Value>> = products
        .iter()
        .map(|p| {
            args_vec![
                p.name,
                p.slug,
                p.description,
                p.category,
                p.image_url,
                p.is_active,
                p.is_featured,
                p.price_minor,
                now
            ]
        })
        .collect();
    Ok(try_join_all(rows.iter().map(|row| tx.one(INSERT, row))).await?)
}

pub(super) async fn update_product(tx: &Tx, id: ProductId, p: &Written<'_>) -> Result<()> {
    let columns = args![
        id,
        p.name,
        p.slug,
        p.description,
        p.category,
        p.image_url,
        p.is_active,
        p.is_featured,
        p.price_minor
    ];
    tx.execute(UPDATE, columns).await?;
    Ok(())
}

pub(super) async fn set_slug(tx: &Tx, id: ProductId, slug: &str) -> Result<()> {
    tx.execute(SET_SLUG, args![id, slug]).await?;
    Ok(())
}

pub(super) async fn hide_product(tx: &Tx, id: ProductId) -> Result<()> {
    tx.execute(HIDE, args![id]).await?;
    Ok(())
}

/// Whether it was erased: not when an order names it.
pub(super) async fn delete_product(tx: &Tx, id: ProductId) -> Result<bool> {
    Ok(ordered_meanwhile(tx.execute(DELETE, args![id]).await)? == 1)
}

pub(super) async fn replace_options(
    tx: &Tx,
    id: ProductId,
    options: &[ProductOption],
) -> Result<()> {
    tx.execute(DELETE_OPTIONS, args![id]).await?;
    insert_options(tx, &[(id, options)]).await
}

pub(super) async fn insert_options(tx: &Tx, of: &[(ProductId, &[ProductOption])]) -> Result<()> {
    let rows: Vec<Vec<Value>> = of
        .iter()
        .flat_map(|(id, options)| {
            options
                .iter()
                .zip(0i64..)
                .map(|(option, at)| args_vec![*id, at, &option.name, texts(&option.choices)])
        })
        .collect();
    if !rows.is_empty() {
        tx.execute_each(INSERT_OPTION, &rows).await?;
    }
    Ok(())
}

/// Inserts variants of any products; ids in their order.
pub(super) async fn insert_variants(
    tx: &Tx,
    variants: &[(ProductId, i64, &PlannedVariant)],
    now: Time,
) -> Result<Vec<VariantId>> {
    let rows: Vec<Vec<Value>> = variants
        .iter()
        .map(|&(product, position, v)| {
            let sku = v.sku.as_deref();
            args_vec![
                product,
                position,
                sku,
                &v.title,
                texts(&v.choices),
                v.price_minor,
                v.image,
                v.is_active,
                now
            ]
        })
        .collect();
    // Answers come in the order of the rows: the first that is refused says whose SKU it was, and ends it.
    let inserted = rows
        .iter()
        .zip(variants)
        .map(async |(row, (_, _, variant))| {
            let id = tx.one(INSERT_VARIANT, row).await;
            id.map_err(|error| taken(error, variant))
        });
    try_join_all(inserted).await
}

pub(super) async fn update_variant(
    tx: &Tx,
    id: VariantId,
    position: i64,
    v: &PlannedVariant,
    now: Time,
) -> Result<()> {
    let sku = v.sku.as_deref();
    let columns = args![
        id,
        position,
        sku,
        &v.title,
        texts(&v.choices),
        v.price_minor,
        v.image,
        v.is_active,
        now
    ];
    tx.execute(UPDATE_VARIANT, columns)
        .await
        .map_err(|error| taken(error, v))?;
    Ok(())
}

/// Erases a variant, or hides it when an order names it.
pub(super) async fn drop_variant(tx: &Tx, id: VariantId, now: Time) -> Result<()> {
    if ordered_meanwhile(tx.execute(DELETE_VARIANT, args![id]).await)? == 0 {
        tx.execute(HIDE_VARIANT, args![id, now]).await?;
    }
    Ok(())
}

/// Makes products findable by these words, and no longer by those of before.
pub(super) async fn learn_words(
    tx: &Tx,
    engine: Engine,
    words: &[(ProductId, Words)],
) -> Result<()> {
    let table = search_table(engine);
    let ids: Vec<Vec<Value>> = words.iter().map(|&(id, _)| args_vec![id]).collect();
    let rows: Vec<Vec<Value>> = words
        .iter()
        .map(|(id, words)| match engine {
            Engine::Sqlite => args_vec![*id, &words.title, &words.body],
            Engine::Postgres => args_vec![*id, words.as_vector()],
        })
        .collect();
    tx.execute_each(table.forget, &ids).await?;
    tx.execute_each(table.learn, &rows).await?;
    spelling::learn(tx, words.iter().flat_map(|(_, words)| words.all())).await
}

pub(super) async fn forget_words(tx: &Tx, engine: Engine, id: ProductId) -> Result<()> {
    tx.execute(search_table(engine).forget, args![id]).await?;
    Ok(())
}

/// SQLite keeps no statistics and takes any limit on the price for a narrow one: it would read and sort most of the
/// table. With a limit on one side only, a page in another order is found by walking in that order.
fn walked(engine: Engine, filter: &Filter, sort: &[SortKey]) -> Filter {
    let one_sided = filter.min_price.is_some() != filter.max_price.is_some();
    let by_price = sort
        .first()
        .is_some_and(|key| key.column == "p.price_minor");
    Filter {
        walked: engine == Engine::Sqlite && one_sided && !by_price,
        ..filter.clone()
    }
}

pub(in crate::catalog) fn filtered(engine: Engine, head: &str, filter: &Filter) -> Select {
    // OFFSET keeps PostgreSQL from making a join of it, so that a page ends as soon as it is full.
    const STOCK: &str = "EXISTS (SELECT 1 FROM variants v JOIN stock_items s ON s.variant_id = v.id
      WHERE v.product_id = p.id AND v.is_active = TRUE AND s.on_hand > s.reserved
      LIMIT 1 OFFSET 0)";
    const BELOW: &str = "(SELECT CAST(COALESCE(SUM(s.on_hand - s.reserved), 0) AS BIGINT) FROM variants v
      JOIN stock_items s ON s.variant_id = v.id WHERE v.product_id = p.id AND v.is_active = TRUE) < ?";
    let mut select = Select::new(head);
    match filter.is_active {
        Some(true) => select = select.filter("p.is_active = TRUE", []),
        Some(false) => select = select.filter("p.is_active = FALSE", []),
        None => {}
    }
    match filter.is_featured {
        Some(true) => select = select.filter("p.is_featured = TRUE", []),
        Some(false) => select = select.filter("p.is_featured = FALSE", []),
        None => {}
    }
    match filter.categories.as_deref() {
        None => {}
        Some([only]) => select = select.filter("p.category_id = ?", [only.into()]),
        // Beyond what a statement may have of arguments; numbers of ours are safe to write out.
        Some(ids) if ids.len() > 4096 => {
            let list: Vec<String> = ids.iter().map(CategoryId::to_string).collect();
            select = select.filter(&format!("p.category_id IN ({})", list.join(",")), []);
        }
        Some(ids) => select = select.filter_in("p.category_id", padded(ids)),
    }
    let price = if filter.walked {
        "+p.price_minor"
    } else {
        "p.price_minor"
    };
    select = select
        .filter_some(&format!("{price} >= ?"), filter.min_price)
        .filter_some(&format!("{price} <= ?"), filter.max_price);
    match filter.in_stock {
        Some(true) => select = select.filter(STOCK, []),
        Some(false) => select = select.filter(&format!("NOT {STOCK}"), []),
        None => {}
    }
    select = select.filter_some(BELOW, filter.stock_below);
    if let Some(Matching(query)) = &filter.search {
        select = match query.as_str() {
            "" => select.filter("1 = 0", []),
            query => select.filter(search_table(engine).matches, [query.into()]),
        };
    }
    match &filter.ids {
        Some(ids) => select.filter_in("p.id", padded(ids)),
        None => select,
    }
}

fn shown(page: Select, sort: &[SortKey]) -> Select {
    page.then(SHOWN, [])
        .order(&format!("{}, v.position, v.id", columns(sort)))
}

async fn read(conn: &Conn, select: Select) -> Result<Vec<Product>> {
    let mut products = assemble(select.all::<Row>(conn).await?);
    images::store::attach(conn, &mut products).await?;
    let with_options: Vec<ProductId> = products
        .iter()
        .filter(|product| {
            product
                .variants
                .iter()
                .any(|variant| !variant.choices.is_empty())
        })
        .map(|product| product.id)
        .collect();
    if with_options.is_empty() {
        return Ok(products);
    }
    let options = Select::new(LIST_OPTIONS)
        .filter_in("product_id", padded(&with_options))
        .order("product_id, position");
    let mut of: HashMap<ProductId, Vec<ProductOption>> = HashMap::new();
    for (id, name, choices) in options.all::<(ProductId, String, String)>(conn).await? {
        of.entry(id).or_default().push(ProductOption {
            name,
            choices: texts_of(&choices),
        });
    }
    for product in &mut products {
        product.options = of.remove(&product.id).unwrap_or_default();
    }
    Ok(products)
}

/// Rows of one product stand together.
fn assemble(rows: Vec<Row>) -> Vec<Product> {
    let mut products: Vec<Product> = Vec::with_capacity(rows.len());
    for row in rows {
        let variant = Variant {
            id: row.variant_id,
            sku: row.sku,
            title: row.title,
            choices: texts_of(&row.choices),
            price_minor: row.price_minor,
            image_id: row.image_id,
            is_active: row.variant_active,
            stock: row.stock,
        };
        match products.last_mut() {
            Some(product) if product.id == row.id => product.variants.push(variant),
            _ => {
                let category = match (row.category_id, row.category_name, row.category_slug) {
                    (Some(id), Some(name), Some(slug)) => Some(CategoryLabel { id, name, slug }),
                    _ => None,
                };
                products.push(Product {
                    id: row.id,
                    name: row.name,
                    slug: row.slug,
                    description: row.description,
                    category,
                    image_url: row.image_url,
                    images: Vec::new(),
                    is_active: row.is_active,
                    is_featured: row.is_featured,
                    price_minor: row.lowest_price,
                    options: Vec::new(),
                    variants: vec![variant],
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                });
            }
        }
    }
    products
}

fn texts(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}

fn texts_of(json: &str) -> Vec<String> {
    if json == "[]" {
        Vec::new()
    } else {
        serde_json::from_str(json).unwrap_or_default()
    }
}

fn taken(error: DbError, variant: &PlannedVariant) -> Error {
    if error.is_unique("variants.sku") {
        let sku = variant.sku.as_deref().unwrap_or_default();
        Error::duplicate(
            "sku",
            format!("A product with the SKU \"{sku}\" already exists."),
        )
    } else {
        error.into()
    }
}

/// Somebody ordered it between the look and the deletion: the transaction is tried again, and looks again.
fn ordered_meanwhile(result: db::Result<u64>) -> db::Result<u64> {
    result.map_err(|error| match error {
        DbError::ForeignKey(name) => DbError::Conflict(name.into()),
        other => other,
    })
}
