//! Options and variants laid out.

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
