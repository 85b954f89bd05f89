//! Changes a product and its variants.

use db::Tx;

use super::create_product::{ProductWish, find_category, found};
use super::plan::{Plan, plan};
use super::product::Product;
use super::store::{self, Written};
use crate::app::App;
use crate::audit::{self, Action};
use crate::caller::Admin;
use crate::catalog::search::Words;
use crate::catalog::slug::{self, Kind};
use crate::catalog::{self, images};
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::inventory;
use crate::media;
use crate::precondition::AsSeen;
use crate::transact;
use crate::values::Key;

pub async fn update_product(
    app: &App,
    by: &Admin,
    key: &Key,
    wish: &ProductWish,
    seen: AsSeen<'_, Product>,
) -> Result<Product> {
    let now = app.clock.now();
    let product = transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        still_as(tx, key, seen).await?;
        let (old, new) =
            change_product(tx, app.db.engine(), Some(by.user.id), key, wish, now).await?;
        let change = (old.audited(), new.audited());
        audit::record(tx, by, Action::ProductUpdated, new.id, change, now).await?;
        Ok(new)
    })?;
    Ok(product)
}

/// Holds the product's stock, where its look matters; other writers of the product wait for the generation row.
pub(in crate::catalog) async fn still_as(
    tx: &Tx,
    key: &Key,
    seen: AsSeen<'_, Product>,
) -> Result<()> {
    let Some(seen) = seen else { return Ok(()) };
    let find = || store::find_product(tx, key);
    let product = find().await?.ok_or_else(Error::not_found)?;
    let variants: Vec<_> = product.variants.iter().map(|variant| variant.id).collect();
    inventory::hold(tx, &variants).await?;
    let product = find().await?.ok_or_else(Error::not_found)?;
    seen(&product)
}

/// The product as it was and as it is. The caller holds the generation row.
pub(crate) async fn change_product(
    tx: &Tx,
    engine: db::Engine,
    by: Option<UserId>,
    key: &Key,
    wish: &ProductWish,
    now: Time,
) -> Result<(Product, Product)> {
    let old = claim_product(tx, key, now).await?;
    let id = old.id;
    let plan = plan(Some(&old), &wish.variants)?;
    let category = match &wish.category {
        None => old.category.as_ref().map(|category| category.id),
        Some(key) => find_category(tx, key.as_ref()).await?,
    };
    let slug = match &wish.slug {
        Some(slug) if *slug != old.slug => {
            slug::chosen(tx, Kind::Product, slug).await?;
            slug
        }
        _ => &old.slug,
    };
    let picture = wish.picture.as_ref().map(media::File::path);
    let image_url = wish.image_url.as_ref().unwrap_or(&old.image_url).as_deref();
    if let Some(url) =
        image_url.filter(|_| picture.is_none() && image_url != old.image_url.as_deref())
    {
        media::refer_to(tx, "image_url", url, now).await?;
    }
    let written = Written {
        name: wish.name.as_ref().unwrap_or(&old.name),
        slug,
        description: wish.description.as_ref().unwrap_or(&old.description),
        category,
        image_url: picture.as_deref().or(image_url),
        is_active: wish.is_active.unwrap_or(old.is_active),
        is_featured: wish.is_featured.unwrap_or(old.is_featured),
        price_minor: plan.price_minor,
    };
    store::update_product(tx, id, &written).await?;
    if plan.options != old.options {
        store::replace_options(tx, id, &plan.options).await?;
    }
    if let Some(file) = &wish.picture {
        images::put_first(tx, &old, file, now).await?;
    }
    write_variants(tx, &old, &plan, by, now).await?;
    learn_words(tx, engine, &old, &written, &plan).await?;
    let new = found(tx, Some(id)).await?;
    Ok((old, new))
}

/// The product, which nobody else writes until the transaction ends.
pub(in crate::catalog) async fn claim_product(tx: &Tx, key: &Key, now: Time) -> Result<Product> {
    let id = store::claim(tx, key, now)
        .await?
        .ok_or_else(Error::not_found)?;
    found(tx, Some(id)).await
}

async fn write_variants(
    tx: &Tx,
    old: &Product,
    plan: &Plan,
    by: Option<UserId>,
    now: Time,
) -> Result<()> {
    // Stock before what is offered of it, as checkouts take them.
    if plan.offers_others(old) {
        let variants: Vec<_> = old.variants.iter().map(|variant| variant.id).collect();
        inventory::hold(tx, &variants).await?;
    }
    for &id in &plan.dropped {
        store::drop_variant(tx, id, now).await?;
    }
    let mut adjusted = Vec::new();
    let mut new = Vec::new();
    for (position, variant) in (0i64..).zip(&plan.variants) {
        match variant.id {
            None => new.push((old.id, position, variant)),
            Some(id) => {
                let at = usize::try_from(position).unwrap_or(usize::MAX);
                if !old.variants.get(at).is_some_and(|old| variant.is(old)) {
                    store::update_variant(tx, id, position, variant, now).await?;
                }
                adjusted.extend(variant.stock.map(|stock| (id, stock)));
            }
        }
    }
    if !new.is_empty() {
        let ids = store::insert_variants(tx, &new, now).await?;
        let items: Vec<_> = ids
            .into_iter()
            .zip(&new)
            .map(|(id, (_, _, v))| (id, v.stock.unwrap_or(0)))
            .collect();
        inventory::create_items(tx, &items, by, now).await?;
    }
    inventory::adjust_to(tx, &adjusted, by, "set in the catalog", now).await
}

async fn learn_words(
    tx: &Tx,
    engine: db::Engine,
    old: &Product,
    written: &Written<'_>,
    plan: &Plan,
) -> Result<()> {
    let old_skus = old
        .variants
        .iter()
        .filter_map(|variant| variant.sku.as_deref());
    let new_skus = plan
        .variants
        .iter()
        .filter_map(|variant| variant.sku.as_deref());
    let before = Words::of(&old.name, old_skus, &old.description);
    let after = Words::of(written.name, new_skus, written.description);
    if before == after {
        return Ok(());
    }
    store::learn_words(tx, engine, &[(old.id, after)]).await
}
