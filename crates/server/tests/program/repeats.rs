//! A request that is sent again because its answer was lost, with the same `Idempotency-Key`.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::{Answer, Folder, PASSWORD, Shop, login, run};

/// A request with a token and a key, as it goes over the wire.
fn request(method: &str, path: &str, token: &str, key: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn signed_in(shop: &Shop) -> String {
    let answer = login(shop, "boss@shop.example").json();
    answer["access"].as_str().unwrap().to_owned()
}

fn orders(shop: &Shop, token: &str) -> u64 {
    let list = request("GET", "/api/v1/orders/", token, "x", &json!({}));
    shop.send(&list).json()["count"].as_u64().unwrap()
}

/// ID-07: whenever it is killed, before the commit or between commit and answer, there is one order in the end.
#[test]
fn an_order_whose_answer_was_lost_is_not_placed_twice() {
    let folder = Folder::new();
    let flags = [
        "createsuperuser",
        "--no-input",
        "--email",
        "boss@shop.example",
        "--password",
        PASSWORD,
    ];
    assert!(run(&folder, &flags, &[]).status.success());
    let mut shop = Shop::open(&folder, &[]);
    let token = signed_in(&shop);
    let mug = json!({"name": "Mug", "price": "5.00", "stock": 100});
    let made = shop.send(&request("POST", "/api/v1/products/", &token, "x", &mug));
    assert_eq!(made.status, 201, "{}", made.body);
    let line = json!({"product_id": made.json()["id"]});

    for round in 0..4 {
        let key = format!("order {round}");
        let added = shop.send(&request("POST", "/api/v1/cart/items/", &token, "x", &line));
        assert_eq!(added.status, 201, "{}", added.body);
        let order = request("POST", "/api/v1/orders/", &token, &key, &json!({}));
        let mut unread = shop.connect();
        unread.write_all(order.as_bytes()).unwrap();
        match round {
            // It may not even have begun.
            0 => {}
            // The row exists, and nobody has read the answer.
            _ => while orders(&shop, &token) <= round {},
        }
        shop.kill();
        drop(unread);

        shop = Shop::open(&folder, &[]);
        let again: Answer = shop.send(&order);
        assert_eq!(again.status, 201, "{}", again.body);
        let replayed = again
            .head
            .to_lowercase()
            .contains("idempotency-replayed: true");
        assert!(replayed || round == 0, "{}", again.head);
        assert_eq!(orders(&shop, &token), round + 1);
        assert_eq!(again.json()["total_amount"], "5.00");
    }
}
