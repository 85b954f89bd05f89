//! Pictures of products: taken in, made harmless, shown, served, erased; in a folder and in a bucket.

mod addresses;

use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::shopping::at_once;
use crate::support::{Ask, Person, TestShop};

const BOUNDARY: &str = "----cart";

/// A picture that is red on its left and blue on its right half.
fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgb([220, 20, 20])
        } else {
            Rgb([20, 20, 220])
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(pixels)
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

/// A form of texts and one file.
fn form(ask: Ask, texts: &[(&str, &str)], file: &[u8], name: &str, kind: &str) -> Ask {
    let mut body = Vec::new();
    for (name, text) in texts {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
        );
        body.extend(part.into_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    );
    body.extend(head.into_bytes());
    body.extend_from_slice(file);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
    ask.body(&format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

fn uploading(shop: &TestShop, admin: &Person, product: i64, file: &[u8]) -> Ask {
    let ask = shop
        .post(&format!("/api/v1/products/{product}/images/"))
        .by(admin);
    form(ask, &[], file, "photo.png", "image/png")
}

/// Uploads some picture and returns its id.
pub async fn upload(shop: &TestShop, admin: &Person, product: i64) -> i64 {
    let file = picture(40, 20, ImageFormat::Png);
    let made = uploading(shop, admin, product, &file)
        .expect(201)
        .await
        .json();
    made["id"].as_i64().unwrap()
}

/// The path of one of our URLs.
fn path(url: &Value) -> String {
    url.as_str()
        .unwrap()
        .strip_prefix("https://shop.test")
        .unwrap()
        .to_owned()
}

async fn shown(shop: &TestShop, product: i64) -> Value {
    shop.get(&format!("/api/v1/products/{product}/"))
        .expect(200)
        .await
        .json()
}

both! {
    async fn pictures_come_and_go_on_the_product_that_was_seen(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "5.00", 9).await;
        let path = format!("/api/v1/products/{}/", product.id);
        let tag = async || shop.get(&path).by(&admin).expect(200).await.header("etag").to_owned();
        let file = picture(40, 20, ImageFormat::Png);
        let old = tag().await;
        let id = upload(&shop, &admin, product.id).await;
        let refused = uploading(&shop, &admin, product.id, &file).header("if-match", &old).expect(412).await;
        assert_eq!(refused.code(), "precondition_failed");
        let delete = |tag: &str| shop.delete(&format!("{path}images/{id}/")).by(&admin).header("if-match", tag);
        delete(&old).expect(412).await;
        let new = tag().await;
        uploading(&shop, &admin, product.id, &file).header("if-match", &new).expect(201).await;
        delete(&new).expect(412).await;
        delete(&tag().await).expect(204).await;
        uploading(&shop, &admin, product.id, &file).header("if-match", "x").expect(400).await;
        let left = shop.get(&path).expect(200).await.json();
        assert_eq!(left["images"].as_array().unwrap().len(), 1);
    }

    async fn a_product_comes_with_its_picture_in_one_form(shop: TestShop) {
        let admin = shop.admin().await;
        let texts = [
            ("name", "Laptop"), ("description", "{A cool one}"), ("price", "1299.99"), ("stock", "10"), ("category", "1"),
            ("is_featured", "true"), ("sku", ""),
        ];
        let file = picture(1200, 600, ImageFormat::Jpeg);
        let ask = form(shop.post("/api/products/").by(&admin), &texts, &file, "laptop.jpg", "image/jpeg");
        let made = ask.expect(201).await.json();
        assert_eq!([&made["price"], &made["stock"], &made["is_featured"]], [&json!("1299.99"), &json!(10), &json!(true)]);
        let image = &made["images"][0];
        assert_eq!(made["image"], image["url"]);
        assert_eq!((image["width"].as_i64(), image["height"].as_i64()), (Some(1200), Some(600)));
        for (url, width) in [
            (&image["url"], 1200), (&image["thumbnails"]["large"], 960), (&image["thumbnails"]["medium"], 480),
            (&image["thumbnails"]["small"], 160),
        ] {
            let answer = shop.get(&path(url)).expect(200).await;
            assert_eq!(answer.header("content-type"), "image/jpeg");
            assert_eq!(image::load_from_memory(&answer.body).unwrap().width(), width);
        }
        assert_eq!(shown(&shop, 1).await, made);
        // Variants of a form are JSON; what is left empty is as good as absent.
        let texts = [("name", "Shirt"), ("options", r#"[{"name": "Size"}]"#),
            ("variants", r#"[{"options": {"Size": "M"}, "price": "5"}, {"options": {"Size": "L"}, "price": "6"}]"#)];
        let ask = form(shop.post("/api/v1/products/").by(&admin), &texts, b"", "", "application/octet-stream");
        let made = ask.expect(201).await.json();
        assert_eq!((made["variants"].as_array().unwrap().len(), &made["image"]), (2, &Value::Null));
    }

    async fn a_faulty_form_names_its_faults(shop: TestShop) {
        let admin = shop.admin().await;
        let file = picture(4, 4, ImageFormat::Png);
        let post = || shop.post("/api/v1/products/").by(&admin);
        let texts = [("price", "abc"), ("stock", "-1")];
        let answer = form(post(), &texts, &file, "a.png", "image/png").expect(400).await;
        assert_eq!(answer.faulty(), ["name", "price", "stock"]);
        let twice = [("name", "A"), ("price", "1"), ("price", "2")];
        assert_eq!(form(post(), &twice, &file, "a.png", "image/png").expect(400).await.faulty(), ["price"]);
        assert_eq!(form(post(), &[("name", "a\0b")], &file, "a.png", "image/png").expect(400).await.faulty(), ["name"]);
        post().body("multipart/form-data; boundary=x", "--x\r\nbroken").expect(400).await;
        post().body("multipart/form-data", "no boundary").expect(415).await;
        let images = "/api/v1/products/1/images/";
        shop.product(&admin, "1", 0).await;
        shop.post(images).by(&admin).json(json!({"image": "x"})).expect(415).await;
        let ask = form(shop.post(images).by(&admin), &[("alt", &"x".repeat(301))], b"", "", "");
        assert_eq!(ask.expect(400).await.faulty(), ["image", "alt"]);
        uploading(&shop, &admin, 999, &file).expect(404).await;
    }

    async fn pictures_are_added_shown_in_order_and_taken_away(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "19.99", 5).await.id;
        let (first, second) = (picture(30, 10, ImageFormat::Png), picture(10, 30, ImageFormat::WebP));
        let ask = form(shop.post(&format!("/api/v1/admin/products/{product}/images")).by(&admin), &[("alt", "From left")], &first, "a", "");
        let first = ask.expect(201).await.json();
        let second = uploading(&shop, &admin, product, &second).expect(201).await.json();
        let seen = shown(&shop, product).await;
        assert_eq!((&seen["image"], &seen["images"]), (&first["url"], &json!([first, second])));
        assert_eq!(first["alt"], "From left");
        // The cart shows the main one.
        let cart = shop.post("/api/v1/cart/items/").json(json!({"product_id": product})).expect(201).await.json();
        assert_eq!(cart["items"][0]["product"]["image"], first["url"]);
        // A new main picture with a change of the product stands before the others.
        let gif = picture(8, 8, ImageFormat::Gif);
        let ask = form(shop.patch(&format!("/api/v1/products/{product}/")).by(&admin), &[("name", "New")], &gif, "a.gif", "image/gif");
        let changed = ask.expect(200).await.json();
        assert_eq!((&changed["image"], &changed["images"][1]), (&changed["images"][0]["url"], &first));
        let one = |image: &Value| shop.delete(&format!("/api/v1/products/{product}/images/{}/", image["id"]));
        one(&changed["images"][0]).by(&admin).expect(204).await;
        one(&changed["images"][0]).by(&admin).expect(404).await;
        let other = shop.product(&admin, "1", 1).await.id;
        shop.delete(&format!("/api/v1/products/{other}/images/{}/", second["id"])).by(&admin).expect(404).await;
        let seen = shown(&shop, product).await;
        assert_eq!((&seen["image"], &seen["images"]), (&first["url"], &json!([first, second])));
        one(&first).by(&admin).expect(204).await;
        one(&second).by(&admin).expect(204).await;
        let seen = shown(&shop, product).await;
        assert_eq!((&seen["image"], &seen["images"]), (&Value::Null, &json!([])));
        let log = shop.get("/api/v1/admin/audit-log/?action=product.updated").by(&admin).expect(200).await.json();
        assert_eq!(log["results"][0]["before"]["images"], json!([second["id"]]));
    }

    async fn a_product_with_variants_and_pictures_can_be_sent_back_as_it_was_read(shop: TestShop) {
        let admin = shop.admin().await;
        let body = json!({
            "name": "Shirt", "options": [{"name": "Size"}, {"name": "Color"}, {"name": "Fit"}],
            "variants": [
                {"sku": "S-1", "options": {"Size": "M", "Color": "Red", "Fit": "Slim"}, "price": "5.00", "stock": 3},
                {"sku": "S-2", "options": {"Size": "L", "Color": "Red", "Fit": "Slim"}, "price": "6.00", "stock": 4},
            ],
        });
        let made = shop.product_with(&admin, body).await;
        let image = upload(&shop, &admin, made.id).await;
        let path = format!("/api/v1/products/{}/", made.id);
        let mut product = shown(&shop, made.id).await;
        product["variants"][1]["image_id"] = image.into();
        product.as_object_mut().unwrap().retain(|name, _| !["price", "stock", "sku"].contains(&name.as_str()));
        let put = shop.put(&path).by(&admin).json(product).expect(200).await.json();
        assert_eq!(put["variants"][1]["image"], put["images"][0]["url"]);
        assert_eq!(put["variants"][0]["image"], Value::Null);
        // What was read, price and stock and all, says nothing new.
        let read = shop.get(&path).expect(200).await.json();
        let again = shop.put(&path).by(&admin).json(read.clone()).expect(200).await.json();
        assert_eq!(again, read);
        // Writing what is the variants' own is still refused.
        shop.patch(&path).by(&admin).json(json!({"stock": 99})).expect(400).await;
        let stranger = json!({"variants": [{"id": made.variant_id, "image_id": image + 1}, {"id": made.variant_id + 1}]});
        let answer = shop.patch(&path).by(&admin).json(stranger).expect(400).await;
        assert_eq!(answer.faulty(), ["variants.0.image_id"]);
        shop.delete(&format!("{path}images/{image}/")).by(&admin).expect(204).await;
        assert_eq!(shown(&shop, made.id).await["variants"][1]["image_id"], Value::Null);
    }

    /// AD-06
    async fn what_is_no_picture_is_refused_whatever_it_is_called(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let whole = picture(64, 64, ImageFormat::Png);
        let jpeg = picture(64, 64, ImageFormat::Jpeg);
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec();
        let liars: [(&str, Vec<u8>); 8] = [
            ("logo.svg", svg.clone()), ("logo.svg.png", svg), ("page.png", b"<html><script>alert(1)</script>".to_vec()),
            ("cut.png", whole[..whole.len() / 2].to_vec()), ("cut.jpg", jpeg[..40].to_vec()), ("empty.gif", b"GIF89a".to_vec()),
            ("image.php.png", b"\x89PNG\r\n\x1a\n<?php system($_GET[0]);".to_vec()), ("bitmap.png", b"BM6\0\0\0\0\0".to_vec()),
        ];
        for (name, file) in liars {
            let ask = shop.post(&format!("/api/v1/products/{product}/images/")).by(&admin);
            let answer = form(ask, &[], &file, name, "image/png").expect(400).await;
            assert_eq!((answer.code(), answer.faulty()), ("invalid_image".into(), vec!["image".into()]), "{name}");
        }
        let customer = shop.customer("eve").await;
        uploading(&shop, &customer, product, &whole).expect(403).await;
        let ask = shop.post(&format!("/api/v1/products/{product}/images/"));
        form(ask, &[], &whole, "a.png", "image/png").expect(401).await;
        assert_eq!(shown(&shop, product).await["images"], json!([]));
    }

    /// AD-06
    async fn nothing_of_an_upload_survives_but_what_can_be_seen(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        // Two files in one, and a place where it was taken; turned by a quarter, as phones do it.
        let plain = picture(40, 20, ImageFormat::Jpeg);
        let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0GPS-HOME-ADDRESS";
        let mut file = plain[..2].to_vec();
        file.extend([0xff, 0xe1]);
        file.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
        file.extend_from_slice(exif);
        file.extend_from_slice(&plain[2..]);
        file.extend_from_slice(b"PK\x03\x04<script>alert(1)</script>");
        let made = uploading(&shop, &admin, product, &file).expect(201).await.json();
        assert_eq!((made["width"].as_i64(), made["height"].as_i64()), (Some(20), Some(40)));
        let urls = [&made["url"], &made["thumbnails"]["large"], &made["thumbnails"]["small"]];
        for url in urls {
            let bytes = shop.get(&path(url)).expect(200).await.body;
            for trace in [&b"Exif"[..], b"GPS-HOME", b"<script", b"PK\x03\x04"] {
                assert!(!bytes.windows(trace.len()).any(|part| part == trace), "{url}");
            }
            // A quarter to the right: what was on the left is on top.
            let top = *image::load_from_memory(&bytes).unwrap().to_rgb8().get_pixel(10, 5);
            assert!(top.0[0] > 150 && top.0[2] < 100, "{top:?}");
        }
    }

    /// DO-08
    async fn too_much_is_refused_before_it_is_unpacked(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let started = std::time::Instant::now();
        // The headers promise 50 000 × 50 000 pixels; 4 GiB in a few bytes.
        let mut gif = picture(4, 4, ImageFormat::Gif);
        gif[6..10].copy_from_slice(&[0x50, 0xc3, 0x50, 0xc3]);
        for file in [gif, bomb()] {
            let answer = uploading(&shop, &admin, product, &file).expect(400).await;
            assert_eq!(answer.code(), "invalid_image");
        }
        let large = vec![0u8; 5 * 1024 * 1024 + 1];
        assert_eq!(uploading(&shop, &admin, product, &large).expect(413).await.code(), "body_too_large");
        let larger = vec![0u8; 20 * 1024 * 1024];
        assert_eq!(uploading(&shop, &admin, product, &larger).expect(413).await.code(), "body_too_large");
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    }

    async fn more_pictures_than_can_be_read_at_once_are_sent_away(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let file = picture(300, 300, ImageFormat::Png);
        let answers = at_once((0..80).map(|_| uploading(&shop, &admin, product, &file))).await;
        let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::CREATED);
        assert!(!taken.is_empty() && !refused.is_empty(), "{} taken", taken.len());
        for answer in refused {
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "overloaded"));
            assert!(!answer.header("retry-after").is_empty());
        }
    }

    async fn files_are_for_ever_and_harmless(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        upload(&shop, &admin, product).await;
        let file = path(&shown(&shop, product).await["image"]);
        let answer = shop.get(&file).by(&admin).expect(200).await;
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        assert!(answer.header("content-security-policy").contains("sandbox"));
        let tag = answer.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'));
        assert!(shop.get(&file).header("if-none-match", tag).expect(304).await.body.is_empty());
        assert!(shop.ask("HEAD", &file).expect(200).await.body.is_empty());
        shop.post(&file).by(&admin).expect(405).await;
        // The same picture is kept once.
        let other = shop.product(&admin, "1", 1).await.id;
        upload(&shop, &admin, other).await;
        assert_eq!(path(&shown(&shop, other).await["image"]), file);
    }

    /// IN-13
    async fn no_path_leads_out_of_the_folder(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        upload(&shop, &admin, product).await;
        let name = path(&shown(&shop, product).await["image"])["/media/".len()..].to_owned();
        let folder = shop.app.config.media_url.expose().strip_prefix("file://").unwrap().to_owned();
        let link = format!("{folder}/{}.jpg", "f".repeat(32));
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        for path in [
            "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "../../etc/passwd", "..\\..\\windows", "..%5c..%5cx", "%00",
            "%", "%zz", "", ".", "..", "%2fetc%2fpasswd", "....//x", &format!("{name}%00.jpg"), &format!("x/../{name}"),
            &format!("{name}/"), &name.to_uppercase(), &format!("{}.jpg", "f".repeat(32)), &format!("{}.jpg", "0".repeat(32)),
        ] {
            // What is no URL at all cannot even be asked for.
            let url = format!("/media/{path}");
            if url.parse::<Uri>().is_err() {
                continue;
            }
            let answer = shop.get(&url).send().await;
            assert!([400, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
            assert!(!answer.text().contains("root:"), "{path}");
        }
        shop.get(&format!("/media/{name}")).expect(200).await;
    }

    async fn what_nothing_shows_is_erased_and_nothing_else(shop: TestShop) {
        let admin = shop.admin().await;
        let (one, two) = (shop.product(&admin, "1", 1).await.id, shop.product(&admin, "1", 1).await.id);
        let (first, _) = (upload(&shop, &admin, one).await, upload(&shop, &admin, two).await);
        let file = path(&shown(&shop, one).await["image"]);
        let sweep = async || shop::media::sweep(&shop.app).await.unwrap();
        shop.clock.advance(Duration::from_secs(7200));
        let admin = shop.sign_in(&admin.email).await;
        let remove = |admin: &Person, product: i64, image: i64| {
            let path = format!("/api/v1/products/{product}/images/{image}/");
            shop.delete(&path).by(admin)
        };
        remove(&admin, one, first).expect(204).await;
        assert_eq!(sweep().await, 0, "the other product shows it");
        let address = shown(&shop, two).await["image"].clone();
        let borrower = shop.product_with(&admin, json!({"name": "Third", "price": "1", "image_url": address})).await.id;
        shop.delete(&format!("/api/v1/products/{two}/")).by(&admin).expect(204).await;
        assert_eq!(sweep().await, 0, "a third product names its address");
        shop.get(&file).expect(200).await;
        shop.delete(&format!("/api/v1/products/{borrower}/")).by(&admin).expect(204).await;
        assert_eq!(sweep().await, 0, "its address was named a moment ago");
        shop.clock.advance(Duration::from_secs(7200));
        let admin = shop.sign_in(&admin.email).await;
        assert_eq!(sweep().await, 1);
        shop.get(&file).expect(404).await;
        // What was taken in a moment ago may yet be shown; what was erased can come again.
        upload(&shop, &admin, one).await;
        shop.get(&file).expect(200).await;
        let again = shown(&shop, one).await["images"][0]["id"].as_i64().unwrap();
        remove(&admin, one, again).expect(204).await;
        assert_eq!(sweep().await, 0);
        shop.get(&file).expect(200).await;
        // An upload whose product was refused leaves nothing to be seen, and nothing after an hour.
        let ask = shop.post("/api/v1/products/").by(&admin);
        form(ask, &[("name", "No price")], &picture(9, 9, ImageFormat::Png), "a.png", "image/png").expect(400).await;
        shop.clock.advance(Duration::from_secs(7200));
        assert_eq!(sweep().await, 2);
        let folder = shop.app.config.media_url.expose().strip_prefix("file://").unwrap().to_owned();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    }
}

/// A PNG whose few bytes unpack to far more than its header says, and whose header says far too much.
fn bomb() -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
        let body = [kind, data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&body);
        bytes.extend(body);
        bytes.extend(crc.sum().to_be_bytes());
        bytes
    };
    let mut zeros = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(
        &mut std::io::Read::take(std::io::repeat(0), 50_000_000),
        &mut zeros,
    )
    .unwrap();
    let head = [
        &50_000u32.to_be_bytes()[..],
        &50_000u32.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &head),
        chunk(b"IDAT", &zeros.finish().unwrap()),
        chunk(b"IEND", b""),
    ]
    .concat()
}

