//! The paths of products.

mod product_out;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

pub use product_out::ProductOut;

use super::browse::{self, Listing};
use super::create_product::{ProductWish, create_product};
use super::delete_product::delete_product;
use super::facets::FacetsOut;
use super::filter::{Filter, Ordering};
use super::input::{ProductIn, ProductPatch};
use super::product::Product;
use super::update_product::update_product;
use crate::app::App;
use crate::caller::{Admin, User};
use crate::catalog::memory::Reading;
use crate::catalog::{FOR_ADMINS, cache_control};
use crate::error::{Code, Result};
use crate::http::access::ViaAdmin;
use crate::http::answer::{RestingOn as _, cached, no_content, ok, tagged};
use crate::http::extract::{IfMatch, InOrForm, PathKey, Query};
use crate::http::{Op, Routes};
use crate::ids::{ProductId, VariantId};
use crate::media;
use crate::paging::{Page, Paging};
use crate::query;
use crate::values::{Decimal, Key, Line};

const MAX_SEARCH: usize = 200;

pub(in crate::catalog) fn routes() -> Routes {
    Routes::tag("products")
        .get(
            "/products/",
            list,
            Op::new("list_products", "Products, newest first")
                .public()
                .query::<ProductQuery>()
                .lists::<ProductOut>()
                .beside::<FacetsOut>("facets")
                .answers_nothing(304)
                .errors(FOR_ADMINS),
        )
        .post(
            "/products/",
            create,
            Op::new("create_product", "Add a product")
                .admin()
                .body::<ProductIn>()
                .uploads("image")
                .answers::<ProductOut>(201)
                .tagged()
                .errors(&[Code::Duplicate]),
        )
        .get(
            "/products/featured/",
            featured,
            Op::new(
                "list_featured_products",
                "At most ten: those marked as featured, then the newest",
            )
            .public()
            .lists::<ProductOut>()
            .answers_nothing(304),
        )
        .get(
            "/products/low_stock/",
            low_stock,
            Op::new(
                "list_low_stock_products",
                "Active products of which little is left",
            )
            .admin()
            .query::<Paging>()
            .lists::<ProductOut>(),
        )
        .get(
            "/products/{id}/",
            show,
            Op::new("show_product", "One product, by id or slug")
                .public()
                .answers::<ProductOut>(200)
                .answers_nothing(304)
                .tagged()
                .errors(FOR_ADMINS),
        )
        .put(
            "/products/{id}/",
            replace,
            Op::new(
                "replace_product",
                "Write a product; what is absent stays as it is",
            )
            .admin()
            .body::<ProductIn>()
            .conditional()
            .uploads("image")
            .answers::<ProductOut>(200)
            .errors(&[Code::Duplicate]),
        )
        .patch(
            "/products/{id}/",
            update,
            Op::new("update_product", "Change a product")
                .admin()
                .body::<ProductPatch>()
                .conditional()
                .uploads("image")
                .answers::<ProductOut>(200)
                .errors(&[Code::Duplicate]),
        )
        .delete(
            "/products/{id}/",
            delete,
            Op::new(
                "delete_product",
                "Erase a product, or hide it when it was ever ordered",
            )
            .admin()
            .conditional()
            .answers_nothing(204),
        )
}

query! {
    /// What to list.
    pub(crate) struct ProductQuery {
        /// Words, or beginnings of words, that all stand in name, description or SKU. Where few products have them,
        /// similar words count too. What is called so comes first, unless `ordering` says otherwise.
        pub(crate) search: Option<Line<MAX_SEARCH>>,
        /// Id, slug or name of a category; those below it count too.
        pub(crate) category: Option<Key>,
        pub(crate) min_price: Option<Decimal>,
        pub(crate) max_price: Option<Decimal>,
        pub(crate) in_stock: Option<bool>,
        /// `false` is for admins.
        pub(crate) is_active: Option<bool>,
        pub(crate) is_featured: Option<bool>,
        /// `price`, `created_at`, `name` or `id`, several with commas, `-` for descending. Newest first without it.
        pub(crate) ordering: Option<Ordering>,
        /// Counts of what the list could be narrowed down to, for the whole list.
        pub(crate) facets: Option<bool>,
        /// At most 100 ids with commas.
        pub(crate) id__in: Option<Vec<ProductId>>,
        pub(crate) paging: Paging,
    }
}

/// A page, and beside it what it could be narrowed down to.
#[derive(Serialize)]
struct ListOut {
    #[serde(flatten)]
    page: Page<ProductOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facets: Option<FacetsOut>,
}

