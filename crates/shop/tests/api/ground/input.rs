//! What is read of a request, and what is refused of it.

use super::*;

#[tokio::test]
async fn all_faulty_fields_stand_in_one_answer() {
    let shop = shop().await;
    let body = json!({"quantity": 0, "email": "nobody", "name": "  ", "price": "1.999", "parts": [{"size": 1}, {"size": "x"}, 5]});
    let answer = shop.post(THINGS).json(body).expect(400).await;
    assert_eq!(
        answer.faulty(),
        [
            "product_id",
            "quantity",
            "email",
            "name",
            "price",
            "parts.1.size",
            "parts.2"
        ]
    );
    let body = answer.json();
    assert_eq!(body["code"], "validation_error");
    assert_eq!(body["detail"], "7 fields need attention.");
    assert_eq!(body["product_id"], json!(["This field is required."]));
    assert_eq!(body["quantity"], json!(["Must be at least 1."]));
    assert_eq!(body["errors"][5]["pointer"], "/parts/1/size");
}

#[tokio::test]
async fn other_spellings_null_and_unknown_members_are_taken() {
    let shop = shop().await;
    let body = json!({"product": 3, "quantity": null, "is_admin": true, "parts": [{"size": "12"}]});
    let answer = shop.post(THINGS).json(body).expect(200).await.json();
    assert_eq!(
        (&answer["product_id"], &answer["parts"]),
        (&json!(3), &json!([12]))
    );
    let answer = shop
        .post(THINGS)
        .json(json!({"product_id": null}))
        .expect(400)
        .await;
    assert_eq!(
        answer.json()["product_id"],
        json!(["This field may not be null."])
    );
}

/// IN-08
#[tokio::test]
async fn amounts_are_exact_whether_text_or_number() {
    let shop = shop().await;
    for (sent, kept) in [
        ("129900.00", "129900.00"),
        ("\"1299.99\"", "1299.99"),
        ("99999999.99", "99999999.99"),
        ("0.1", "0.10"),
        ("1.000", "1.00"),
        ("90071992547409.93", "90071992547409.93"),
    ] {
        let answer = shop
            .post(THINGS)
            .text(format!("{{\"product_id\":1,\"price\":{sent}}}"))
            .expect(200)
            .await;
        assert_eq!(answer.json()["price"], kept);
    }
    for sent in [
        "1.001",
        "\"1,50\"",
        "1e3",
        "\"1e3\"",
        "\"٣\"",
        "-1",
        "\"\"",
        "\" 1\"",
        "true",
        "[]",
        "\"$1\"",
        "99999999999999999999",
        "\"NaN\"",
    ] {
        let answer = shop
            .post(THINGS)
            .text(format!("{{\"product_id\":1,\"price\":{sent}}}"))
            .expect(400)
            .await;
        assert_eq!(answer.faulty(), ["price"], "{sent}");
    }
}

/// CT-01
#[tokio::test]
async fn quantities_are_whole_and_in_range() {
    let shop = shop().await;
    for sent in ["2", "\"2\"", "9999"] {
        shop.post(THINGS)
            .text(format!("{{\"product_id\":1,\"quantity\":{sent}}}"))
            .expect(200)
            .await;
    }
    for sent in [
        "0",
        "-1",
        "10000",
        "1.5",
        "\"abc\"",
        "1e3",
        "true",
        "[]",
        "2147483648",
        "9223372036854775808",
        "\"\"",
    ] {
        let answer = shop
            .post(THINGS)
            .text(format!("{{\"product_id\":1,\"quantity\":{sent}}}"))
            .expect(400)
            .await;
        assert_eq!(
            (answer.code().as_str(), answer.faulty()),
            ("validation_error", vec!["quantity".to_owned()]),
            "{sent}"
        );
    }
}

/// IN-04
#[tokio::test]
async fn broken_json_is_400_with_its_position() {
    let shop = shop().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deeper_object = "{\"a\":".repeat(10_000);
    let lone = r#"{"product_id":1,"name":"\ud800"}"#;
    let texts = [
        "{",
        "{\"product_id\":1} x",
        "{\"product_id\":NaN}",
        "{\"product_id\":1e400}",
        "{'a':1}",
        &deep,
        &deeper_object,
        lone,
        "{\"product_id\":1,\"product_id\":2}",
        "{\"name\":\"\\u0000\"}",
        "\u{feff}{}",
        "{\"a\":01}",
    ];
    for text in texts {
        let answer = shop.post(THINGS).text(text).expect(400).await;
        assert_eq!(answer.code(), "malformed_json", "{text:.40}");
    }
    let answer = shop
        .post(THINGS)
        .text("{\n  \"product_id\": x\n}")
        .expect(400)
        .await
        .json();
    assert_eq!(
        answer["detail"],
        "Line 2, column 17: a value was expected here."
    );
    let marked = shop
        .post(THINGS)
        .text("\u{feff}{}")
        .expect(400)
        .await
        .json();
    assert_eq!(
        marked["detail"],
        "Line 1, column 1: it begins with a byte order mark."
    );
    assert_eq!(
        (&answer["line"], &answer["column"]),
        (&json!(2), &json!(17))
    );
    shop.post(THINGS)
        .body("application/json", vec![b'"', 0xff, b'"'])
        .expect(400)
        .await;
}

#[tokio::test]
async fn a_body_that_is_no_object_is_a_fault_of_the_whole() {
    let shop = shop().await;
    for text in ["[]", "1", "\"x\"", "null"] {
        let answer = shop.post(THINGS).text(text).expect(400).await;
        assert!(answer.json()["non_field_errors"].is_array(), "{text}");
    }
}