/// Something that speaks as much S3 as we need, and looks whether requests are signed.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<Vec<(String, Bytes)>>>);

impl Bucket {
    async fn serve(self) -> String {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let objects = self.0.clone();
            async move {
                let signature = headers
                    .get("authorization")
                    .map_or("", |value| value.to_str().unwrap());
                let signed = signature.starts_with("AWS4-HMAC-SHA256 Credential=shop-key/")
                    && signature.contains("Signature=");
                if !signed || !headers.contains_key("x-amz-date") {
                    return (StatusCode::FORBIDDEN, Bytes::new());
                }
                let (mut objects, name) = (objects.lock().unwrap(), uri.path().to_owned());
                match method {
                    Method::PUT => {
                        objects.push((name, body));
                        (StatusCode::OK, Bytes::new())
                    }
                    Method::DELETE => {
                        objects.retain(|(other, _)| *other != name);
                        (StatusCode::NO_CONTENT, Bytes::new())
                    }
                    _ => match objects.iter().find(|(other, _)| *other == name) {
                        Some((_, bytes)) => (StatusCode::OK, bytes.clone()),
                        None => (StatusCode::NOT_FOUND, Bytes::new()),
                    },
                }
            }
        };
        let answer = async move |method, uri, headers, body| {
            let (status, body): (StatusCode, Bytes) = answer(method, uri, headers, body).await;
            (
                status,
                [
                    ("etag", "\"1\""),
                    ("last-modified", "Sat, 21 Nov 2026 15:30:09 GMT"),
                ],
                body,
            )
        };
        let app: axum::Router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(socket, app).await });
        format!("http://{address}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_can_lie_in_a_bucket_and_requests_to_it_are_signed() {
    let bucket = Bucket::default();
    let endpoint = bucket.clone().serve().await;
    let url =
        format!("s3://shop-key:s%2Fecret@shop/pictures?region=eu-central-1&endpoint={endpoint}");
    let shop = TestShop::with(db::Engine::Sqlite, &[("MEDIA_URL", &url)]).await;
    let admin = shop.admin().await;
    let product = shop.product(&admin, "1", 1).await.id;
    let image = upload(&shop, &admin, product).await;
    let file = path(&shown(&shop, product).await["image"]);
    let names: Vec<String> = bucket
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(names.len(), 4);
    assert!(
        names.iter().all(|name| name.starts_with("/shop/pictures/")),
        "{names:?}"
    );
    let answer = shop.get(&file).expect(200).await;
    assert_eq!(image::load_from_memory(&answer.body).unwrap().width(), 40);
    shop.get(&format!("/media/{}.png", "0".repeat(32)))
        .expect(404)
        .await;
    shop.delete(&format!("/api/v1/products/{product}/images/{image}/"))
        .by(&admin)
        .expect(204)
        .await;
    shop.clock.advance(Duration::from_secs(7200));
    assert_eq!(shop::media::sweep(&shop.app).await.unwrap(), 1);
    assert!(bucket.0.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_away_or_refuses_us_is_a_dependency() {
    let endpoint = Bucket::default().serve().await;
    let away = "http://127.0.0.1:9".to_owned();
    for (endpoint, key) in [(endpoint, "other-key"), (away, "shop-key")] {
        let url = format!("s3://{key}:secret@shop?region=eu-central-1&endpoint={endpoint}");
        let shop = TestShop::with(db::Engine::Sqlite, &[("MEDIA_URL", &url)]).await;
        let admin = shop.admin().await;
        let product = shop.product(&admin, "1", 1).await.id;
        let answer = uploading(&shop, &admin, product, &picture(4, 4, ImageFormat::Png))
            .expect(503)
            .await;
        assert_eq!(answer.code(), "dependency_unavailable");
        assert!(!answer.text().contains("secret") && !answer.text().contains("127.0.0.1"));
        assert_eq!(shown(&shop, product).await["images"], json!([]));
    }
}
