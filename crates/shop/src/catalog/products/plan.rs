//! What a product shall look like after a write: the rules of options and variants, without a database.

use std::collections::HashSet;

use super::product::{
    MAX_CHOICES, MAX_OPTIONS, MAX_PRICE, MAX_VARIANTS, Product, ProductOption, Variant,
};
use crate::error::{Code, Error, Result};
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

/// Faults of the whole product, collected into one error.
#[derive(Default)]
struct Faults(Option<Error>);

impl Faults {
    fn add(&mut self, attr: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        let error = self
            .0
            .take()
            .unwrap_or_else(|| Code::ValidationError.into());
        self.0 = Some(error.and(attr, code, detail));
    }
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

fn check_options(options: &[ProductOption], faults: &mut Faults) {
    if options.len() > MAX_OPTIONS {
        faults.add(
            "options",
            "max_length",
            format!("A product has at most {MAX_OPTIONS} options."),
        );
    }
    for (at, option) in options.iter().enumerate() {
        if options[..at].iter().any(|other| other.name == option.name) {
            faults.add(
                format!("options.{at}.name"),
                "duplicate",
                "This option stands twice.",
            );
        }
        let distinct: HashSet<&String> = option.choices.iter().collect();
        if distinct.len() < option.choices.len() {
            faults.add(
                format!("options.{at}.values"),
                "duplicate",
                "A value stands twice.",
            );
        }
        if option.choices.len() > MAX_CHOICES {
            let detail = format!("An option has at most {MAX_CHOICES} values.");
            faults.add(format!("options.{at}.values"), "max_length", detail);
        }
    }
}

/// An option without values takes those that the variants use; else each choice is one of its values.
fn fit_choices(
    options: &mut [ProductOption],
    variants: &[PlannedVariant],
    attr: &dyn Fn(usize, &str) -> String,
    faults: &mut Faults,
) {
    for (place, option) in options.iter_mut().enumerate() {
        let open = option.choices.is_empty();
        for (at, variant) in variants.iter().enumerate() {
            let Some(choice) = variant.choices.get(place) else {
                continue;
            };
            if option.choices.contains(choice) {
                continue;
            }
            if open {
                option.choices.push(choice.clone());
            } else {
                let detail = format!("\"{choice}\" is not among the values of {}.", option.name);
                faults.add(attr(at, "options"), "invalid_choice", detail);
            }
        }
    }
}

/// Several variants differ in their choices, or in their titles where there are no options.
fn check_distinct(
    variants: &[PlannedVariant],
    attr: &dyn Fn(usize, &str) -> String,
    faults: &mut Faults,
) {
    let offered = || {
        variants
            .iter()
            .enumerate()
            .filter(|(_, variant)| variant.is_active)
    };
    let mut seen = HashSet::new();
    for (at, variant) in offered() {
        if !variant.choices.is_empty() && !seen.insert((&variant.choices, "")) {
            faults.add(
                attr(at, "options"),
                "duplicate",
                "Two variants have the same choices.",
            );
        }
        if variant.choices.is_empty() && offered().count() > 1 {
            if variant.title.is_empty() {
                faults.add(
                    attr(at, "title"),
                    "required",
                    "Several variants need options or titles.",
                );
            } else if !seen.insert((&variant.choices, &variant.title)) {
                faults.add(
                    attr(at, "title"),
                    "duplicate",
                    "Two variants have the same title.",
                );
            }
        }
    }
}

fn out_of_range(value: i64) -> (&'static str, &'static str) {
    if value < 0 {
        ("min_value", "Must not be negative.")
    } else {
        ("max_value", "This is too much.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::ids::ProductId;

    fn size(choices: &[&str]) -> ProductOption {
        ProductOption {
            name: "Size".into(),
            choices: choices.iter().map(|&c| c.to_owned()).collect(),
        }
    }

    fn wish(choice: &str, price: i64) -> VariantWish {
        let choices = Some(Choices::Named(vec![("Size".into(), choice.into())]));
        VariantWish {
            choices,
            price: Some(price),
            ..VariantWish::default()
        }
    }

    fn shirt() -> Product {
        let variant = |id, choice: &str, price_minor| Variant {
            id: VariantId(id),
            sku: None,
            title: choice.into(),
            choices: vec![choice.into()],
            price_minor,
            image_id: None,
            is_active: true,
            stock: 5,
        };
        Product {
            id: ProductId(1),
            name: "Shirt".into(),
            slug: "shirt".into(),
            description: String::new(),
            category: None,
            image_url: None,
            images: Vec::new(),
            is_active: true,
            is_featured: false,
            price_minor: 1000,
            options: vec![size(&["S", "M"])],
            variants: vec![variant(1, "S", 1000), variant(2, "M", 1200)],
            created_at: Time(0),
            updated_at: Time(0),
        }
    }

    fn fields(result: Result<Plan>) -> Vec<String> {
        result
            .unwrap_err()
            .fields()
            .iter()
            .map(|fault| format!("{} {}", fault.attr, fault.code))
            .collect()
    }

    #[test]
    fn a_plain_product_has_one_variant_with_its_price() {
        let plan = plan(
            None,
            &Wish {
                price: Some(999),
                sku: Some(Some("A".into())),
                ..Wish::default()
            },
        )
        .unwrap();
        let [only] = plan.variants.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!(
            (only.price_minor, only.stock, only.sku.as_deref()),
            (999, Some(0), Some("A"))
        );
        assert_eq!(
            fields(super::plan(None, &Wish::default())),
            ["price required"]
        );
    }

    #[test]
    fn values_of_an_option_come_from_the_variants_when_they_are_not_given() {
        let wish = Wish {
            options: Some(vec![size(&[])]),
            variants: Some(vec![wish("S", 900), wish("M", 800)]),
            ..Wish::default()
        };
        let plan = plan(None, &wish).unwrap();
        assert_eq!(plan.options, [size(&["S", "M"])]);
        assert_eq!(
            (plan.price_minor, plan.variants[1].title.as_str()),
            (800, "M")
        );
    }

    #[test]
    fn a_product_with_several_variants_has_no_price_of_its_own_to_write() {
        let wish = Wish {
            price: Some(1),
            stock: Some(1),
            sku: Some(Some("NEW".into())),
            ..Wish::default()
        };
        assert_eq!(
            fields(plan(Some(&shirt()), &wish)),
            [
                "price has_variants",
                "stock has_variants",
                "sku has_variants"
            ]
        );
    }

    #[test]
    fn variants_are_found_again_by_their_choices_and_the_others_go() {
        let wish = Wish {
            variants: Some(vec![wish("M", 1300)]),
            ..Wish::default()
        };
        let plan = plan(Some(&shirt()), &wish).unwrap();
        assert_eq!(
            (plan.variants[0].id, plan.variants[0].stock),
            (Some(VariantId(2)), None)
        );
        assert_eq!((plan.dropped, plan.price_minor), (vec![VariantId(1)], 1300));
    }

    #[test]
    fn every_faulty_variant_is_named() {
        let twice = vec![
            wish("S", 1),
            wish("S", -1),
            wish("XXL", 1),
            VariantWish {
                id: Some(VariantId(9)),
                ..wish("M", 1)
            },
        ];
        assert_eq!(
            fields(plan(
                Some(&shirt()),
                &Wish {
                    variants: Some(twice),
                    ..Wish::default()
                }
            )),
            [
                "variants.1.price min_value",
                "variants.3.id does_not_exist",
                "variants.2.options invalid_choice",
                "variants.1.options duplicate"
            ]
        );
    }

    #[test]
    fn who_sends_back_all_that_was_read_may_change_either_price() {
        let mut mug = shirt();
        mug.options.clear();
        mug.variants.truncate(1);
        mug.variants[0].choices.clear();
        let price = |outer, inner| {
            let variants = Some(vec![VariantWish {
                id: Some(VariantId(1)),
                price: Some(inner),
                ..VariantWish::default()
            }]);
            plan(
                Some(&mug),
                &Wish {
                    price: Some(outer),
                    variants,
                    ..Wish::default()
                },
            )
            .unwrap()
            .price_minor
        };
        assert_eq!(
            [price(900, 1000), price(1000, 800), price(1000, 1000)],
            [900, 800, 1000]
        );
    }

    #[test]
    fn nothing_wished_changes_nothing() {
        let plan = plan(Some(&shirt()), &Wish::default()).unwrap();
        assert_eq!(
            (plan.price_minor, plan.dropped.len(), plan.variants.len()),
            (1000, 0, 2)
        );
        assert!(
            plan.variants
                .iter()
                .all(|variant| variant.id.is_some() && variant.stock.is_none())
        );
    }
}