#[tokio::test]
async fn an_absent_body_is_an_empty_object() {
    let shop = shop().await;
    assert_eq!(shop.post(THINGS).expect(400).await.faulty(), ["product_id"]);
    let form = shop
        .post(THINGS)
        .body("application/x-www-form-urlencoded", "")
        .expect(400)
        .await;
    assert_eq!(form.faulty(), ["product_id"]);
}

/// IN-07
#[tokio::test]
async fn only_plain_json_is_taken() {
    let shop = shop().await;
    let good = "{\"product_id\":1}";
    for kind in [
        "application/json",
        "application/json; charset=UTF-8",
        "application/vnd.api+json",
        "Application/JSON",
    ] {
        shop.post(THINGS).body(kind, good).expect(200).await;
    }
    for kind in [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=latin1",
        "text/json",
    ] {
        let answer = shop.post(THINGS).body(kind, good).expect(415).await;
        assert_eq!(answer.code(), "unsupported_media_type", "{kind}");
    }
    for coding in ["gzip", "br", "identity, gzip"] {
        shop.post(THINGS)
            .text(good)
            .header("content-encoding", coding)
            .expect(415)
            .await;
    }
    shop.post(THINGS)
        .text(good)
        .header("content-encoding", "identity")
        .expect(200)
        .await;
}

#[tokio::test]
async fn large_bodies_are_413_whatever_they_claim() {
    let shop = shop().await;
    let large = format!("{{\"product_id\":1,\"x\":\"{}\"}}", "x".repeat(300 * 1024));
    let honest = shop
        .post(THINGS)
        .text(large.clone())
        .header("content-length", large.len().to_string());
    assert_eq!(honest.expect(413).await.code(), "body_too_large");
    let chunks = futures_util::stream::iter(
        large
            .into_bytes()
            .chunks(1000)
            .map(|c| Ok::<_, std::io::Error>(c.to_vec()))
            .collect::<Vec<_>>(),
    );
    shop.post(THINGS)
        .body("application/json", Body::from_stream(chunks))
        .expect(413)
        .await;
    let fits = format!("{{\"product_id\":1,\"x\":\"{}\"}}", "x".repeat(200 * 1024));
    shop.post(THINGS).text(fits).expect(200).await;
}

/// IN-06
#[tokio::test]
async fn filters_are_checked_all_at_once() {
    let shop = shop().await;
    let answer = shop.get("/api/v1/things/?min_price=abc&in_stock=maybe&colour=red&page=0&page_size=x&utm_source=mail").expect(400).await;
    assert_eq!(
        answer.faulty(),
        ["min_price", "in_stock", "page", "page_size", "colour"]
    );
    assert_eq!(answer.json()["errors"][0]["parameter"], "min_price");
    for query in [
        "page=1&page=2",
        "search=%00",
        "search=%ff",
        "search=%",
        "page=9223372036854775808",
        "page=-1",
        "page_size=0",
        "cursor=x",
        "%5b%5d=1",
        "constructor=1",
    ] {
        shop.get(&format!("/api/v1/things/?{query}"))
            .expect(400)
            .await;
    }
    for query in [
        "utm_source=x",
        "search=",
        "in_stock=true",
        "in_stock=0",
        "min_price=1.50",
        "search=a+b%20c",
        "cursor=",
        "page_size=1000000000",
        "&&",
    ] {
        shop.get(&format!("/api/v1/things/?{query}"))
            .expect(200)
            .await;
    }
    shop.get("/api/v1/things/?page=1000000000000000000")
        .expect(404)
        .await;
}

#[tokio::test]
async fn a_body_that_does_not_come_keeps_nobody_out_and_is_408() {
    let settings = [
        ("MAX_REQUESTS_IN_FLIGHT", "8"),
        ("BODY_TIMEOUT", "300ms"),
        ("REQUEST_TIMEOUT", "20s"),
    ];
    let shop = TestShop::with(Engine::Sqlite, &settings).await;
    let shop = shop.serving(routes());
    // A byte now and then is no progress either.
    let drips = || {
        futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        })
    };
    let silent = || futures_util::stream::pending::<std::io::Result<&str>>();
    let waiting = (0..20).map(|n| {
        let body = match n % 2 {
            0 => Body::from_stream(silent()),
            _ => Body::from_stream(drips()),
        };
        shop.post(THINGS)
            .from(fresh_address())
            .body("application/json", body)
            .send()
    });
    let others = async {
        shop.get("/api/v1/things/7/").expect(200).await;
        shop.post(THINGS)
            .text("{\"product_id\":1}")
            .expect(200)
            .await;
    };

    let (answers, ()) =
        futures_util::future::join(futures_util::future::join_all(waiting), others).await;

    for answer in answers {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (408, "body_timeout")
        );
    }
    shop.get("/api/v1/things/7/").expect(200).await;
}

#[tokio::test]
async fn one_client_has_only_a_part_of_the_bodies_that_are_waited_for() {
    let settings = [("MAX_REQUESTS_IN_FLIGHT", "16"), ("BODY_TIMEOUT", "300ms")];
    let shop = TestShop::with(Engine::Sqlite, &settings).await;
    let shop = shop.serving(routes());
    let (one, other) = (fresh_address(), fresh_address());
    let waiting = |from| {
        let body = Body::from_stream(futures_util::stream::pending::<std::io::Result<&str>>());
        let asked = shop.post(THINGS).from(from);
        asked.body("application/json", body).send()
    };

    let answers = futures_util::future::join_all([one, one, one, other].map(waiting)).await;

    let codes: Vec<String> = answers.iter().map(|answer| answer.code()).collect();
    assert_eq!(
        codes,
        [
            "body_timeout",
            "body_timeout",
            "rate_limited",
            "body_timeout"
        ]
    );
    assert_eq!(answers[2].header("retry-after"), "1");
}
