//! SQL of products as they are read: one row a variant. What writes them, their words and the conditions of lists are
//! beside it.

mod filtered;
mod search;
mod write;

use std::collections::HashMap;

use db::{Conn, Engine, Select, Value};

pub(in crate::catalog) use filtered::filtered;
pub(super) use filtered::identity;
use filtered::{facts, walked};
use search::search_table;
pub(super) use search::{
    Texts, forget_words, has_forgotten_words, is_rare, learn_words, texts_behind, write_words,
};
pub(super) use write::{
    Written, claim, delete_product, drop_variant, hide_product, insert_options, insert_products,
    insert_variants, replace_options, set_slug, update_product, update_variant,
};

use super::filter::Filter;
use super::product::{CategoryLabel, Product, ProductOption, Variant};
use crate::catalog::images;
use crate::catalog::search::Matching;
use crate::clock::Time;
use crate::error::Result;
use crate::ids::{CategoryId, ImageId, ProductId, VariantId};
use crate::paging::{Paging, SortKey, columns, padded, windowed};
use crate::values::Key;

// A page of ids first, from an index alone; then, of these few, everything: one row a variant.
const SHOW: &str = "SELECT p.id, p.name, p.slug, p.description, p.category_id, c.name AS category_name,
    c.slug AS category_slug, p.image_url, p.is_active, p.is_featured, p.price_minor AS lowest_price, p.created_at, p.updated_at,
    v.id AS variant_id, v.sku, v.title, v.options AS choices, v.price_minor, v.image_id, v.is_active AS variant_active,
    (SELECT CAST(COALESCE(SUM(s.on_hand - s.reserved), 0) AS BIGINT) FROM stock_items s WHERE s.variant_id = v.id) AS stock
  FROM (SELECT p.id";

const SHOWN: &str = ") page
  JOIN products p ON p.id = page.id
  JOIN variants v ON v.product_id = p.id
  LEFT JOIN categories c ON c.id = p.category_id";

const OF_ALL: &str = " FROM products p";

const LIST_OPTIONS: &str = "SELECT product_id, name, choices FROM product_options";

const KNOWN_SKUS: &str = "SELECT v.sku, v.product_id, p.name, v.price_minor, p.description, p.image_url, p.category_id,
    c.name AS category_name,
    (SELECT COUNT(*) FROM variants o WHERE o.product_id = v.product_id AND o.is_active = TRUE) AS variants
  FROM variants v JOIN products p ON p.id = v.product_id LEFT JOIN categories c ON c.id = p.category_id";

pub(in crate::catalog) fn statements() -> Vec<&'static str> {
    [&[LIST_OPTIONS, KNOWN_SKUS], write::STATEMENTS].concat()
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
    let page = shown(products(engine, &all).window(1, 0), &sort);
    let newest = newest(engine, SHOW, &all, Some(ProductId(1)), (1, 0), Some(1)).then(SHOWN, []);
    let count = filtered(engine, COUNT, &all);
    let sampled = sampled(engine, &all, (1, 1));
    let mut all = vec![
        search.few.into(),
        search.learn.into(),
        page.sql().into(),
        newest.sql().into(),
        count.sql().into(),
        facts(engine, "SELECT COUNT(*)", &all).sql().into(),
        sampled.sql().into(),
    ];
    all.extend(search.forget.map(str::to_owned));
    if engine == Engine::Sqlite {
        all.extend(search::LEARN_ANEW.map(str::to_owned));
    }
    all
}

const COUNT: &str = "SELECT COUNT(*) FROM products p";

fn facts_of_hits(engine: Engine, filter: &Filter) -> Select {
    let in_stock = search_table(engine).in_stock;
    let select = format!("SELECT p.category_id, p.price_minor, {in_stock} AS in_stock");
    facts(engine, &select, filter)
}

// Drawn by a scrambled id, so that the part is even however products came and were dealt into categories. Scrambled
// twice: multiples of the golden section alone gather where the step is a Fibonacci number. No step exceeds 64 bits.
fn sampled(engine: Engine, filter: &Filter, (part, count): (i64, i64)) -> Select {
    let id = match filter.search {
        Some(_) => search_table(engine).fact_id,
        None => "p.id",
    };
    let scrambled = format!("((({id} % 1048576) * 2654435769) % 4294967296) / 4096 * 2654435769");
    let below = (1i64 << 32) / count.max(1) * part;
    facts_of_hits(engine, filter).filter(&format!("({scrambled}) % 4294967296 < ?"), [below.into()])
}

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
        products(engine, &walked(engine, filter, sort)),
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
    let page = products(engine, filter)
        .order(&columns(sort))
        .window(limit, 0);
    read(conn, shown(page, sort)).await
}

pub(super) async fn find_product(conn: &Conn, key: &Key) -> Result<Option<Product>> {
    let (column, value) = match key {
        Key::Id(id) => ("p.id = ?", Value::from(*id)),
        Key::Name(slug) => ("p.slug = ?", Value::from(slug)),
    };
    let found = Select::new(&format!("{SHOW}{OF_ALL}"))
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
    window: (i64, i64),
    count: Option<i64>,
) -> Result<Vec<Product>> {
    let page = newest(engine, SHOW, filter, after, window, count);
    read(conn, shown(page, &[super::filter::BY_ID.desc()])).await
}

/// As [`next_products`], their ids only.
pub(super) async fn next_ids(
    conn: &Conn,
    engine: Engine,
    filter: &Filter,
    after: Option<ProductId>,
    window: (i64, i64),
) -> Result<Vec<ProductId>> {
    let page = newest(engine, "SELECT p.id", filter, after, window, None);
    Ok(page.all(conn).await?)
}

/// Of a list that is shorter, PostgreSQL shall not look for the words by going through the whole catalog.
const MANY: i64 = 5_000;

/// A page of what is searched for. SQLite finds it in this order, and stops when the page is full.
fn newest(
    engine: Engine,
    select: &str,
    filter: &Filter,
    after: Option<ProductId>,
    (limit, skip): (i64, i64),
    count: Option<i64>,
) -> Select {
    let id = match engine {
        Engine::Postgres if count.is_some_and(|count| count < MANY) => "(p.id + 0)",
        _ => search_table(engine).fact_id,
    };
    facts(engine, select, filter)
        .filter_some(&format!("{id} < ?"), after)
        .order(&format!("{id} DESC"))
        .window(limit, skip)
}

/// Up to `limit` of those that a filter lets through.
pub(super) async fn hits(
    conn: &Conn,
    engine: Engine,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Hit>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(facts_of_hits(engine, filter)
        .window(limit, 0)
        .all(conn)
        .await?)
}

/// About `part` of the `count` that a filter lets through, from everywhere among them.
pub(super) async fn sample(
    conn: &Conn,
    engine: Engine,
    filter: &Filter,
    part: (i64, i64),
) -> Result<Vec<Hit>> {
    Ok(sampled(engine, filter, part).all(conn).await?)
}

pub(super) async fn count_products(conn: &Conn, engine: Engine, filter: &Filter) -> Result<i64> {
    let count = match filter.search {
        Some(_) => facts(engine, "SELECT COUNT(*)", filter),
        None => filtered(engine, COUNT, filter),
    };
    Ok(count.one(conn).await?)
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

fn products(engine: Engine, filter: &Filter) -> Select {
    filtered(engine, &format!("{SHOW}{OF_ALL}"), filter)
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
