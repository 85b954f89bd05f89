//! The requests of the fourth requirement document, as it prints them, on a fresh shop.

use serde_json::{Value, json};

use crate::shopping::{books_are_right, count};
use crate::support::{Ask, TestShop};

both! {
    async fn every_printed_request_does_what_the_document_says(shop: TestShop) {
        let admin = shop.admin().await.access;

        let registered = curl(&shop, "", r#"curl -X POST http://127.0.0.1:8000/api/users/register/ \
-H "Content-Type: application/json" \
-d '{"email":"testuser@example.com", "password":"SomeSecurePassword123", "name":"Test User", "phone":"1234567890"}'"#)
            .expect(201).await.json();
        assert_eq!(registered["user"]["email"], "testuser@example.com");

        let tokens = curl(&shop, "", r#"curl -X POST http://127.0.0.1:8000/api/token/ \
-H "Content-Type: application/json" \
-d '{"email":"testuser@example.com", "password":"SomeSecurePassword123"}'"#)
            .expect(200).await.json();
        let access = tokens["access"].as_str().unwrap();
        assert!(tokens["refresh"].is_string());

        let profile = curl(&shop, access, r#"curl -X GET http://127.0.0.1:8000/api/users/profile/ \
-H "Authorization: Bearer <ACCESS_TOKEN>""#)
            .expect(200).await.json();
        assert_eq!((&profile["name"], &profile["phone"]), (&json!("Test User"), &json!("1234567890")));

        let products = r"curl -X GET http://127.0.0.1:8000/api/products/";
        assert_eq!(curl(&shop, "", products).expect(200).await.json()["results"], json!([]));

        let category = curl(&shop, &admin, r#"curl -X POST http://127.0.0.1:8000/api/admin/categories/ -H "Authorization: Bearer <ADMIN_TOKEN>" -H "Content-Type: application/json" -d '{"name":"Electronics"}'"#)
            .expect(201).await.json();
        assert_eq!(category["id"], 1);

        let product = curl(&shop, &admin, r#"curl -X POST http://127.0.0.1:8000/api/admin/products/ -H "Authorization: Bearer <ADMIN_TOKEN>" -H "Content-Type: application/json" -d '{"name":"Laptop", "description":"A cool laptop", "price":"1299.99", "stock":"10", "category":1}'"#)
            .expect(201).await.json();
        assert_eq!((&product["id"], &product["price"], &product["stock"]), (&json!(1), &json!("1299.99"), &json!(10)));
        assert_eq!(curl(&shop, "", products).expect(200).await.json()["results"][0]["name"], "Laptop");

        let cart = curl(&shop, access, r#"curl -X POST http://127.0.0.1:8000/api/cart/ \
-H "Authorization: Bearer <ACCESS_TOKEN>" \
-H "Content-Type: application/json" \
-d '{"product_id":1, "quantity":1}'"#)
            .expect(201).await.json();
        assert_eq!(cart["total_amount"], "1299.99");

        let shown = curl(&shop, access, r#"curl -X GET http://127.0.0.1:8000/api/cart/ \
-H "Authorization: Bearer <ACCESS_TOKEN>""#)
            .expect(200).await.json();
        assert_eq!(shown, cart);

        let order = curl(&shop, access, r#"curl -X POST http://127.0.0.1:8000/api/orders/create/ \
-H "Authorization: Bearer <ACCESS_TOKEN>""#)
            .expect(201).await.json();
        assert_eq!((&order["id"], &order["total_amount"], &order["status"]), (&json!(1), &json!("1299.99"), &json!("pending")));
        assert_eq!(on_sale(&shop).await, 9);

        let history = r#"curl -X GET http://127.0.0.1:8000/api/orders/ \
-H "Authorization: Bearer <ACCESS_TOKEN>""#;
        assert_eq!(curl(&shop, access, history).expect(200).await.json()["results"], json!([order]));

        let cancel = r#"curl -X POST http://127.0.0.1:8000/api/orders/1/cancel/ \
-H "Authorization: Bearer <ACCESS_TOKEN>""#;
        assert_eq!(curl(&shop, access, cancel).expect(200).await.json()["status"], "cancelled");
        assert_eq!(on_sale(&shop).await, 10);
        curl(&shop, access, cancel).expect(409).await;
        assert_eq!(count(&shop, "orders").await, 1);
        books_are_right(&shop).await;
    }
}

async fn on_sale(shop: &TestShop) -> i64 {
    let product: Value = shop.get("/api/products/1/").expect(200).await.json();
    product["stock"].as_i64().unwrap()
}

/// A line for a shell as a request, with `token` for the one that it leaves open.
pub fn curl(shop: &TestShop, token: &str, line: &str) -> Ask {
    let mut words = shell_words(line).into_iter().skip(1);
    let (mut method, mut path, mut headers, mut body) =
        ("GET".to_owned(), String::new(), Vec::new(), None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-X" => method = words.next().unwrap(),
            "-H" => headers.push(words.next().unwrap()),
            "-d" => body = words.next(),
            url => path = url.split_once(":8000").unwrap().1.to_owned(),
        }
    }
    let mut ask = shop.ask(&method, &path);
    if let Some(body) = body {
        ask = ask.text(body);
    }
    headers.iter().fold(ask, |ask, header| {
        let (name, value) = header.split_once(": ").unwrap();
        let value = value
            .replace("<ACCESS_TOKEN>", token)
            .replace("<ADMIN_TOKEN>", token)
            .replace("YOUR_ACCESS_TOKEN", token);
        ask.header(&name.to_lowercase(), value)
    })
}

fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '\\') => drop(letters.next()),
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}
