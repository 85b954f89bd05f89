//! The data that measured servers hold: deterministic, the same in every comparison.
//!
//! Product n (1 to 10,000) is in category (n - 1) % 50 + 1 and costs 5.00 to 1,004.99; there are 1,000,000 of each but
//! of the last, the hot one: 500. "steel" stands in about a twelfth of the names. Customers are
//! u001@bench.example to u064@bench.example.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use crate::shop::PASSWORD;

pub const PRODUCTS: u32 = 10_000;
pub const CATEGORIES: u32 = 50;
pub const USERS: usize = 64;
pub const HOT_STOCK: i64 = 500;
const STOCK: i64 = 1_000_000;
/// In cents.
pub const LOWEST_PRICE: u64 = 500;

const ADJECTIVES: [&str; 12] = [
    "Small", "Heavy", "Blue", "Smart", "Quiet", "Rapid", "Classic", "Modern", "Compact", "Robust",
    "Light", "Bright",
];
const MATERIALS: [&str; 12] = [
    "Steel", "Cotton", "Wooden", "Leather", "Plastic", "Copper", "Granite", "Rubber", "Ceramic",
    "Paper", "Silk", "Bamboo",
];
const NOUNS: [&str; 12] = [
    "Lamp", "Chair", "Watch", "Bottle", "Jacket", "Keyboard", "Knife", "Backpack", "Mug", "Table",
    "Wallet", "Speaker",
];
const TEXT: &str = "Made for daily use, tested in the shop and at home. Ships within two days, \
                    may be returned within thirty days, and carries a two year warranty. ";

pub struct Category {
    pub name: String,
    pub slug: String,
    pub description: String,
}

pub struct Product {
    pub sku: String,
    pub name: String,
    pub description: String,
    pub price: String,
    pub stock: i64,
    pub category: String,
}

pub fn categories() -> impl Iterator<Item = Category> {
    (1..=CATEGORIES).map(|n| Category {
        name: format!("Category {n:02}"),
        slug: format!("category-{n:02}"),
        description: format!("All goods of category {n:02}."),
    })
}

pub fn product(n: u32) -> Product {
    let pick = |salt| (mix(n, salt) % 12) as usize;
    let (adjective, material, noun) = (ADJECTIVES[pick(1)], MATERIALS[pick(2)], NOUNS[pick(3)]);
    let cents = LOWEST_PRICE + u64::from(mix(n, 4)) % 100_000;
    Product {
        sku: format!("SKU-{n:05}"),
        name: format!("{adjective} {material} {noun} {n}"),
        description: format!(
            "{adjective} {} {}. {TEXT}",
            material.to_lowercase(),
            noun.to_lowercase()
        ),
        price: format!("{}.{:02}", cents / 100, cents % 100),
        stock: if n == PRODUCTS { HOT_STOCK } else { STOCK },
        category: format!("category-{:02}", (n - 1) % CATEGORIES + 1),
    }
}

/// The name of the category that product n is in.
pub fn category_of(n: u32) -> String {
    format!("Category {:02}", (n - 1) % CATEGORIES + 1)
}

/// `categories.json` and `products.csv` with products 1 to `count`, as `cartwright import` reads them, and `users.csv`
/// with e-mail addresses and passwords.
///
/// # Errors
/// The folder or a file cannot be written.
pub fn write_files(folder: &Path, count: u32) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    let categories: Vec<_> = categories()
        .map(|c| json!({"id": c.slug, "name": c.name, "description": c.description}))
        .collect();
    std::fs::write(
        folder.join("categories.json"),
        serde_json::to_vec_pretty(&categories)?,
    )?;
    let mut products = csv::Writer::from_path(folder.join("products.csv"))?;
    products.write_record(["sku", "name", "description", "price", "stock", "category"])?;
    for n in 1..=count {
        let p = product(n);
        products.write_record([
            &p.sku,
            &p.name,
            &p.description,
            &p.price,
            &p.stock.to_string(),
            &category_of(n),
        ])?;
    }
    products.flush()?;
    let mut users = csv::Writer::from_path(folder.join("users.csv"))?;
    users.write_record(["email", "password"])?;
    for n in 1..=USERS {
        users.write_record([user(n).as_str(), PASSWORD])?;
    }
    Ok(users.flush()?)
}

/// What somebody may look for: a word, two, or the beginning of one.
pub fn term(random: u64) -> String {
    let pick =
        |words: &[&str; 12], shift: u32| words[((random >> shift) % 12) as usize].to_lowercase();
    let (adjective, material, noun) =
        (pick(&ADJECTIVES, 8), pick(&MATERIALS, 16), pick(&NOUNS, 24));
    match random % 3 {
        0 => noun,
        1 => format!("{adjective}%20{noun}"),
        _ => format!("{material}%20{}", &noun[..3]),
    }
}

pub fn user(n: usize) -> String {
    format!("u{n:03}@bench.example")
}

fn mix(n: u32, salt: u32) -> u32 {
    let mut x = n
        .wrapping_mul(2_654_435_761)
        .wrapping_add(salt.wrapping_mul(40_503));
    x ^= x >> 15;
    x = x.wrapping_mul(2_246_822_519);
    x ^ (x >> 13)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of the program that loads the other servers.
    #[test]
    fn the_data_is_what_other_servers_are_measured_with() {
        let all: Vec<_> = (1..=PRODUCTS).map(product).collect();
        let cents = |p: &Product| p.price.replace('.', "").parse::<i64>().unwrap();
        assert_eq!(all.iter().map(cents).sum::<i64>(), 507_347_624);
        assert_eq!(all.iter().filter(|p| p.name.contains("Steel")).count(), 855);
        let second = &all[1];
        assert_eq!(
            (second.name.as_str(), second.price.as_str(), second.stock),
            ("Modern Leather Knife 2", "779.62", 1_000_000)
        );
        assert_eq!(
            (all[4998].name.as_str(), all[4998].category.as_str()),
            ("Robust Copper Knife 4999", "category-49")
        );
        assert_eq!(
            (all[9999].name.as_str(), all[9999].stock),
            ("Classic Wooden Mug 10000", 500)
        );
        assert!(
            second
                .description
                .starts_with("Modern leather knife. Made for daily use")
        );
    }
}
