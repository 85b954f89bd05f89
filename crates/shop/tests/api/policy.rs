//! Who gets where: one table over all operations of the API document. A route without a line here fails, and so does a
//! line without a route.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shop::http::aliases;

use crate::support::{OPENAPI, Person, TestShop};

/// Method and path, then what four callers get: nobody, a customer (to whom the object of the path belongs), another
/// customer, an admin. `+`: whatever it is, neither 401, 403, 404 nor 5xx.
const POLICY: &str = "
GET    /                                + + + +
POST   /auth/register/                  + + + +
POST   /auth/login/                     + + + +
POST   /auth/refresh/                   + + + +
POST   /token/verify/                   + + + +
POST   /auth/logout/                    401 + + +
GET    /auth/profile/                   401 + + +
PUT    /auth/profile/                   401 + + +
PATCH  /auth/profile/                   401 + + +
POST   /auth/change-password/           401 + + +
POST   /auth/profile/export/            401 + + +
POST   /auth/profile/erase/             401 + + +
GET    /auth/verify-email/{token}/      + + + +
POST   /auth/verify-email/{token}/      + + + +
POST   /auth/resend-verification/       + + + +
POST   /auth/password-reset/            + + + +
POST   /auth/password-reset/confirm/    + + + +
GET    /auth/second-factor/             401 + + +
POST   /auth/second-factor/             401 + + +
POST   /auth/second-factor/confirm/     401 + + +
POST   /auth/second-factor/disable/     401 + + +
GET    /auth/sessions/                  401 + + +
DELETE /auth/sessions/{id}/             401 + 404 404
POST   /auth/sessions/deactivate-all/   401 + + +
GET    /admin/users/                    401 403 403 +
GET    /admin/users/{id}/               401 403 403 +
PATCH  /admin/users/{id}/               401 403 403 +
POST   /admin/users/{id}/erase/         401 403 403 +
DELETE /admin/users/{id}/second-factor/ 401 403 403 404
GET    /admin/security/login-attempts/  401 403 403 +
GET    /admin/security/sessions/        401 403 403 +
GET    /admin/security/summary/         401 403 403 +
POST   /admin/security/unlock/          401 403 403 +
GET    /admin/audit-log/                401 403 403 +
GET    /addresses/                      401 + + +
POST   /addresses/                      401 + + +
GET    /addresses/{id}/                 401 + 404 404
PUT    /addresses/{id}/                 401 + 404 404
PATCH  /addresses/{id}/                 401 + 404 404
DELETE /addresses/{id}/                 401 + 404 404
POST   /addresses/{id}/default/         401 + 404 404
GET    /cart/                           + + + +
POST   /cart/items/                     + + + +
GET    /cart/items/{id}/                404 + 404 404
PUT    /cart/items/{id}/                404 + 404 404
PATCH  /cart/items/{id}/                404 + 404 404
DELETE /cart/items/{id}/                404 + 404 404
DELETE /cart/clear/                     + + + +
POST   /orders/                         + + + +
GET    /orders/                         401 + + +
GET    /orders/{id}/                    404 + 404 +
POST   /orders/{id}/cancel/             404 + 404 +
PATCH  /orders/{id}/update_status/      401 403 403 +
POST   /payments/initiate/              + + + +
POST   /payments/verify/                + + + +
POST   /payments/webhook/               503 503 503 503
POST   /payments/webhook/{provider}/    503 503 503 503
GET    /payments/                       401 + + +
GET    /payments/{id}/                  404 + 404 +
POST   /payments/{id}/refund/           401 403 403 +
GET    /payments/{id}/refunds/          401 403 403 +
GET    /payments/sandbox/{reference}/   + + + +
POST   /payments/sandbox/{reference}/   + + + +
GET    /orders/sales_report/            401 403 403 +
GET    /orders/export/                  401 403 403 +
GET    /products/analytics/             401 403 403 +
GET    /health/                         + + + +
GET    /livez/                          + + + +
GET    /readyz/                         + + + +
GET    /categories/                     + + + +
POST   /categories/                     401 403 403 +
GET    /categories/all/                 + + + +
GET    /categories/{slug}/              + + + +
PUT    /categories/{slug}/              401 403 403 +
PATCH  /categories/{slug}/              401 403 403 +
DELETE /categories/{slug}/              401 403 403 +
GET    /products/                       + + + +
POST   /products/                       401 403 403 +
GET    /products/featured/              + + + +
GET    /products/low_stock/             401 403 403 +
GET    /products/{id}/                  + + + +
PUT    /products/{id}/                  401 403 403 +
PATCH  /products/{id}/                  401 403 403 +
DELETE /products/{id}/                  401 403 403 +
POST   /products/bulk/                  401 403 403 +
POST   /products/{id}/images/           401 403 403 +
DELETE /products/{id}/images/{image_id}/ 401 403 403 +
GET    /products/{id}/inventory/        401 403 403 +
POST   /products/{id}/inventory/receive/ 401 403 403 +
POST   /products/{id}/inventory/adjust/ 401 403 403 +
GET    /products/{id}/movements/        401 403 403 +
";

