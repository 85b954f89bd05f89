//! Pictures that a product shows by naming an address, ours or another's, and not too many of them.

use std::time::Duration;

use db::{Engine, args};
use image::ImageFormat;
use serde_json::{Value, json};

use super::{form, path, picture, shown, upload, uploading};
use crate::support::{Person, TestShop};

const PRODUCTS: &str = "/api/v1/products/";

/// Characters of three bytes each, of which none follows from those before.
fn noise(count: usize) -> String {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from_u32(0x4e00 + state % 20_000).unwrap()
    };
    (0..count).map(|_| next()).collect()
}

async fn behind_the_back(shop: &TestShop, sql: &str, text: &str) {
    let tx = shop.app.db.begin().await.unwrap();
    assert_eq!(tx.execute(sql, args![text]).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

/// A product that names an address, to be.
fn naming(shop: &TestShop, admin: &Person, url: &str) -> crate::support::Ask {
    let body = json!({"name": "Borrower", "price": "1", "image_url": url});
    shop.post(PRODUCTS).by(admin).json(body)
}

async fn sweep(shop: &TestShop) -> u64 {
    shop::media::sweep(&shop.app).await.unwrap()
}

both! {
    async fn an_address_may_be_as_long_as_it_may_be_in_any_letters(shop: TestShop) {
        let admin = shop.admin().await;
        let url = format!("https://x.test/{}", noise(1900));
        let made = naming(&shop, &admin, &url).expect(201).await.json();
        assert_eq!(made["image"], *url);
        let path = format!("{PRODUCTS}{}/", made["id"]);
        let other = format!("/pictures/{}", noise(1980));
        let changed = shop.patch(&path).by(&admin).json(json!({"image_url": other})).expect(200).await.json();
        assert_eq!(changed["image"], *other);
        // Such as may stand in a database since before there was a rule.
        let odd = format!("/media/{}", noise(1970));
        behind_the_back(&shop, "UPDATE products SET image_url = $1", &odd).await;
        sweep(&shop).await;
        // What is sent back as it was read says nothing new.
        let read = shop.get(&path).by(&admin).expect(200).await.json();
        assert_eq!(shop.put(&path).by(&admin).json(read.clone()).expect(200).await.json()["image"], read["image"]);
    }

    async fn who_names_the_address_of_a_picture_or_of_its_thumbnail_keeps_it(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let id = upload(&shop, &admin, product).await;
        let image = shown(&shop, product).await["images"][0].clone();
        for url in [&image["url"], &image["thumbnails"]["small"]] {
            // Whole, or as a path of this host.
            for url in [url.as_str().unwrap().to_owned(), path(url)] {
                naming(&shop, &admin, &url).expect(201).await;
            }
        }
        let thumbnail = json!({"image_url": image["thumbnails"]["large"]});
        let last = shop.patch(&format!("{PRODUCTS}5/")).by(&admin).json(thumbnail).expect(200).await.json();
        assert_eq!(last["image"], image["thumbnails"]["large"]);
        shop.delete(&format!("{PRODUCTS}{product}/images/{id}/")).by(&admin).expect(204).await;
        for borrower in 2..=4 {
            shop.delete(&format!("{PRODUCTS}{borrower}/")).by(&admin).expect(204).await;
        }
        shop.clock.advance(Duration::from_secs(7200));
        assert_eq!(sweep(&shop).await, 0, "the last one shows a thumbnail of it");
        shop.get(&path(&last["image"])).expect(200).await;
        let admin = shop.sign_in(&admin.email).await;
        shop.delete(&format!("{PRODUCTS}5/")).by(&admin).expect(204).await;
        assert_eq!(sweep(&shop).await, 1);
    }

    async fn an_address_of_ours_at_which_nothing_is_or_nothing_stays_is_refused(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let file = path(&{ upload(&shop, &admin, product).await; shown(&shop, product).await["image"].clone() });
        let name = &file["/media/".len()..file.find('.').unwrap()];
        let refused = async |url: &str| {
            let patch = shop.patch(&format!("{PRODUCTS}{product}/")).by(&admin).json(json!({"image_url": url}));
            for ask in [naming(&shop, &admin, url), patch] {
                assert_eq!(ask.expect(400).await.faulty(), ["image_url"], "{url}");
            }
        };
        for url in [
            format!("/media/{}.jpg", "0".repeat(32)), format!("/media/{name}"), format!("/media/{name}-huge.png"),
            format!("/media/{name}.svg"), format!("https://shop.test/media/{}", noise(1900)), "/media/".into(),
        ] {
            refused(&url).await;
        }
        naming(&shop, &admin, &format!("{file}?v=2")).expect(201).await;
        // The same file while it is being erased.
        behind_the_back(&shop, "UPDATE products SET image_url = NULL WHERE id = 1 AND image_url = $1", &file).await;
        behind_the_back(&shop, "UPDATE media_files SET leaving = TRUE WHERE name = $1", name).await;
        refused(&file).await;
    }

    /// An address that was named a moment ago keeps a file however long ago that was taken in.
    async fn a_name_that_is_just_being_written_keeps_the_file(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let id = upload(&shop, &admin, product).await;
        let url = shown(&shop, product).await["image"].clone();
        shop.delete(&format!("{PRODUCTS}{product}/images/{id}/")).by(&admin).expect(204).await;
        shop.clock.advance(Duration::from_secs(7200));
        let admin = shop.sign_in(&admin.email).await;
        let borrower = naming(&shop, &admin, url.as_str().unwrap()).expect(201).await.json();
        shop.delete(&format!("{PRODUCTS}{}/", borrower["id"])).by(&admin).expect(204).await;
        assert_eq!(sweep(&shop).await, 0, "it was touched");
        shop.clock.advance(Duration::from_secs(7200));
        assert_eq!(sweep(&shop).await, 1);
    }

    async fn the_sweep_finds_named_addresses_by_their_index(shop: TestShop) {
        let sql = shop::media::STATEMENTS.iter().find(|sql| sql.contains("products p")).unwrap();
        let tx = shop.app.db.begin().await.unwrap();
        let plan: Vec<String> = match shop.app.db.engine() {
            Engine::Sqlite => {
                let steps: Vec<(i64, i64, i64, String)> =
                    tx.all(&format!("EXPLAIN QUERY PLAN {sql}"), args![0]).await.unwrap();
                steps.into_iter().map(|step| step.3).collect()
            }
            Engine::Postgres => {
                for way in ["seqscan", "hashjoin", "mergejoin"] {
                    tx.execute(&format!("SET LOCAL enable_{way} = off"), &[]).await.unwrap();
                }
                tx.all(&format!("EXPLAIN {sql}"), args![0]).await.unwrap()
            }
        };
        let plan = plan.join("\n");
        assert!(plan.contains("products_image_url"), "{plan}");
    }

    async fn a_picture_that_comes_with_a_change_is_one_of_fifty_and_is_kept_once(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let sending = |width: u32| {
            let ask = shop.patch(&format!("{PRODUCTS}{product}/")).by(&admin);
            form(ask, &[], &picture(width, 4, ImageFormat::Png), "a.png", "image/png")
        };
        let widths = |product: &Value| -> Vec<i64> {
            product["images"].as_array().unwrap().iter().map(|image| image["width"].as_i64().unwrap()).collect()
        };
        for width in [10, 11, 12] {
            sending(width).expect(200).await;
        }
        assert_eq!(widths(&shown(&shop, product).await), [12, 11, 10]);
        // One that is there comes to the front.
        let changed = sending(10).expect(200).await.json();
        assert_eq!((widths(&changed), &changed["image"]), (vec![10, 12, 11], &changed["images"][0]["url"]));
        assert_eq!(widths(&sending(10).expect(200).await.json()), [10, 12, 11]);
        for width in 13..60 {
            uploading(&shop, &admin, product, &picture(width, 4, ImageFormat::Png)).expect(201).await;
        }
        let refused = sending(99).expect(400).await;
        assert_eq!(refused.faulty(), ["image"]);
        uploading(&shop, &admin, product, &picture(99, 4, ImageFormat::Png)).expect(400).await;
        // No further row for one of the fifty.
        let changed = sending(30).expect(200).await.json();
        assert_eq!((widths(&changed).len(), widths(&changed)[0]), (50, 30));
    }
}
