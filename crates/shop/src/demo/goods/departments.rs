//! Departments of the demo, and the kinds of goods in each.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comes {
    Plain,
    InColors,
    InSizes,
    InSizesAndColors,
}

/// A category below a department: what is sold there, and for how many hundredths.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) nouns: &'static [&'static str],
    pub(super) price: (i64, i64),
    pub(super) comes: Comes,
}

const fn kind(
    name: &'static str,
    nouns: &'static [&'static str],
    price: (i64, i64),
    comes: Comes,
) -> Kind {
    Kind {
        name,
        nouns,
        price,
        comes,
    }
}

pub(super) const DEPARTMENTS: &[(&str, &[Kind])] = {
    use Comes::{InColors, InSizes, InSizesAndColors, Plain};
    &[
        (
            "Kitchen",
            &[
                kind(
                    "Mugs & Cups",
                    &["Mug", "Espresso Cup", "Teacup", "Tumbler"],
                    (690, 2900),
                    InColors,
                ),
                kind(
                    "Cookware",
                    &["Frying Pan", "Saucepan", "Casserole", "Wok"],
                    (2900, 18900),
                    InSizes,
                ),
                kind(
                    "Knives",
                    &["Chef's Knife", "Bread Knife", "Paring Knife"],
                    (1900, 14900),
                    Plain,
                ),
                kind(
                    "Coffee & Tea",
                    &["French Press", "Teapot", "Coffee Grinder", "Milk Jug"],
                    (1490, 9900),
                    InColors,
                ),
            ],
        ),
        (
            "Home",
            &[
                kind(
                    "Lamps",
                    &["Desk Lamp", "Floor Lamp", "Pendant Lamp", "Night Light"],
                    (2900, 24900),
                    InColors,
                ),
                kind(
                    "Textiles",
                    &["Throw Blanket", "Cushion", "Curtain", "Rug"],
                    (1990, 15900),
                    InSizesAndColors,
                ),
                kind(
                    "Storage",
                    &["Basket", "Shelf", "Storage Box", "Coat Rack"],
                    (990, 12900),
                    InSizes,
                ),
                kind(
                    "Candles",
                    &["Scented Candle", "Candle Holder", "Lantern"],
                    (590, 4900),
                    Plain,
                ),
            ],
        ),
        (
            "Clothing",
            &[
                kind(
                    "Shirts",
                    &["T-Shirt", "Oxford Shirt", "Polo Shirt", "Henley"],
                    (1490, 7900),
                    InSizesAndColors,
                ),
                kind(
                    "Knitwear",
                    &["Sweater", "Cardigan", "Beanie", "Scarf"],
                    (1990, 14900),
                    InSizesAndColors,
                ),
                kind(
                    "Jackets",
                    &["Rain Jacket", "Parka", "Down Vest"],
                    (5900, 29900),
                    InSizesAndColors,
                ),
                kind(
                    "Socks",
                    &["Wool Socks", "Running Socks", "Slippers"],
                    (690, 3900),
                    InSizes,
                ),
            ],
        ),
        (
            "Electronics",
            &[
                kind(
                    "Audio",
                    &["Headphones", "Earbuds", "Bluetooth Speaker", "Soundbar"],
                    (2900, 39900),
                    InColors,
                ),
                kind(
                    "Computers",
                    &["Laptop Stand", "Keyboard", "Mouse", "Webcam", "Monitor"],
                    (1990, 49900),
                    InColors,
                ),
                kind(
                    "Chargers & Cables",
                    &["USB-C Cable", "Wall Charger", "Power Bank"],
                    (790, 6900),
                    Plain,
                ),
            ],
        ),
        (
            "Garden",
            &[
                kind(
                    "Garden Tools",
                    &["Spade", "Pruning Shears", "Watering Can", "Rake"],
                    (1290, 7900),
                    Plain,
                ),
                kind(
                    "Pots & Planters",
                    &["Plant Pot", "Planter", "Hanging Basket"],
                    (890, 8900),
                    InSizesAndColors,
                ),
                kind(
                    "Outdoor Living",
                    &["Camping Chair", "Picnic Blanket", "Fire Bowl"],
                    (2490, 19900),
                    InColors,
                ),
            ],
        ),
        (
            "Toys & Games",
            &[
                kind(
                    "Puzzles",
                    &["Jigsaw Puzzle", "Wooden Puzzle", "Brain Teaser"],
                    (990, 4900),
                    Plain,
                ),
                kind(
                    "Board Games",
                    &["Board Game", "Card Game", "Dice Set"],
                    (1290, 6900),
                    Plain,
                ),
                kind(
                    "Soft Toys",
                    &["Teddy Bear", "Plush Rabbit", "Rattle"],
                    (990, 4900),
                    InColors,
                ),
            ],
        ),
        (
            "Stationery",
            &[
                kind(
                    "Notebooks",
                    &["Notebook", "Sketchbook", "Planner"],
                    (490, 3900),
                    InColors,
                ),
                kind(
                    "Pens",
                    &["Fountain Pen", "Ballpoint Pen", "Pencil Set"],
                    (290, 12900),
                    InColors,
                ),
            ],
        ),
        (
            "Sports",
            &[
                kind(
                    "Yoga",
                    &["Yoga Mat", "Yoga Block", "Foam Roller"],
                    (990, 8900),
                    InColors,
                ),
                kind(
                    "Running",
                    &["Running Shorts", "Running Belt", "Water Bottle"],
                    (1290, 6900),
                    InSizesAndColors,
                ),
            ],
        ),
    ]
};