async fn list(
    State(app): State<App>,
    ViaAdmin(via_admin): ViaAdmin,
    user: Option<User>,
    headers: HeaderMap,
    Query(query): Query<ProductQuery>,
) -> Result<Response> {
    let is_admin = user.is_some_and(|user| user.is_admin());
    if query.is_active == Some(false) && !is_admin {
        return Err(match user {
            None => Code::NotAuthenticated.with("Only admins see hidden products."),
            Some(_) => Code::PermissionDenied.with("Only admins see hidden products."),
        });
    }
    let is_active = if via_admin {
        query.is_active
    } else {
        query.is_active.or(Some(true))
    };
    let filter = Filter {
        ids: query.id__in,
        is_active,
        is_featured: query.is_featured,
        min_price: query.min_price.map(|price| price.0),
        max_price: query.max_price.map(|price| price.0),
        in_stock: query.in_stock,
        ..Filter::default()
    };
    let search = query.search.map(String::from);
    let search = search.filter(|text| !text.is_empty());
    let reading = Reading::begin(&app).await?;
    let by_stock = filter.in_stock.is_some() || query.facets == Some(true);
    let listing = Listing {
        filter,
        category: query.category.as_ref(),
        search: search.as_deref(),
        ordering: query.ordering.map(|ordering| ordering.0),
        facets: query.facets == Some(true),
    };
    let (page, facets) = browse::list_products(&app, listing, &query.paging).await?;
    let facets = facets.map(|facets| FacetsOut::new(&app, &facets));
    Ok(if via_admin || is_active == Some(false) {
        let page = page.map(|product| ProductOut::whole(&app, product));
        ok(&ListOut { page, facets })
    } else {
        let rests_on = match by_stock {
            true => reading.of_all_stock(),
            false => reading.of(&app, variants(&page.results)),
        };
        let page = page.map(|product| ProductOut::new(&app, product));
        let list = ListOut { page, facets };
        cached(&headers, &cache_control(&app), &list).resting_on(rests_on)
    })
}

async fn show(
    State(app): State<App>,
    _: ViaAdmin,
    user: Option<User>,
    headers: HeaderMap,
    PathKey(key): PathKey,
) -> Result<Response> {
    let reading = Reading::begin(&app).await?;
    let whole = user.is_some_and(|user| user.is_admin());
    let product = browse::find_product(&app, &key, whole).await?;
    let rests_on = reading.of(&app, variants([&product]));
    let shown = if whole {
        ProductOut::whole(&app, product)
    } else {
        ProductOut::new(&app, product)
    };
    Ok(cached(&headers, &cache_control(&app), &shown).resting_on(rests_on))
}

async fn featured(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    let reading = Reading::begin(&app).await?;
    let products = browse::featured_products(&app).await?;
    let rests_on = reading.of(&app, variants(&products));
    let page = Page::whole(
        products
            .into_iter()
            .map(|product| ProductOut::new(&app, product))
            .collect(),
    );
    Ok(cached(&headers, &cache_control(&app), &page).resting_on(rests_on))
}

fn variants<'p>(
    products: impl IntoIterator<Item = &'p Product>,
) -> impl Iterator<Item = VariantId> {
    let products = products.into_iter();
    products.flat_map(|product| product.variants.iter().map(|variant| variant.id))
}

async fn low_stock(
    State(app): State<App>,
    _: Admin,
    Query(paging): Query<Paging>,
) -> Result<Response> {
    let page = browse::low_stock_products(&app, &paging).await?;
    Ok(ok(&page.map(|product| ProductOut::whole(&app, product))))
}

async fn create(
    State(app): State<App>,
    admin: Admin,
    sent: InOrForm<ProductIn>,
) -> Result<Response> {
    let product = create_product(&app, Some(&admin), &wish(&app, sent).await?).await?;
    Ok(tagged(
        StatusCode::CREATED,
        &ProductOut::whole(&app, product),
    ))
}

async fn replace(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    if_match: IfMatch,
    sent: InOrForm<ProductIn>,
) -> Result<Response> {
    let wish = wish(&app, sent).await?;
    write(&app, &admin, &key, &if_match, &wish).await
}

async fn update(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    if_match: IfMatch,
    sent: InOrForm<ProductPatch>,
) -> Result<Response> {
    let wish = wish(&app, sent).await?;
    write(&app, &admin, &key, &if_match, &wish).await
}

async fn write(
    app: &App,
    admin: &Admin,
    key: &Key,
    if_match: &IfMatch,
    wish: &ProductWish,
) -> Result<Response> {
    let look = as_seen(app, if_match);
    let product = update_product(app, admin, key, wish, if_match.given(&look)).await?;
    Ok(tagged(StatusCode::OK, &ProductOut::whole(app, product)))
}

/// What was sent, with its picture kept: nothing shows that until the product does.
async fn wish(app: &App, sent: InOrForm<impl Into<ProductWish>>) -> Result<ProductWish> {
    let mut wish: ProductWish = sent.body.into();
    if let Some(Some(url)) = wish.image_url.take_if(|url| url.is_some()) {
        wish.image_url = Some(Some(media::kept(&app.config, url)));
    }
    if let Some(file) = sent.file {
        wish.picture = Some(media::keep_picture(app, file).await?);
    }
    Ok(wish)
}

async fn delete(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    if_match: IfMatch,
) -> Result<Response> {
    let look = as_seen(&app, &if_match);
    delete_product(&app, &admin, &key, if_match.given(&look)).await?;
    Ok(no_content())
}

/// As an admin or as anybody saw it: both are the same product.
pub(in crate::catalog) fn as_seen(
    app: &App,
    if_match: &IfMatch,
) -> impl Fn(&Product) -> Result<()> + Sync {
    move |product| {
        if_match.check(&[
            ProductOut::whole(app, product.clone()),
            ProductOut::new(app, product.clone()),
        ])
    }
}
