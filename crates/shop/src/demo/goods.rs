//! What the demo sells.

mod departments;

use departments::{Comes, DEPARTMENTS, Kind};

use super::chance::Chance;
use super::pictures::COLORS;
use crate::app::App;
use crate::catalog::categories;
use crate::catalog::products::{Choices, ProductOption, ReadyProduct, VariantWish, Wish};
use crate::error::Result;
use crate::ids::CategoryId;
use crate::media;

const MAKERS: &[&str] = &[
    "Harrow",
    "Lindqvist",
    "Ostara",
    "Pell",
    "Marlow",
    "Tamsin",
    "Kestrel",
    "Ember",
    "Fjord",
    "Juniper",
    "Sable",
    "Wren",
];
const LOOKS: &[&str] = &[
    "Classic", "Nordic", "Rustic", "Slim", "Everyday", "Vintage", "Compact", "Deluxe", "Handmade",
    "Modern", "Cozy", "Sturdy", "Light", "Urban", "Alpine", "Coastal", "Royal", "Quiet", "Bright",
    "Honest",
];
const PRAISE: &[&str] = &[
    "Made to be used every day and to last for years.",
    "A small pleasure that nobody needs and everybody wants.",
    "Designed in the north, tested by people who never stand still.",
    "Simple, quiet and well made.",
    "The one you will reach for first.",
    "Comes in a box that is worth keeping.",
];
const CARE: &[&str] = &[
    "Easy to clean.",
    "Two years of warranty.",
    "Made from recycled material.",
    "Ships flat.",
    "A good present.",
    "Spare parts are available.",
];
const SIZES: &[&str] = &["S", "M", "L", "XL"];

/// The nouns of all kinds, each with where it stands.
pub(super) fn nouns() -> Vec<(usize, usize, &'static str)> {
    let mut all = Vec::new();
    let kinds = DEPARTMENTS.iter().flat_map(|(_, kinds)| kinds.iter());
    for (at, kind) in kinds.enumerate() {
        all.extend(
            kind.nouns
                .iter()
                .enumerate()
                .map(|(place, noun)| (at, place, *noun)),
        );
    }
    all
}

/// Departments with what is below them; the ids of the lower ones, in order.
pub(super) async fn add_categories(app: &App) -> Result<Vec<CategoryId>> {
    let tree: Vec<(&str, Vec<&str>)> = DEPARTMENTS
        .iter()
        .map(|(name, kinds)| (*name, kinds.iter().map(|kind| kind.name).collect()))
        .collect();
    categories::add_tree(app, &tree).await
}

pub(super) fn product(
    app: &App,
    at: u32,
    categories: &[CategoryId],
    pictures: &[media::File],
    chance: &mut Chance,
) -> ReadyProduct {
    let nouns = nouns();
    let (place, round) = (at as usize % nouns.len(), at as usize / nouns.len());
    let (kind_at, _, noun) = nouns[place];
    let kinds: Vec<&Kind> = DEPARTMENTS
        .iter()
        .flat_map(|(_, kinds)| kinds.iter())
        .collect();
    let kind = kinds[kind_at];
    // Every maker with every look, in an order that jumps; then numbers.
    let pairs = MAKERS.len() * LOOKS.len();
    let pair = (round * 77 + place * 13) % pairs;
    let (maker, look) = (MAKERS[pair % MAKERS.len()], LOOKS[pair / MAKERS.len()]);
    let series = match round / pairs {
        0 => String::new(),
        series => format!(" No. {}", series + 1),
    };
    let name = format!("{maker} {look} {noun}{series}");
    let description = format!(
        "{noun} by {maker}. {} {}",
        chance.of(PRAISE),
        chance.of(CARE)
    );
    let hundredths = round_price(chance.between(kind.price.0, kind.price.1));
    let price = in_minor(app, hundredths);
    let sku = format!("{}{}-{at:05}", &maker[..2].to_uppercase(), &look[..1]);
    ReadyProduct {
        name,
        description,
        category: categories.get(kind_at).copied(),
        picture: pictures.get(at as usize % pictures.len().max(1)).cloned(),
        is_featured: at % 997 == 3,
        variants: variants(kind.comes, price, &sku, chance),
    }
}

fn variants(comes: Comes, price: i64, sku: &str, chance: &mut Chance) -> Wish {
    let option = |name: &str, choices: &[&str]| ProductOption {
        name: name.to_owned(),
        choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
    };
    let from = chance.below(COLORS.len());
    let colors: Vec<&str> = (0..2 + chance.below(2))
        .map(|at| COLORS[(from + at) % COLORS.len()].0)
        .collect();
    let sizes = &SIZES[..2 + chance.below(3)];
    let (options, choices): (Vec<ProductOption>, Vec<Vec<&str>>) = match comes {
        Comes::Plain => {
            let stock = Some(chance.between(5, 90));
            let (price, sku) = (Some(price), Some(Some(sku.to_owned())));
            return Wish {
                price,
                stock,
                sku,
                ..Wish::default()
            };
        }
        Comes::InColors => (
            vec![option("Color", &colors)],
            colors.iter().map(|&color| vec![color]).collect(),
        ),
        Comes::InSizes => (
            vec![option("Size", sizes)],
            sizes.iter().map(|&size| vec![size]).collect(),
        ),
        Comes::InSizesAndColors => (
            vec![option("Size", sizes), option("Color", &colors[..2])],
            sizes
                .iter()
                .flat_map(|&size| colors[..2].iter().map(move |&color| vec![size, color]))
                .collect(),
        ),
    };
    let larger = |choices: &[&str]| {
        SIZES
            .iter()
            .position(|size| choices.contains(size))
            .unwrap_or(0)
    };
    let variants = choices
        .iter()
        .enumerate()
        .map(|(at, choices)| VariantWish {
            sku: Some(Some(format!("{sku}-{}", at + 1))),
            choices: Some(Choices::InOrder(
                choices.iter().map(|&choice| choice.to_owned()).collect(),
            )),
            // Larger ones cost a tenth more each.
            price: Some(price + price / 10 * i64::try_from(larger(choices)).unwrap_or(0)),
            stock: Some(chance.between(0, 40)),
            ..VariantWish::default()
        })
        .collect();
    Wish {
        options: Some(options),
        variants: Some(variants),
        ..Wish::default()
    }
}

/// 12.34 → 12.99, 340.12 → 339.00: prices as shops have them.
fn round_price(hundredths: i64) -> i64 {
    match hundredths {
        ..=4999 => hundredths / 100 * 100 + 99,
        5000..=9999 => hundredths / 500 * 500 + 490,
        _ => hundredths / 1000 * 1000 + 900,
    }
}

fn in_minor(app: &App, hundredths: i64) -> i64 {
    (hundredths * app.currency.minor_per_major() / 100).max(1)
}
