//! The paths of categories, and how a category looks from outside.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::category::{Placed, Tree};
use super::delete_category::delete_category;
use super::save_category::{CategoryChanges, NewCategory, create_category, update_category};
use crate::app::App;
use crate::caller::Admin;
use crate::catalog::memory::{self, Reading};
use crate::catalog::products::input::{CategoryKey, Prose, cleared};
use crate::catalog::{FOR_ADMINS, cache_control};
use crate::error::{Code, Error, Result};
use crate::http::access::ViaAdmin;
use crate::http::answer::{RestingOn as _, cached, no_content, tagged};
use crate::http::extract::{IfMatch, In, Patch, PathKey};
use crate::http::{Op, Routes};
use crate::ids::CategoryId;
use crate::input;
use crate::paging::Page;
use crate::values::{Key, Text};

pub(in crate::catalog) fn routes() -> Routes {
    Routes::tag("categories")
        .get(
            "/categories/",
            list,
            Op::new("list_categories", "The roots, each with all below it")
                .public()
                .lists::<CategoryOut>()
                .answers_nothing(304)
                .errors(FOR_ADMINS),
        )
        .post(
            "/categories/",
            create,
            Op::new("create_category", "Add a category")
                .admin()
                .body::<CategoryIn>()
                .answers::<CategoryOut>(201)
                .tagged()
                .errors(&[Code::Duplicate]),
        )
        .get(
            "/categories/all/",
            list_all,
            Op::new(
                "list_all_categories",
                "All categories in one flat list; `children` are ids",
            )
            .public()
            .lists::<FlatCategoryOut>()
            .answers_nothing(304)
            .errors(FOR_ADMINS),
        )
        .get(
            "/categories/{slug}/",
            show,
            Op::new(
                "show_category",
                "One category with all below it, by slug or id",
            )
            .public()
            .answers::<CategoryOut>(200)
            .answers_nothing(304)
            .tagged()
            .errors(FOR_ADMINS),
        )
        .put(
            "/categories/{slug}/",
            replace,
            Op::new(
                "replace_category",
                "Write a category; what is absent stays as it is",
            )
            .admin()
            .body::<CategoryIn>()
            .conditional()
            .answers::<CategoryOut>(200)
            .errors(&[Code::Duplicate]),
        )
        .patch(
            "/categories/{slug}/",
            update,
            Op::new("update_category", "Change or move a category")
                .admin()
                .body::<CategoryPatch>()
                .conditional()
                .answers::<CategoryOut>(200)
                .errors(&[Code::Duplicate]),
        )
        .delete(
            "/categories/{slug}/",
            delete,
            Op::new("delete_category", "Delete an empty category")
                .admin()
                .conditional()
                .answers_nothing(204)
                .errors(&[Code::InUse]),
        )
}

input! {
    /// A category.
    pub(crate) struct CategoryIn {
        pub(crate) name: Text<255>,
        /// Made from the name when it is not given.
        pub(crate) slug: Option<Text<100>>,
        pub(crate) description: Option<Prose>,
        /// Id or slug of the category above; `null` for a root.
        #[also("parent_id")]
        pub(crate) parent: Patch<CategoryKey>,
    }
}

input! {
    /// Changes to a category; what is absent stays as it is.
    pub(crate) struct CategoryPatch {
        pub(crate) name: Option<Text<255>>,
        pub(crate) slug: Option<Text<100>>,
        pub(crate) description: Option<Prose>,
        /// Id or slug of the category above; `null` for a root.
        #[also("parent_id")]
        pub(crate) parent: Patch<CategoryKey>,
    }
}

/// A category with all below it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CategoryOut {
    id: CategoryId,
    name: String,
    slug: String,
    description: String,
    parent: Option<CategoryId>,
    #[schema(no_recursion)]
    children: Vec<CategoryOut>,
    /// Active products in it and below it.
    product_count: i64,
}

/// A category in a flat list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlatCategoryOut {
    id: CategoryId,
    name: String,
    slug: String,
    description: String,
    parent: Option<CategoryId>,
    children: Vec<CategoryId>,
    /// Active products in it and below it.
    product_count: i64,
}

impl CategoryOut {
    fn new(tree: &Tree, totals: &[i64], at: usize) -> Self {
        let category = tree.category(at).clone();
        CategoryOut {
            id: category.id,
            name: category.name,
            slug: category.slug,
            description: category.description,
            parent: category.parent_id,
            children: tree
                .children(at)
                .iter()
                .map(|&child| Self::new(tree, totals, child))
                .collect(),
            product_count: totals[at],
        }
    }
}

