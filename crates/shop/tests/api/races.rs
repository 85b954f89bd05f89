//! Many at once: nothing sold twice, nothing lost, nobody told that the shop is broken.

use db::args;
use serde_json::{Value, json};

use crate::shopping::{
    Buyer, Goods, add, admin, at_once, books_are_right, count, customer, log_in, sell, stock,
    tamper, with_status,
};
use crate::support::{Answer, Ask, TestShop};

/// Sends while a product is being erased: on PostgreSQL it is still read, but gone at the commit.
async fn while_erased(shop: &TestShop, goods: Goods, ask: Ask) -> Answer {
    let tx = shop.app.db.begin().await.unwrap();
    tx.execute("DELETE FROM products WHERE id = $1", args![goods.product])
        .await
        .unwrap();
    let asked = tokio::spawn(ask.send());
    // Writers of SQLite wait for the one that writes, before they read: there is nothing to see of it.
    while shop.app.db.engine() == db::Engine::Postgres
        && !asked.is_finished()
        && !somebody_waits(shop).await
    {
        tokio::task::yield_now().await;
    }
    tx.commit().await.unwrap();
    asked.await.unwrap()
}

async fn somebody_waits(shop: &TestShop) -> bool {
    let sql = "SELECT COUNT(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE NOT l.granted AND a.datname = current_database()";
    let conn = shop.app.db.read().await.unwrap();
    conn.one::<i64>(sql, args![]).await.unwrap() > 0
}

