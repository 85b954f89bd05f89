//! Looks at products: one, a page of them, those that stand out.

use db::Value;

use super::filter::{BY_ID, Filter, SORTABLE};
use super::product::Product;
use super::store;
use crate::app::App;
use crate::catalog::memory;
use crate::error::{Error, Result};
use crate::paging::{self, Page, Paging, SortKey};
use crate::values::Key;

const MAX_FEATURED: i64 = 10;

/// A page of the products that `filter` lets through, in the category `category` or below it.
pub(super) async fn list_products(
    app: &App,
    mut filter: Filter,
    category: Option<&Key>,
    ordering: Option<&str>,
    paging: &Paging,
) -> Result<Page<Product>> {
    let sort = paging::ordering(ordering, SORTABLE, &[BY_ID.desc()], BY_ID)?;
    let catalog = memory::current(app).await?;
    if let Some(category) = category {
        filter.categories = Some(catalog.tree.subtree(category));
    }
    let engine = app.db.engine();
    let conn = app.db.replica().await?;
    let products = store::list_products(&conn, engine, &filter, &sort, paging).await?;
    let count = if paging.wants_count() {
        let name = store::identity(engine, &filter);
        let moves_with_stock = filter.in_stock.is_some() || filter.stock_below.is_some();
        catalog
            .count(
                app,
                name,
                moves_with_stock,
                store::count_products(&conn, engine, &filter),
            )
            .await?
    } else {
        0
    };
    paging.page(products, count, |product| {
        sort.iter().map(|key| key_of(product, key)).collect()
    })
}

/// By id, else by slug; hidden ones too when asked for.
pub(in crate::catalog) async fn find_product(
    app: &App,
    key: &Key,
    hidden_too: bool,
) -> Result<Product> {
    let conn = app.db.replica().await?;
    let found = store::find_product(&conn, key).await?;
    found
        .filter(|product| product.is_active || hidden_too)
        .ok_or_else(Error::not_found)
}

/// Those marked as featured, then the newest: at most ten.
pub(super) async fn featured_products(app: &App) -> Result<Vec<Product>> {
    let conn = app.db.replica().await?;
    let engine = app.db.engine();
    let marked = Filter {
        is_active: Some(true),
        is_featured: Some(true),
        ..Filter::default()
    };
    let mut products =
        store::top_products(&conn, engine, &marked, &[BY_ID.desc()], MAX_FEATURED).await?;
    let missing = MAX_FEATURED - i64::try_from(products.len()).unwrap_or(MAX_FEATURED);
    if missing > 0 {
        let others = Filter {
            is_active: Some(true),
            is_featured: Some(false),
            ..Filter::default()
        };
        products
            .extend(store::top_products(&conn, engine, &others, &[BY_ID.desc()], missing).await?);
    }
    Ok(products)
}

/// Active products of which less than the shop's threshold can be sold, oldest first.
pub(super) async fn low_stock_products(app: &App, paging: &Paging) -> Result<Page<Product>> {
    let stock_below = Some(app.config.low_stock_threshold);
    let filter = Filter {
        is_active: Some(true),
        stock_below,
        ..Filter::default()
    };
    list_products(app, filter, None, Some("id"), paging).await
}

fn key_of(product: &Product, key: &SortKey) -> Value {
    match key.column {
        "p.price_minor" => product.price_minor.into(),
        "p.created_at" => product.created_at.into(),
        "p.name" => (&product.name).into(),
        _ => product.id.into(),
    }
}