impl FlatCategoryOut {
    fn new(tree: &Tree, totals: &[i64], at: usize) -> Self {
        let category = tree.category(at).clone();
        FlatCategoryOut {
            id: category.id,
            name: category.name,
            slug: category.slug,
            description: category.description,
            parent: category.parent_id,
            children: tree
                .children(at)
                .iter()
                .map(|&child| tree.category(child).id)
                .collect(),
            product_count: totals[at],
        }
    }
}

async fn list(State(app): State<App>, _: ViaAdmin, headers: HeaderMap) -> Result<Response> {
    let reading = Reading::begin(&app).await?;
    let catalog = memory::current(&app).await?;
    let (tree, totals) = (&catalog.tree, catalog.totals(&app).await?);
    let roots = tree
        .roots()
        .iter()
        .map(|&at| CategoryOut::new(tree, totals, at))
        .collect();
    let page = Page::whole(roots);
    Ok(cached(&headers, &cache_control(&app), &page).resting_on(reading.of(&app, [])))
}

async fn list_all(State(app): State<App>, _: ViaAdmin, headers: HeaderMap) -> Result<Response> {
    let reading = Reading::begin(&app).await?;
    let catalog = memory::current(&app).await?;
    let (tree, totals) = (&catalog.tree, catalog.totals(&app).await?);
    let all = tree
        .all()
        .map(|at| FlatCategoryOut::new(tree, totals, at))
        .collect();
    let page = Page::whole(all);
    Ok(cached(&headers, &cache_control(&app), &page).resting_on(reading.of(&app, [])))
}

async fn show(
    State(app): State<App>,
    _: ViaAdmin,
    headers: HeaderMap,
    PathKey(key): PathKey,
) -> Result<Response> {
    let reading = Reading::begin(&app).await?;
    let category = find(&app, &key).await?;
    Ok(cached(&headers, &cache_control(&app), &category).resting_on(reading.of(&app, [])))
}

async fn create(
    State(app): State<App>,
    admin: Admin,
    In(body): In<CategoryIn>,
) -> Result<Response> {
    let new = NewCategory {
        name: body.name.into(),
        slug: body.slug.map(String::from),
        description: body.description.map(String::from).unwrap_or_default(),
        parent: cleared(body.parent, |key| key.0).flatten(),
    };
    let category = create_category(&app, &admin, &new).await?;
    let shown = find(&app, &Key::Id(category.id.0)).await?;
    Ok(tagged(StatusCode::CREATED, &shown))
}

async fn replace(
    state: State<App>,
    admin: Admin,
    key: PathKey,
    if_match: IfMatch,
    In(body): In<CategoryIn>,
) -> Result<Response> {
    let patch = CategoryPatch {
        name: Some(body.name),
        slug: body.slug,
        description: body.description,
        parent: body.parent,
    };
    update(state, admin, key, if_match, In(patch)).await
}

async fn update(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    if_match: IfMatch,
    In(body): In<CategoryPatch>,
) -> Result<Response> {
    let changes = CategoryChanges {
        name: body.name.map(String::from),
        slug: body.slug.map(String::from),
        description: body.description.map(String::from),
        parent: cleared(body.parent, |key| key.0),
    };
    let look = as_seen(&if_match);
    let category = update_category(&app, &admin, &key, &changes, if_match.given(&look)).await?;
    let shown = find(&app, &Key::Id(category.id.0)).await?;
    Ok(tagged(StatusCode::OK, &shown))
}

async fn delete(
    State(app): State<App>,
    admin: Admin,
    PathKey(key): PathKey,
    if_match: IfMatch,
) -> Result<Response> {
    let look = as_seen(&if_match);
    delete_category(&app, &admin, &key, if_match.given(&look)).await?;
    Ok(no_content())
}

fn as_seen(if_match: &IfMatch) -> impl Fn(&Placed) -> Result<()> + Sync {
    |placed| if_match.check(&[CategoryOut::new(&placed.tree, &placed.totals, placed.at)])
}

async fn find(app: &App, key: &Key) -> Result<CategoryOut> {
    let catalog = memory::current(app).await?;
    let at = catalog.tree.find(key).ok_or_else(Error::not_found)?;
    Ok(CategoryOut::new(
        &catalog.tree,
        catalog.totals(app).await?,
        at,
    ))
}
