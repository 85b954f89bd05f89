//! The shop as its callers see it: a small HTTP client, people with accounts and addresses of their own, many of them at
//! once, a bank that pays their orders, and loads with the data that they fall on. `bench` and `cartwright bench` measure
//! with it, `cartwright torture` proves with it.
//!
//! It talks HTTP to loopback addresses only, and knows nothing of the shop's insides.

pub mod adapter;
pub mod bank;
pub mod dataset;
pub mod http;
pub mod load;
pub mod parallel;
pub mod shop;
pub mod stats;

/// `"1299.99"` as 129999; -1 when it is no amount.
pub fn cents(amount: &serde_json::Value) -> i64 {
    amount
        .as_str()
        .unwrap_or_default()
        .replace('.', "")
        .parse()
        .unwrap_or(-1)
}

/// A number without a pattern, of a seed and a place.
pub fn mixed(seed: u64, at: usize) -> u64 {
    let mut x = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(at as u64);
    for shift in [30, 27, 31] {
        x = (x ^ (x >> shift)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    x >> 16
}
