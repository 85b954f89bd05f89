//! What a product shall look like after a write: the rules of options and variants, without a database.

mod check;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use check::{Faults, check_distinct, check_options, fit_choices, out_of_range};

use super::product::{MAX_PRICE, MAX_VARIANTS, Product, ProductOption, Variant};
use crate::error::Result;
use crate::ids::{ImageId, VariantId};
use crate::inventory::MAX_STOCK;

/// What somebody wants written of price, stock and variants; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Of the only variant of a plain product.
    pub price: Option<i64>,
    pub stock: Option<i64>,
    pub sku: Option<Option<String>>,
    pub options: Option<Vec<ProductOption>>,
    /// All variants: those not named here go.
    pub variants: Option<Vec<VariantWish>>,
}

#[derive(Clone, Debug, Default)]
pub struct VariantWish {
    pub id: Option<VariantId>,
    pub sku: Option<Option<String>>,
    pub title: Option<String>,
    pub choices: Option<Choices>,
    pub price: Option<i64>,
    pub stock: Option<i64>,
    pub image: Option<Option<ImageId>>,
    pub is_active: Option<bool>,
}

/// `["Red", "M"]` or `{"Color": "Red", "Size": "M"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choices {
    InOrder(Vec<String>),
    Named(Vec<(String, String)>),
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) options: Vec<ProductOption>,
    pub(super) variants: Vec<PlannedVariant>,
    /// Variants that are to go.
    pub(super) dropped: Vec<VariantId>,
    /// The lowest price of those offered.
    pub(super) price_minor: i64,
}

impl Plan {
    /// Are other variants for sale afterwards?
    pub(super) fn offers_others(&self, old: &Product) -> bool {
        let is_other = |planned: &PlannedVariant| {
            let before = old.variants.iter().find(|old| planned.id == Some(old.id));
            before.is_none_or(|old| old.is_active != planned.is_active)
        };
        !self.dropped.is_empty() || self.variants.iter().any(is_other)
    }
}

#[derive(Debug)]
pub(super) struct PlannedVariant {
    /// `None`: to be made.
    pub(super) id: Option<VariantId>,
    pub(super) sku: Option<String>,
    pub(super) title: String,
    pub(super) choices: Vec<String>,
    pub(super) price_minor: i64,
    pub(super) image: Option<ImageId>,
    pub(super) is_active: bool,
    /// `None` leaves it as it is.
    pub(super) stock: Option<i64>,
}

impl PlannedVariant {
    /// Does `old` look so already, but for its stock?
    pub(super) fn is(&self, old: &Variant) -> bool {
        self.id == Some(old.id)
            && self.sku == old.sku
            && self.title == old.title
            && self.choices == old.choices
            && self.price_minor == old.price_minor
            && self.image == old.image_id
            && self.is_active == old.is_active
    }
}

