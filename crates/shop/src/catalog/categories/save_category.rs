//! Makes a category, or changes one.

use std::collections::HashSet;

use db::Tx;
use serde_json::Value;

use super::category::{Category, MAX_DEPTH, Placed, Tree};
use super::store;
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog;
use crate::catalog::slug::{self, Kind, slug_of};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::CategoryId;
use crate::precondition::AsSeen;
use crate::transact;
use crate::values::Key;

#[derive(Clone, Debug, Default)]
pub struct NewCategory {
    pub name: String,
    /// Made from the name when it is not given.
    pub slug: Option<String>,
    pub description: String,
    pub parent: Option<Key>,
}

/// What is `None` stays as it is; `parent: Some(None)` makes it a root.
#[derive(Clone, Debug, Default)]
pub struct CategoryChanges {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub parent: Option<Option<Key>>,
}

pub async fn create_category(app: &App, by: &Admin, new: &NewCategory) -> Result<Category> {
    let now = app.clock.now();
    let category = transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        let parent = match &new.parent {
            Some(key) => Some(find_parent(tx, key).await?),
            None => None,
        };
        if let Some(parent) = parent && store::ancestors(tx, parent).await?.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        let id = insert(tx, &new.name, new.slug.as_deref(), &new.description, parent, None, now).await?;
        let category = store::find_category(tx, &Key::Id(id.0)).await?.ok_or_else(Error::not_found)?;
        let change = (Value::Null, category.audited());
        audit::record(tx, by, Action::CategoryCreated, id, change, now).await?;
        Ok(category)
    })?;
    Ok(category)
}

pub(in crate::catalog) async fn update_category(
    app: &App,
    by: &Admin,
    key: &Key,
    changes: &CategoryChanges,
    seen: AsSeen<'_, Placed>,
) -> Result<Category> {
    let now = app.clock.now();
    let category = transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        still_as(tx, key, seen).await?;
        let old = store::find_category(tx, key).await?.ok_or_else(Error::not_found)?;
        let before = old.audited();
        let parent_id = match &changes.parent {
            None => old.parent_id,
            Some(None) => None,
            Some(Some(key)) => Some(new_parent(tx, old.id, key).await?),
        };
        let slug = match &changes.slug {
            Some(slug) if *slug != old.slug => slug::chosen(tx, Kind::Category, slug).await?,
            _ => old.slug,
        };
        let category = Category {
            id: old.id,
            name: changes.name.clone().unwrap_or(old.name),
            slug,
            description: changes.description.clone().unwrap_or(old.description),
            parent_id,
        };
        store::update_category(tx, &category, now).await?;
        let change = (before, category.audited());
        audit::record(tx, by, Action::CategoryUpdated, category.id, change, now).await?;
        Ok(category)
    })?;
    Ok(category)
}

/// The caller holds the generation row, for which all writers of the catalog wait.
pub(super) async fn still_as(tx: &Tx, key: &Key, seen: AsSeen<'_, Placed>) -> Result<()> {
    let Some(seen) = seen else { return Ok(()) };
    let tree = Tree::new(store::list_categories(tx).await?);
    let own = store::count_products(tx).await?.into_iter().collect();
    let at = tree.find(key).ok_or_else(Error::not_found)?;
    let totals = tree.totals(&own);
    seen(&Placed { tree, totals, at })
}

/// A category of a file, keyed by what the file calls it.
#[derive(Clone, Debug)]
pub(crate) struct ImportedCategory {
    pub(crate) external_id: String,
    pub(crate) name: String,
    /// Imported earlier, or earlier in the same list.
    pub(crate) parent: Option<String>,
}

/// Makes or updates categories; returns how many there were that did not stand so already.
pub(crate) async fn import_categories(app: &App, categories: &[ImportedCategory]) -> Result<u64> {
    let now = app.clock.now();
    let count = transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        let mut count = 0;
        for category in categories {
            let parent = match &category.parent {
                Some(external) => store::find_imported(tx, external).await?.map(|(id, _, _)| id),
                None => None,
            };
            match store::find_imported(tx, &category.external_id).await? {
                None => {
                    let external = Some(category.external_id.as_str());
                    insert(tx, &category.name, None, "", parent, external, now).await?;
                }
                Some((_, name, old)) if name == category.name && old == parent => continue,
                Some((id, _, _)) => {
                    if let Some(parent) = parent {
                        may_stand_below(tx, id, parent).await?;
                    }
                    store::move_category(tx, id, &category.name, parent, now).await?;
                }
            }
            count += 1;
        }
        Ok(count)
    })?;
    Ok(count)
}

/// Inserts a category under a free slug. The caller holds the generation row.
pub(in crate::catalog) async fn insert(
    tx: &Tx,
    name: &str,
    slug: Option<&str>,
    description: &str,
    parent: Option<CategoryId>,
    external_id: Option<&str>,
    now: Time,
) -> Result<CategoryId> {
    let slug = match slug {
        Some(slug) => Some(slug::chosen(tx, Kind::Category, slug).await?),
        None => match slug_of(name, Kind::Category) {
            Some(slug) => Some(slug::free(tx, Kind::Category, &slug, &HashSet::new()).await?),
            None => None,
        },
    };
    // No slug is called "~", and writers of the tree come one after the other: it stands there for a moment only.
    let at_first = slug.as_deref().unwrap_or("~");
    let id =
        store::insert_category(tx, name, at_first, description, parent, external_id, now).await?;
    if slug.is_none() {
        let slug = slug::free(
            tx,
            Kind::Category,
            &format!("category-{id}"),
            &HashSet::new(),
        )
        .await?;
        store::set_slug(tx, id, &slug).await?;
    }
    Ok(id)
}

async fn find_parent(tx: &Tx, key: &Key) -> Result<CategoryId> {
    match store::find_category(tx, key).await? {
        Some(parent) => Ok(parent.id),
        None => Err(Error::field(
            "parent",
            "does_not_exist",
            "There is no such category.",
        )),
    }
}

async fn new_parent(tx: &Tx, id: CategoryId, key: &Key) -> Result<CategoryId> {
    let parent = find_parent(tx, key).await?;
    may_stand_below(tx, id, parent).await?;
    Ok(parent)
}

async fn may_stand_below(tx: &Tx, id: CategoryId, parent: CategoryId) -> Result<()> {
    let above = store::ancestors(tx, parent).await?;
    if above.contains(&id) {
        return Err(Error::field(
            "parent",
            "cycle",
            "A category cannot stand below itself.",
        ));
    }
    let height = store::height(tx, id).await?;
    if above.len() + usize::try_from(height).unwrap_or(usize::MAX) > MAX_DEPTH {
        return Err(too_deep());
    }
    Ok(())
}

fn too_deep() -> Error {
    Error::field(
        "parent",
        "too_deep",
        format!("Categories are nested at most {MAX_DEPTH} levels deep."),
    )
}