/// A body with which an operation finds its object; `{}` elsewhere, which is a fault of the body and not of the caller.
fn body(method: &str, path: &str) -> Value {
    match (method, path) {
        ("PUT" | "PATCH", "/cart/items/{id}/") => json!({"quantity": 1}),
        ("PUT", "/addresses/{id}/") => crate::addresses::address(),
        ("PATCH", "/orders/{id}/update_status/") => json!({"status": "confirmed"}),
        _ => json!({}),
    }
}

/// What stands for the parameter of a path: an object of the customer's, where it is one that belongs to somebody.
async fn object(shop: &TestShop, path: &str, owner: &Person, admin: &Person) -> Option<String> {
    let id = |value: &Value| value.to_string();
    let in_cart = async || {
        let product = shop.product(admin, "19.99", 50).await;
        let body = json!({"product_id": product.id});
        shop.post("/api/v1/cart/items/")
            .by(owner)
            .json(body)
            .expect(201)
            .await
            .json()
    };
    let area = path.split('{').next().unwrap_or_default();
    Some(match area {
        _ if area == path => return None,
        "/auth/sessions/" => {
            let other = shop.sign_in(&owner.email).await;
            let list = shop
                .get("/api/v1/auth/sessions/")
                .by(&other)
                .expect(200)
                .await
                .json();
            id(&list["results"][0]["id"])
        }
        "/admin/users/" if path.ends_with("/erase/") => {
            let name = format!("gone{}", shop.product(admin, "1", 0).await.id);
            shop.customer(&name).await.id.to_string()
        }
        "/auth/verify-email/" => "A".repeat(43),
        "/admin/users/" => owner.id.to_string(),
        "/addresses/" => {
            let body = crate::addresses::address();
            let kept = shop
                .post("/api/v1/addresses/")
                .by(owner)
                .json(body)
                .expect(201)
                .await;
            id(&kept.json()["id"])
        }
        "/cart/items/" => id(&in_cart().await["items"].as_array().unwrap().last().unwrap()["id"]),
        "/orders/" => {
            in_cart().await;
            id(&shop
                .post("/api/v1/orders/")
                .by(owner)
                .expect(201)
                .await
                .json()["id"])
        }
        "/payments/webhook/" => "razorpay".to_owned(),
        "/payments/" | "/payments/sandbox/" => {
            in_cart().await;
            let order = shop
                .post("/api/v1/orders/")
                .by(owner)
                .expect(201)
                .await
                .json();
            let body = json!({"order_id": order["id"], "provider": "sandbox"});
            let begun = shop
                .post("/api/v1/payments/initiate/")
                .by(owner)
                .json(body)
                .expect(200)
                .await
                .json();
            match area {
                "/payments/" => id(&begun["payment_id"]),
                _ => begun["sandbox_reference"].as_str().unwrap().to_owned(),
            }
        }
        "/categories/" => {
            let name = format!("Category {}", shop.product(admin, "1", 0).await.id);
            let made = shop
                .post("/api/v1/categories/")
                .by(admin)
                .json(json!({"name": name}))
                .expect(201)
                .await;
            made.json()["slug"].as_str().unwrap().to_owned()
        }
        "/products/" if path.ends_with("{image_id}/") => {
            let product = shop.product(admin, "19.99", 5).await.id;
            let image = crate::images::upload(shop, admin, product).await;
            format!("{product}/images/{image}")
        }
        "/products/" => shop.product(admin, "19.99", 5).await.id.to_string(),
        _ => panic!("say here what stands for the parameter of {path}"),
    })
}

fn policy() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let lines = POLICY.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            (
                words.next().unwrap(),
                words.next().unwrap(),
                words.collect(),
            )
        })
        .collect()
}

