//! Where a setting comes from, and what is never shown.

use serde_json::Value;

use crate::support::{Folder, run, text};

#[test]
fn config_shows_each_value_with_its_origin_and_no_secret() {
    let folder = Folder::new();
    std::fs::write(
        folder.path().join(".env"),
        "CURRENCY=INR\nTIME_ZONE=Asia/Kolkata\nCART_MAX_LINES=7\nSECRET_KEY='hunter2-in-the-file'\n",
    )
    .unwrap();
    let env = [
        ("CURRENCY", "GBP"),
        ("TIME_ZONE", "Europe/London"),
        ("DATABASE_URL", "postgres://me:hunter2@db/shop"),
    ];

    let shown = run(&folder, &["config", "--json", "--currency", "EUR"], &env);

    let json: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let setting = |name: &str| {
        let all = json["settings"].as_array().unwrap();
        let found = all.iter().find(|s| s["name"] == name).unwrap();
        (
            found["value"].as_str().unwrap().to_owned(),
            found["origin"].as_str().unwrap().to_owned(),
        )
    };
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(setting("CURRENCY"), pair("EUR", "flag"));
    assert_eq!(setting("TIME_ZONE"), pair("Europe/London", "environment"));
    assert_eq!(setting("CART_MAX_LINES"), pair("7", ".env"));
    assert_eq!(setting("CART_MAX_QUANTITY"), pair("9999", "default"));
    assert_eq!(setting("SECRET_KEY"), pair("****", ".env"));
    assert_eq!(
        setting("DATABASE_URL"),
        pair("postgres://me:****@db/shop", "environment")
    );
    let plain = run(&folder, &["config"], &env);
    assert!(!text(&shown.stdout).contains("hunter2") && !text(&plain.stdout).contains("hunter2"));
    assert!(
        !folder.path().join("data").exists(),
        "looking makes nothing"
    );
}