/// Lays out options and variants, or names every field that makes no sense. `old` is `None` for a new product.
pub(super) fn plan(old: Option<&Product>, wish: &Wish) -> Result<Plan> {
    let mut faults = Faults::default();
    let mut wishes = match (&wish.variants, old) {
        (Some(wishes), None) if wishes.is_empty() => vec![VariantWish::default()],
        (None, None) => vec![VariantWish::default()],
        (Some(wishes), Some(old)) if wishes.is_empty() && old.only_variant().is_some() => {
            keep_all(old)
        }
        (Some(wishes), _) => wishes.clone(),
        (None, Some(old)) => keep_all(old),
    };
    let given = wish
        .variants
        .as_ref()
        .is_some_and(|wishes| !wishes.is_empty());
    let offered = match old {
        Some(old) if !given => old.offered().count(),
        _ => wishes.len(),
    };
    if wishes.is_empty() {
        faults.add(
            "variants",
            "required",
            "A product has at least one variant.",
        );
    }
    if wishes.len() > MAX_VARIANTS {
        faults.add(
            "variants",
            "max_length",
            format!("A product has at most {MAX_VARIANTS} variants."),
        );
    }
    if offered > 1 {
        for attr in written_beside_variants(old, wish, &wishes) {
            faults.add(
                attr,
                "has_variants",
                "This product has several variants: write it there.",
            );
        }
    } else if let Some(only) = only_wish(&mut wishes, old) {
        // Who sends back all that was read has both; what differs from before is what was meant.
        let before = old.and_then(Product::only_variant);
        only.price = meant(wish.price, only.price, before.map(|old| old.price_minor));
        only.stock = meant(wish.stock, only.stock, before.map(|old| old.stock));
        only.sku = meant(
            wish.sku.clone(),
            only.sku.take(),
            before.map(|old| old.sku.clone()),
        );
    }
    let attr = |at: usize, name: &str| {
        if given {
            format!("variants.{at}.{name}")
        } else {
            name.to_owned()
        }
    };

    let mut options = match (&wish.options, old) {
        (Some(options), _) => options.clone(),
        (None, Some(old)) => old.options.clone(),
        (None, None) => Vec::new(),
    };
    check_options(&options, &mut faults);

    let mut variants: Vec<PlannedVariant> = Vec::new();
    for (at, wish) in wishes.iter().enumerate() {
        let found = find_old(old, wish, &options);
        if wish.id.is_some() && found.is_none() {
            faults.add(
                attr(at, "id"),
                "does_not_exist",
                "This product has no such variant.",
            );
        }
        if wish.price.is_none() && found.is_none() {
            faults.add(attr(at, "price"), "required", "This field is required.");
        }
        let price_minor = wish.price.or(found.map(|old| old.price_minor)).unwrap_or(0);
        if !(0..=MAX_PRICE).contains(&price_minor) {
            let (code, detail) = out_of_range(price_minor);
            faults.add(attr(at, "price"), code, detail);
        }
        if let Some(stock) = wish.stock
            && !(0..=MAX_STOCK).contains(&stock)
        {
            let (code, detail) = out_of_range(stock);
            faults.add(attr(at, "stock"), code, detail);
        }
        let choices = match (&wish.choices, found) {
            (Some(choices), _) => in_order(choices, &options),
            (None, Some(old)) => Some(old.choices.clone()),
            (None, None) => Some(Vec::new()),
        };
        let choices = choices
            .filter(|choices| choices.len() == options.len())
            .unwrap_or_else(|| {
                faults.add(
                    attr(at, "options"),
                    "invalid",
                    "Name one choice for each option of the product.",
                );
                Vec::new()
            });
        let title = match (&wish.title, found) {
            (Some(title), _) => title.trim().to_owned(),
            (None, Some(old)) if wish.choices.is_none() => old.title.clone(),
            (None, _) => choices.join(" / "),
        };
        let image = wish.image.unwrap_or(found.and_then(|old| old.image_id));
        let is_there = |id| old.is_some_and(|old| old.images.iter().any(|image| image.id == id));
        if image.is_some_and(|id| !is_there(id)) {
            faults.add(
                attr(at, "image_id"),
                "does_not_exist",
                "This product has no such image.",
            );
        }
        variants.push(PlannedVariant {
            image,
            id: found.map(|old| old.id),
            sku: wish
                .sku
                .clone()
                .unwrap_or_else(|| found.and_then(|old| old.sku.clone())),
            title,
            choices,
            price_minor,
            is_active: wish
                .is_active
                .unwrap_or(found.is_none_or(|old| old.is_active || wish.id.is_none())),
            stock: wish.stock.or(found.is_none().then_some(0)),
        });
    }
    fit_choices(&mut options, &variants, &attr, &mut faults);
    check_distinct(&variants, &attr, &mut faults);
    if let Some(error) = faults.0 {
        return Err(error);
    }

    let kept: HashSet<VariantId> = variants.iter().filter_map(|variant| variant.id).collect();
    let dropped = old.map_or(Vec::new(), |old| {
        old.variants
            .iter()
            .filter(|variant| !kept.contains(&variant.id))
            .map(|variant| variant.id)
            .collect()
    });
    let active = variants
        .iter()
        .filter(|variant| variant.is_active)
        .map(|variant| variant.price_minor)
        .min();
    let price_minor = active
        .or(variants.iter().map(|variant| variant.price_minor).min())
        .unwrap_or(0);
    Ok(Plan {
        options,
        variants,
        dropped,
        price_minor,
    })
}