/// The other paths below `admin/`: method, path, that of the route, and what the four callers get. They are for admins
/// only, also where the route is for everybody.
fn admin_aliases() -> Vec<(&'static str, String, String, Vec<&'static str>)> {
    let table = policy();
    let below_admin = aliases::all().filter(|(_, from, _)| from.starts_with("admin/"));
    let each = below_admin
        .flat_map(|(methods, from, to)| methods.iter().map(move |method| (*method, from, to)));
    each.map(|(method, from, to)| {
        let (from, to) = (format!("/{from}/"), format!("/{to}/"));
        let line = table
            .iter()
            .find(|(of, path, _)| *of == method && is_like(path, &to));
        let (_, route, expected) = line.unwrap_or_else(|| panic!("{method} {from} leads nowhere"));
        (
            method,
            from,
            (*route).to_owned(),
            vec!["401", "403", "403", expected[3]],
        )
    })
    .collect()
}

/// The same path, whatever their parameters are called.
fn is_like(one: &str, other: &str) -> bool {
    let plain = |path: &str| -> Vec<String> {
        let parts = path.split('/');
        parts
            .map(|part| {
                if part.starts_with('{') {
                    "{}".to_owned()
                } else {
                    part.to_owned()
                }
            })
            .collect()
    };
    plain(one) == plain(other)
}

