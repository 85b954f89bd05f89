//! Looks at products: one, a page of them, those that stand out.

use std::collections::HashMap;
use std::sync::Arc;

use db::{Conn, Engine, Since, Value};
use tokio::sync::OnceCell;

use super::facets::{Facets, facets};
use super::filter::{BY_ID, Filter, NEWEST};
use super::product::Product;
use super::store;
use crate::app::App;
use crate::catalog::memory::{self, Snapshot};
use crate::catalog::search::{self, Matching};
use crate::catalog::search_copy::{self, OpenCopy};
use crate::catalog::spelling;
use crate::error::{Error, Result};
use crate::ids::ProductId;
use crate::paging::{self, Page, Paging, SortKey};
use crate::values::Key;

const MAX_FEATURED: i64 = 10;

/// A search that finds fewer looks for similar words too.
const FEW: i64 = 3;

/// So many products are named to a database that sorts them.
const MOST_NAMED: i64 = 500;

/// What somebody asks the list for.
#[derive(Debug, Default)]
pub(super) struct Listing<'a> {
    pub(super) filter: Filter,
    /// In it or below it.
    pub(super) category: Option<&'a Key>,
    pub(super) search: Option<&'a str>,
    /// Without it: what matches best or, where nothing is searched for, the newest.
    pub(super) ordering: Option<Vec<SortKey>>,
    pub(super) facets: bool,
}

/// A page of products and, where they are asked for, the facets of the whole list.
pub(super) async fn list_products(
    app: &App,
    listing: Listing<'_>,
    paging: &Paging,
) -> Result<(Page<Product>, Option<Arc<Facets>>)> {
    let catalog = memory::current(app).await?;
    let since = app.db.marks().now();
    // A category in an order of its own is gone through by the indexes that the copy has not.
    let is_narrow = listing.category.is_some() || listing.filter.ids.is_some();
    let by_index = listing.filter.stock_below.is_some() || is_narrow && listing.ordering.is_some();
    let copy = match listing.search {
        Some(_) if !by_index => search_copy::in_step(app).await,
        _ => None,
    };
    let view = |copy| View {
        app,
        catalog: &catalog,
        since,
        conn: OnceCell::new(),
        copy,
    };
    let listed = view(copy.as_ref()).list(&listing, paging).await;
    match (listed, &copy) {
        (Err(error), Some(copy)) if copy.has_failed() => {
            tracing::warn!(%error, "a search of the copy failed, it is done without");
            search_copy::failed(app, copy, &error).await;
            view(None).list(&listing, paging).await
        }
        (listed, _) => listed,
    }
}

/// What a list is made from.
struct View<'a> {
    app: &'a App,
    catalog: &'a Snapshot,
    /// A moment before all that is read.
    since: Since,
    /// To the shop's own database, once it is needed: nobody holds one while others search.
    conn: OnceCell<Conn>,
    /// Where words are searched for, if not in the shop's own database.
    copy: Option<&'a OpenCopy>,
}

/// What is known of a whole list, as far as somebody asks for it.
struct Found {
    count: Option<i64>,
    facets: Option<Arc<Facets>>,
}