fn keep_all(old: &Product) -> Vec<VariantWish> {
    old.variants
        .iter()
        .map(|variant| VariantWish {
            id: Some(variant.id),
            ..VariantWish::default()
        })
        .collect()
}

/// What is written of the product that is its variants' own. Who sends back what was read, or what the variants of
/// the same body add up to, says nothing new.
fn written_beside_variants(
    old: Option<&Product>,
    wish: &Wish,
    wishes: &[VariantWish],
) -> Vec<&'static str> {
    let offered = || wishes.iter().filter(|wish| wish.is_active.unwrap_or(true));
    let lowest = offered().map(|wish| wish.price).min().flatten();
    let sum = offered().map(|wish| wish.stock).sum::<Option<i64>>();
    let says_more = |given: Option<i64>, shown: Option<i64>, sent: Option<i64>| {
        given.is_some() && (old.is_none() || given != shown && given != sent)
    };
    let price = says_more(wish.price, old.map(|old| old.price_minor), lowest);
    let stock = says_more(wish.stock, old.map(Product::stock), sum);
    let sku = wish.sku.as_ref().is_some_and(Option::is_some);
    [("price", price), ("stock", stock), ("sku", sku)]
        .into_iter()
        .filter_map(|(attr, written)| written.then_some(attr))
        .collect()
}

/// The wish that stands for the only variant offered; hidden ones may stand beside it.
fn only_wish<'a>(
    wishes: &'a mut [VariantWish],
    old: Option<&Product>,
) -> Option<&'a mut VariantWish> {
    if wishes.len() == 1 {
        return wishes.first_mut();
    }
    let only = old?.only_variant()?.id;
    wishes.iter_mut().find(|wish| wish.id == Some(only))
}

/// One value that was given in two places.
fn meant<T: PartialEq>(outer: Option<T>, inner: Option<T>, before: Option<T>) -> Option<T> {
    match (outer, inner) {
        (Some(outer), Some(inner)) if Some(&outer) == before.as_ref() => Some(inner),
        (Some(outer), _) => Some(outer),
        (None, inner) => inner,
    }
}

/// By id, else by SKU, else by the same choices.
fn find_old<'a>(
    old: Option<&'a Product>,
    wish: &VariantWish,
    options: &[ProductOption],
) -> Option<&'a Variant> {
    let variants = &old?.variants;
    if let Some(id) = wish.id {
        return variants.iter().find(|variant| variant.id == id);
    }
    if let Some(Some(sku)) = &wish.sku
        && let Some(found) = variants
            .iter()
            .find(|variant| variant.sku.as_ref() == Some(sku))
    {
        return Some(found);
    }
    let choices =
        in_order(wish.choices.as_ref()?, options).filter(|choices| !choices.is_empty())?;
    variants.iter().find(|variant| variant.choices == choices)
}

fn in_order(choices: &Choices, options: &[ProductOption]) -> Option<Vec<String>> {
    match choices {
        Choices::InOrder(choices) => Some(choices.clone()),
        Choices::Named(named) if named.len() == options.len() => options
            .iter()
            .map(|option| {
                named
                    .iter()
                    .find(|(name, _)| *name == option.name)
                    .map(|(_, choice)| choice.clone())
            })
            .collect(),
        Choices::Named(_) => None,
    }
}