fn documented() -> BTreeSet<(String, String)> {
    let paths = OPENAPI["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let path = path.trim_start_matches("/api/v1").to_owned();
            item.as_object()
                .unwrap()
                .keys()
                .map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

#[test]
fn every_route_has_its_line_and_every_line_its_route() {
    let table: BTreeSet<_> = policy()
        .into_iter()
        .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
        .collect();
    let documented = documented();
    let without: Vec<_> = documented.difference(&table).collect();
    assert!(
        without.is_empty(),
        "routes without a line in policy.rs: {without:?}"
    );
    let gone: Vec<_> = table.difference(&documented).collect();
    assert!(
        gone.is_empty(),
        "lines in policy.rs without a route: {gone:?}"
    );
}

both! {
    /// AZ-01, AZ-02
    async fn everybody_gets_where_the_policy_says_and_nowhere_else(shop: TestShop) {
        let (alice, other) = (shop.customer("alice").await, shop.customer("bob").await);
        let (builder, root) = (shop.admin().await, shop.admin().await);
        let lines = policy().into_iter().map(|(method, path, expected)| (method, path.to_owned(), path.to_owned(), expected));
        for (method, asked, path, expected) in lines.chain(admin_aliases()) {
            // Some operations end sessions.
            let (owner, admin) = (shop.sign_in(&alice.email).await, shop.sign_in(&root.email).await);
            let other = shop.sign_in(&other.email).await;
            // Those who are refused first: what they ask for must still be there for the others.
            for (who, caller) in [(0, None), (2, Some(&other)), (3, Some(&admin)), (1, Some(&owner))] {
                let object = object(&shop, &path, &owner, &builder).await;
                let filled = match &object {
                    None => asked.clone(),
                    Some(object) => {
                        let (start, rest) = asked.split_once('{').unwrap();
                        format!("{start}{object}{}", rest.rsplit_once('}').unwrap().1)
                    }
                };
                let mut ask = shop.ask(method, &format!("/api/v1{filled}")).json(body(method, &path));
                if let Some(caller) = caller {
                    ask = ask.by(caller);
                }
                let answer = ask.send().await;
                let status = answer.status.as_u16();
                let fits = match expected[who] {
                    "+" => ![401, 403, 404].contains(&status) && status < 500,
                    exact => exact == status.to_string(),
                };
                let name = ["nobody", "the customer", "another customer", "an admin"][who];
                assert!(fits, "{method} {asked} by {name}: {status} instead of {}: {}", expected[who], answer.text());
            }
        }
    }

    /// AZ-01
    async fn what_is_not_documented_is_not_there(shop: TestShop) {
        let admin = shop.admin().await;
        let documented = documented();
        let paths: BTreeSet<_> = documented.iter().map(|(_, path)| path.clone()).collect();
        for path in paths {
            let filled = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/");
            let filled = format!("/api/v1{filled}");
            // Other documents' paths are aliases: they are allowed, too.
            let aliases = aliases::methods_at(&filled);
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                if !documented.contains(&(method.to_owned(), path.clone())) && !aliases.contains(&method) {
                    shop.ask(method, &filled).by(&admin).json(json!({})).expect(405).await;
                }
            }
        }
        for path in ["/api/v1/admin/", "/api/v1/users/", "/api/v1/debug/", "/api/v1/payments/paypal/test/", "/admin", "/.env"] {
            shop.get(path).by(&admin).expect(404).await;
        }
    }

    /// AZ-06
    async fn nobody_gives_themselves_a_role(shop: TestShop) {
        let forged = json!({
            "role": "admin", "is_staff": true, "is_superuser": true, "is_admin": true, "id": 1, "email_verified": true,
            "is_active": true, "email": "eve@example.org", "password": crate::support::PASSWORD,
        });
        let made = shop.post("/api/v1/auth/register/").json(forged.clone()).send().await;
        let eve = match made.status.as_u16() {
            400 => shop.customer("eve").await,
            _ => shop.sign_in("eve@example.org").await,
        };
        for method in ["PATCH", "PUT"] {
            let body = json!({"role": "admin", "is_staff": true, "id": 1, "email_verified": true});
            let answer = shop.ask(method, "/api/v1/auth/profile/").by(&eve).json(body).send().await;
            assert!([200, 400].contains(&answer.status.as_u16()), "{}", answer.text());
        }
        let me = shop.get("/api/v1/auth/profile/").by(&eve).expect(200).await.json();
        assert_eq!((&me["role"], &me["email_verified"], &me["id"]), (&json!("customer"), &json!(false), &json!(eve.id)));
        shop.get("/api/v1/admin/users/").by(&eve).expect(403).await;
    }

    /// AZ-11
    async fn what_somebody_sees_is_kept_by_no_shared_cache(shop: TestShop) {
        let alice = shop.customer("alice").await;
        for path in ["/api/v1/auth/profile/", "/api/v1/orders/", "/api/v1/cart/", "/api/v1/auth/sessions/"] {
            let answer = shop.get(path).by(&alice).header("x-forwarded-prefix", "/evil").header("x-forwarded-host", "evil.test").expect(200).await;
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert!(!answer.text().contains("evil"), "{path}");
        }
        let public = shop.get("/api/v1/categories/").by(&alice).expect(200).await;
        assert_eq!(public.header("cache-control"), "private, no-cache");
        let vary = public.headers.get_all("vary").iter().any(|value| value.to_str().unwrap().contains("Authorization"));
        assert!(vary);
    }

    /// AZ-12
    async fn orders_of_a_guest_are_had_by_proving_their_address_and_not_by_typing_it_in(shop: TestShop) {
        let admin = shop.admin().await;
        let product = shop.product(&admin, "19.99", 50).await;
        let ordered = async |email: &str| {
            let cart = shop.post("/api/v1/cart/items/").json(json!({"product_id": product.id})).expect(201).await;
            let token = cart.header("x-cart-token").to_owned();
            shop.post("/api/v1/orders/").header("x-cart-token", token).json(json!({"email": email})).expect(201).await.json()
        };
        let (order, other) = (ordered("Alice@Example.org").await, ordered("bob@example.org").await);
        let path = |order: &Value| format!("/api/v1/orders/{}/", order["id"]);
        let count = async |person: &Person| shop.get("/api/v1/orders/").by(person).expect(200).await.json()["count"].clone();

        let alice = shop.customer("alice").await;
        let again = shop.sign_in(&alice.email).await;
        assert_eq!((count(&alice).await, count(&again).await), (json!(0), json!(0)));
        shop.get(&path(&order)).by(&alice).expect(404).await;

        let link = format!("/api/v1/auth/verify-email/{}/", shop.mail_to(&alice.email).await.token());
        shop.post(&link).expect(200).await;
        assert_eq!(count(&alice).await, 1);
        let adopted = shop.get(&path(&order)).by(&alice).expect(200).await.json();
        assert_eq!((&adopted["user"], &adopted["history"]), (&json!(alice.id), &order["history"]));
        shop.get(&path(&other)).by(&alice).expect(404).await;
        let token = order["order_token"].as_str().unwrap();
        shop.get(&path(&order)).header("x-order-token", token).expect(200).await;

        // What is ordered as a guest later is found at the next sign-in.
        ordered("alice@example.org").await;
        assert_eq!(count(&alice).await, 1);
        let alice = shop.sign_in(&alice.email).await;
        assert_eq!(count(&alice).await, 2);
    }

    /// AZ-07
    async fn headers_make_nobody_somebody_else(shop: TestShop) {
        let admin = shop.admin().await;
        let alice = shop.customer("alice").await;
        let id = admin.id.to_string();
        for (name, value) in [
            ("x-user-id", &*id), ("x-wcpay-platform-checkout-user", &*id), ("x-forwarded-user", &*admin.email),
            ("x-original-url", "/api/v1/products/"), ("x-rewrite-url", "/api/v1/products/"), ("remote-user", &*admin.email),
        ] {
            shop.get("/api/v1/admin/users/").header(name, value).expect(401).await;
            shop.get("/api/v1/admin/users/").by(&alice).header(name, value).expect(403).await;
        }
        shop.get("/api/v1/categories/").by(&alice).header("x-http-method-override", "DELETE").expect(200).await;
    }
}