impl View<'_> {
    async fn list(
        &self,
        listing: &Listing<'_>,
        paging: &Paging,
    ) -> Result<(Page<Product>, Option<Arc<Facets>>)> {
        let engine = self.engine();
        let mut filter = listing.filter.clone();
        if let Some(category) = listing.category {
            filter.categories = Some(self.catalog.tree.subtree(category));
        }
        let words = listing.search.map(search::words_of_query);
        let mut ways = match &words {
            Some(words) => Matching::ways(engine, words, &[]),
            None => Vec::new(),
        };
        filter.search = ways.last().cloned();
        let mut found = self.found(&filter, paging, listing.facets).await?;
        let mut alike = Vec::new();
        if let Some(words) = &words
            && let Some(similar) = self.similar(words, &filter, found.count).await?
        {
            ways = Matching::ways(engine, words, &similar);
            filter.search = ways.last().cloned();
            found = self.found(&filter, paging, listing.facets).await?;
            alike = similar;
        }
        let count = found.count.unwrap_or(0);
        let engine = self.app.db.engine();
        let page = match (&listing.ordering, &words) {
            (None, Some(_)) if ways.len() > 1 => {
                self.best_first(&filter, &ways, paging, found.count).await?
            }
            (ordering, words) => {
                if let (Some(copy), Some(words)) = (self.copy, words) {
                    filter = few_or_words(copy, filter, engine, words, &alike).await?;
                }
                let sort = ordering.as_deref().unwrap_or(NEWEST);
                // What the copy does not say, a replica knows by itself.
                let conn = match self.copy.and(filter.search.as_ref()) {
                    Some(_) => &self.app.db.replica().await?,
                    None => self.conn().await?,
                };
                let products = store::list_products(conn, engine, &filter, sort, paging).await?;
                paging.page(products, count, |product| {
                    sort.iter().map(|key| key_of(product, key)).collect()
                })?
            }
        };
        Ok((page, found.facets))
    }

    async fn conn(&self) -> Result<&Conn> {
        let db = &self.app.db;
        let connect = || async {
            Ok(match self.copy {
                // A replica may not know yet what the copy has found.
                Some(_) => db.read().await?,
                None => db.replica().await?,
            })
        };
        self.conn.get_or_try_init(connect).await
    }

    /// Where words are searched for.
    async fn index(&self) -> Result<&Conn> {
        match self.copy {
            Some(copy) => Ok(&copy.conn),
            None => self.conn().await,
        }
    }

    /// What that is.
    fn engine(&self) -> Engine {
        match self.copy {
            Some(_) => Engine::Sqlite,
            None => self.app.db.engine(),
        }
    }

    /// An answer of it.
    fn of_index<T>(&self, answer: Result<T>) -> Result<T> {
        match self.copy {
            Some(copy) => copy.answered(answer),
            None => answer,
        }
    }

    async fn found(&self, filter: &Filter, paging: &Paging, with_facets: bool) -> Result<Found> {
        let (conn, engine) = (self.index().await?, self.engine());
        let facets = match with_facets {
            true => {
                let found = facets(
                    self.app,
                    (conn, engine, self.since),
                    self.catalog,
                    filter,
                    self.count(filter),
                );
                Some(self.of_index(found.await)?)
            }
            false => None,
        };
        let count = match &facets {
            Some(facets) if !facets.approximate => Some(facets.count),
            None if !paging.wants_count() => None,
            _ => Some(self.count(filter).await?),
        };
        Ok(Found { count, facets })
    }

    /// For each word those that may have been meant, where some are and few products have what was typed.
    async fn similar(
        &self,
        words: &[String],
        filter: &Filter,
        found: Option<i64>,
    ) -> Result<Option<Vec<Vec<String>>>> {
        let Some(matching) = &filter.search else {
            return Ok(None);
        };
        if words.is_empty() || found.is_some_and(|count| count >= FEW) {
            return Ok(None);
        }
        let is_rare = store::is_rare(self.index().await?, self.engine(), matching, FEW);
        if !self.of_index(is_rare.await)? {
            return Ok(None);
        }
        let similar = match self.copy {
            // Not kept while the copy is searched.
            Some(_) => spelling::similar(&self.app.db.read().await?, words).await?,
            None => spelling::similar(self.conn().await?, words).await?,
        };
        Ok(similar
            .iter()
            .any(|words| !words.is_empty())
            .then_some(similar))
    }

    async fn count(&self, filter: &Filter) -> Result<i64> {
        let (conn, engine) = (self.index().await?, self.engine());
        let name = store::identity(engine, filter);
        let moves_with_stock = filter.in_stock.is_some() || filter.stock_below.is_some();
        let count = store::count_products(conn, engine, filter);
        let count = self.catalog.count(self.app, name, moves_with_stock, count);
        self.of_index(count.await)
    }

    /// One way after the other until the page is full. The cursor has the place of the way and the id.
    async fn best_first(
        &self,
        filter: &Filter,
        ways: &[Matching],
        paging: &Paging,
        count: Option<i64>,
    ) -> Result<Page<Product>> {
        let (conn, engine) = (self.index().await?, self.engine());
        let (from, mut after) = match paging.after() {
            None => (0, None),
            Some([Value::Int(way), Value::Int(id)]) => (*way, Some(ProductId(*id))),
            Some(_) => return Err(paging::foreign_cursor()),
        };
        let (mut skip, limit) = (paging.offset(), paging.limit());
        let mut found: Vec<(i64, ProductId, Option<Product>)> = Vec::new();
        for (at, way) in (0i64..).zip(ways).skip(usize::try_from(from).unwrap_or(0)) {
            let place = usize::try_from(at).unwrap_or(0);
            let matching = match place.checked_sub(1).and_then(|before| ways.get(before)) {
                Some(before) => way.but_not(engine, before),
                None => way.clone(),
            };
            let filter = Filter {
                search: Some(matching),
                ..filter.clone()
            };
            if skip > 0 {
                let here = self.count(&filter).await?;
                if skip >= here {
                    skip -= here;
                    continue;
                }
            }
            let missing = limit - i64::try_from(found.len()).unwrap_or(limit);
            let window = (missing, skip);
            if let Some(copy) = self.copy {
                let some = store::next_ids(conn, engine, &filter, after, window).await;
                let some = copy.answered(some)?;
                found.extend(some.into_iter().map(|id| (at, id, None)));
            } else {
                let some =
                    store::next_products(conn, engine, &filter, after, window, count).await?;
                found.extend(some.into_iter().map(|p| (at, p.id, Some(p))));
            }
            (after, skip) = (None, 0);
            if i64::try_from(found.len()).unwrap_or(limit) >= limit {
                break;
            }
        }
        let page = paging.page(found, count.unwrap_or(0), |(way, id, _)| {
            vec![(*way).into(), id.into()]
        })?;
        let mut rows = match self.copy {
            Some(_) => {
                let ids = page.results.iter().map(|(_, id, _)| *id).collect();
                self.rows(filter, ids).await?
            }
            None => HashMap::new(),
        };
        Ok(page.filter_map(|(_, id, product)| product.or_else(|| rows.remove(&id))))
    }

    /// Those of the products that were found in the copy for which the rest of the filter holds to this moment.
    async fn rows(
        &self,
        filter: &Filter,
        ids: Vec<ProductId>,
    ) -> Result<HashMap<ProductId, Product>> {
        let most = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let filter = Filter {
            ids: Some(ids),
            search: None,
            ..filter.clone()
        };
        let engine = self.app.db.engine();
        let conn = self.conn().await?;
        let rows = store::top_products(conn, engine, &filter, NEWEST, most).await?;
        Ok(rows
            .into_iter()
            .map(|product| (product.id, product))
            .collect())
    }
}

/// For a list in another order, which the copy does not know: the products themselves where they are few, else the
/// words as the shop's own database searches them.
async fn few_or_words(
    copy: &OpenCopy,
    filter: Filter,
    engine: Engine,
    words: &[String],
    similar: &[Vec<String>],
) -> Result<Filter> {
    let window = (MOST_NAMED + 1, 0);
    let ids = store::next_ids(&copy.conn, Engine::Sqlite, &filter, None, window).await;
    let ids = copy.answered(ids)?;
    let few = i64::try_from(ids.len()).is_ok_and(|ids| ids <= MOST_NAMED);
    Ok(Filter {
        search: match few {
            true => None,
            false => Matching::ways(engine, words, similar).pop(),
        },
        ids: if few { Some(ids) } else { filter.ids },
        ..filter
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
    let listing = Listing {
        filter,
        ordering: Some(vec![BY_ID]),
        ..Listing::default()
    };
    Ok(list_products(app, listing, paging).await?.0)
}

fn key_of(product: &Product, key: &SortKey) -> Value {
    match key.column {
        "p.price_minor" => product.price_minor.into(),
        "p.created_at" => product.created_at.into(),
        "p.name" => (&product.name).into(),
        _ => product.id.into(),
    }
}