both! {
    /// ST-01
    async fn sixty_four_buyers_get_exactly_what_there_is(shop: TestShop) {
        let hot = sell(&shop, "Hot", 999, 500).await;
        let shop = std::sync::Arc::new(shop);
        let buyers: Vec<_> = (0..64).map(|_| {
            let shop = shop.clone();
            tokio::spawn(async move {
                let mut bought = 0;
                loop {
                    let added = add(&shop, hot, 1).send().await;
                    let refusal = match added.status.as_u16() {
                        201 => {
                            let guest = Buyer::Guest(added.header("x-cart-token").to_owned());
                            let placed = guest.orders(&shop).send().await;
                            if placed.status.as_u16() == 201 {
                                bought += 1;
                                continue;
                            }
                            placed
                        }
                        _ => added,
                    };
                    assert_eq!((refusal.status.as_u16(), refusal.code()), (409, "out_of_stock".into()), "{}", refusal.text());
                    return bought;
                }
            })
        }).collect();
        let mut bought = 0;
        for buyer in buyers {
            bought += buyer.await.unwrap();
        }
        assert_eq!(bought, 500);
        assert_eq!(count(&shop, "orders").await, 500);
        assert_eq!(stock(&shop, hot).await, (500, 500));
        books_are_right(&shop).await;
    }

    /// ST-01
    async fn the_last_piece_is_sold_once(shop: TestShop) {
        let last = sell(&shop, "Last", 999, 1).await;
        let mut guests = Vec::new();
        for _ in 0..50 {
            guests.push(Buyer::guest(&shop, last, 1).await);
        }
        let answers = at_once(guests.iter().map(|guest| guest.orders(&shop))).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, 49));
        assert!(answers.iter().filter(|a| a.status == 409).all(|a| a.code() == "out_of_stock"));
        books_are_right(&shop).await;
    }

    /// ST-05
    async fn one_cart_becomes_one_order(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 100).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 2).expect(201).await;
        let guest = Buyer::guest(&shop, mug, 2).await;
        for buyer in [ada, guest] {
            let answers = at_once((0..5).map(|_| buyer.orders(&shop))).await;
            assert_eq!(with_status(&answers, 201), 1);
            assert!(answers.iter().filter(|a| a.status != 201).all(|a| a.code() == "cart_empty"));
        }
        assert_eq!(count(&shop, "orders").await, 2);
        assert_eq!(stock(&shop, mug).await, (100, 4));
        books_are_right(&shop).await;
    }

    /// ID-03
    async fn twenty_requests_with_one_key_make_one_order(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 100).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 2).expect(201).await;
        let answers = at_once((0..20).map(|_| ada.orders(&shop).header("idempotency-key", "k1"))).await;
        assert_eq!(with_status(&answers, 201), 20);
        let replayed = answers.iter().filter(|a| a.header("idempotency-replayed") == "true").count();
        assert_eq!(replayed, 19);
        assert!(answers.iter().all(|a| a.body == answers[0].body));
        assert_eq!(count(&shop, "orders").await, 1);
        books_are_right(&shop).await;
    }

    /// OR-02
    async fn four_cancels_give_the_stock_back_once(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 10).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let order = ada.buys(&shop, mug, 4).await;
        assert_eq!(stock(&shop, mug).await, (10, 4));
        let path = format!("/api/v1/orders/{}/cancel/", order["id"]);
        let answers = at_once((0..4).map(|_| ada.sign(shop.post(&path)))).await;
        assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 3));
        assert!(answers.iter().filter(|a| a.status == 409).all(|a| a.code() == "not_cancellable"));
        assert_eq!(stock(&shop, mug).await, (10, 0));
        books_are_right(&shop).await;
    }

    /// ST-04
    async fn carts_in_opposite_order_never_block_each_other(shop: TestShop) {
        let one = sell(&shop, "One", 100, 1000).await;
        let two = sell(&shop, "Two", 200, 1000).await;
        let mut guests = Vec::new();
        for n in 0..200 {
            let (first, second) = if n % 2 == 0 { (one, two) } else { (two, one) };
            let guest = Buyer::guest(&shop, first, 1).await;
            guest.adds(&shop, second, 1).expect(201).await;
            guests.push(guest);
        }
        let answers = at_once(guests.iter().map(|guest| guest.orders(&shop))).await;
        assert_eq!(with_status(&answers, 201), 200);
        assert_eq!((stock(&shop, one).await, stock(&shop, two).await), ((1000, 200), (1000, 200)));
        books_are_right(&shop).await;
    }

    /// CT-07
    async fn twenty_parallel_additions_are_all_counted(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 100).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 1).expect(201).await;
        let guest = Buyer::guest(&shop, mug, 1).await;
        for buyer in [ada, guest] {
            let answers = at_once((0..20).map(|_| buyer.adds(&shop, mug, 1))).await;
            assert_eq!(with_status(&answers, 200), 20);
            assert_eq!(buyer.cart(&shop).expect(200).await.json()["total_items"], 21);
        }
    }

    /// CT-06
    async fn thirty_parallel_first_additions_make_one_cart(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 100).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        let answers = at_once((0..30).map(|_| ada.adds(&shop, mug, 1))).await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 200)), (1, 29));
        assert_eq!(count(&shop, "carts").await, 1);
        assert_eq!(ada.cart(&shop).expect(200).await.json()["total_items"], 30);
    }

    async fn adding_while_ordering_loses_nothing(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 1000).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        ada.adds(&shop, mug, 1).expect(201).await;
        let asks = (0..40).map(|n| if n % 4 == 3 { ada.orders(&shop) } else { ada.adds(&shop, mug, 1) });
        let answers = at_once(asks).await;
        assert!(answers.iter().all(|a| a.status.is_success() || a.code() == "cart_empty"));
        let ordered: i64 = answers.iter().filter_map(|a| a.json()["items_count"].as_i64()).sum();
        let left = ada.cart(&shop).expect(200).await.json()["total_items"].as_i64().unwrap();
        assert_eq!(ordered + left, 31);
        books_are_right(&shop).await;
    }

    /// ST-06
    async fn a_price_that_changes_meanwhile_leaves_each_order_sound(shop: TestShop) {
        let mug = sell(&shop, "Mug", 1000, 1000).await;
        let pen = sell(&shop, "Pen", 1000, 1000).await;
        let mut guests = Vec::new();
        for _ in 0..30 {
            let guest = Buyer::guest(&shop, mug, 2).await;
            guest.adds(&shop, pen, 3).expect(201).await;
            guests.push(guest);
        }
        let orders = at_once(guests.iter().map(|guest| guest.orders(&shop)));
        let changes = async {
            for _ in 0..20 {
                tamper(&shop, "UPDATE variants SET price_minor = price_minor + 7").await;
            }
        };
        let (answers, ()) = tokio::join!(orders, changes);
        assert_eq!(with_status(&answers, 201), 30);
        for answer in answers {
            let order = answer.json();
            let prices: Vec<&Value> = order["items"].as_array().unwrap().iter().map(|line| &line["price"]).collect();
            assert_eq!(prices[0], prices[1], "both lines are of one moment");
        }
        books_are_right(&shop).await;
    }

    async fn cancelling_and_shipping_at_once_end_in_one_of_them(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 100).await;
        let boss = admin(&shop).await;
        let ada = Buyer::Customer(customer(&shop, "ada").await);
        for _ in 0..10 {
            let order = ada.buys(&shop, mug, 1).await;
            let status = |word: &str| shop.patch(&format!("/api/v1/orders/{}/update_status/", order["id"])).bearer(&boss).json(json!({"status": word}));
            status("paid").expect(200).await;
            let answers = at_once([status("shipped"), status("cancelled"), status("shipped"), status("cancelled")]).await;
            assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 3));
        }
        books_are_right(&shop).await;
    }

    async fn a_product_that_is_erased_meanwhile_is_not_ordered(shop: TestShop) {
        let mug = sell(&shop, "Mug", 999, 10).await;
        let pen = sell(&shop, "Pen", 100, 10).await;
        let guest = Buyer::guest(&shop, mug, 2).await;
        guest.adds(&shop, pen, 1).expect(201).await;
        let answer = while_erased(&shop, mug, guest.orders(&shop)).await;
        match shop.app.db.engine() {
            // Writers of SQLite wait before they read: here it is as if it was erased before.
            db::Engine::Sqlite => assert_eq!(answer.status, 201, "{}", answer.text()),
            db::Engine::Postgres => assert_eq!((answer.status.as_u16(), answer.code()), (409, "product_unavailable".into())),
        }
        assert_eq!(stock(&shop, pen).await.1, count(&shop, "orders").await);
        books_are_right(&shop).await;
    }

    async fn a_product_that_is_erased_meanwhile_is_not_added(shop: TestShop) {
        for buyer in [None, Some(Buyer::Customer(customer(&shop, "ada").await))] {
            let mug = sell(&shop, "Mug", 999, 10).await;
            let ask = add(&shop, mug, 1);
            let ask = match &buyer { Some(buyer) => buyer.sign(ask), None => ask };
            let answer = while_erased(&shop, mug, ask).await;
            assert_eq!((answer.status.as_u16(), answer.faulty()), (400, vec!["product_id".to_owned()]), "{}", answer.text());
        }
    }

    async fn a_product_that_is_erased_meanwhile_is_left_out_when_carts_merge(shop: TestShop) {
        let ada = shop.customer("ada").await;
        let mug = sell(&shop, "Mug", 999, 10).await;
        let pen = sell(&shop, "Pen", 100, 10).await;
        let guest = Buyer::guest(&shop, mug, 2).await;
        guest.adds(&shop, pen, 1).expect(201).await;
        let answer = while_erased(&shop, mug, guest.sign(log_in(&shop, "ada@example.org"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cart = shop.get("/api/v1/cart/").by(&ada).expect(200).await.json();
        let products: Vec<_> = cart["items"].as_array().unwrap().iter().map(|line| &line["product_id"]).collect();
        assert_eq!(products, [&json!(pen.product)]);
    }
}
