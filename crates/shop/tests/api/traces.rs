//! Traces, as a collector reads them that takes nothing but what OTLP allows.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use db::Engine;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::TestShop;

/// A shop, and what reaches its collector.
struct Traced {
    shop: TestShop,
    arrived: mpsc::UnboundedReceiver<Arrived>,
}

struct Arrived {
    path: String,
    authorization: Option<String>,
    sent: Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceSpans {
    resource: Resource,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeSpans {
    scope: Scope,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    name: String,
    version: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Span {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    name: String,
    kind: i32,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<KeyValue>,
    status: Status,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    #[serde(default)]
    code: i32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    key: String,
    value: AnyValue,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum AnyValue {
    StringValue(String),
    /// 64 bits are text in JSON.
    IntValue(String),
}

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

impl Traced {
    async fn on(engine: Engine) -> Self {
        Self::with(engine, &[]).await
    }

    async fn with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let (url, arrived) = collector().await;
        let endpoint = [
            ("OTLP_ENDPOINT", &*url),
            ("OTLP_HEADERS", "authorization=Bearer collector"),
        ];
        let shop = TestShop::with(engine, &[&endpoint, settings].concat()).await;
        Traced { shop, arrived }
    }

    /// All spans up to now.
    async fn spans(&mut self) -> Vec<Span> {
        self.shop.app.traces.flush(Duration::from_secs(30)).await;
        let mut spans = Vec::new();
        while let Ok(arrived) = self.arrived.try_recv() {
            assert_eq!(arrived.path, "/v1/traces");
            assert_eq!(arrived.authorization.as_deref(), Some("Bearer collector"));
            for resource in arrived.sent.resource_spans {
                let name = resource
                    .resource
                    .attributes
                    .iter()
                    .find(|a| a.key == "service.name");
                assert_eq!(name.unwrap().value.text(), "cartwright");
                for scope in resource.scope_spans {
                    assert_eq!(scope.scope.name, "cartwright");
                    assert!(!scope.scope.version.is_empty());
                    spans.extend(scope.spans);
                }
            }
        }
        for span in &spans {
            assert!(
                is_id(&span.trace_id, 32) && is_id(&span.span_id, 16),
                "{span:?}"
            );
            assert!(
                span.parent_span_id.as_ref().is_none_or(|id| is_id(id, 16)),
                "{span:?}"
            );
            let [start, end] = [&span.start_time_unix_nano, &span.end_time_unix_nano]
                .map(|t| t.parse::<u64>().unwrap());
            assert!(start > 0 && end >= start, "{span:?}");
        }
        spans
    }
}

impl AnyValue {
    fn text(&self) -> &str {
        let (AnyValue::StringValue(text) | AnyValue::IntValue(text)) = self;
        text
    }
}

impl Span {
    fn attribute(&self, key: &str) -> Option<&str> {
        let found = self
            .attributes
            .iter()
            .find(|attribute| attribute.key == key);
        found.map(|found| found.value.text())
    }
}

fn is_id(text: &str, digits: usize) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == digits && text.bytes().all(hex) && text.bytes().any(|b| b != b'0')
}

/// Its address, and what is sent to it.
async fn collector() -> (String, mpsc::UnboundedReceiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, arrived) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            let service = hyper::service::service_fn(move |request| take(request, tell.clone()));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (url, arrived)
}

async fn take(
    request: Request<Incoming>,
    tell: mpsc::UnboundedSender<Arrived>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    let (path, authorization) = (request.uri().path().to_owned(), header("authorization"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let sent = serde_json::from_slice(&body).unwrap();
    let _ = tell.send(Arrived {
        path,
        authorization,
        sent,
    });
    Ok(Response::new(Full::from("{}")))
}

both! {
    async fn a_request_is_told_with_its_statements_and_without_their_arguments(traced: Traced) {
        let mut traced = traced;
        let shop = &traced.shop;
        let (admin, alice) = (shop.admin().await, shop.customer("alice").await);
        let thing = shop.product(&admin, "5.00", 3).await;
        shop.post("/api/v1/cart/items/").by(&alice).json(json!({"product_id": thing.id})).expect(201).await;
        let order = json!({"shipping_address": "Elm Street 1428"});
        shop.post("/api/orders/").by(&alice).header("x-request-id", "of-the-order").json(order).expect(201).await;

        let spans = traced.spans().await;

        let of_the_order = |span: &&Span| span.attribute("cartwright.request_id") == Some("of-the-order");
        let own = spans.iter().find(of_the_order).unwrap();
        assert_eq!((own.name.as_str(), own.kind), ("POST /orders/", SERVER));
        assert_eq!(own.attribute("http.route"), Some("/orders/"));
        assert_eq!(own.attribute("http.response.status_code"), Some("201"));
        assert_eq!((own.status.code, &own.parent_span_id), (0, &None));
        let steps: Vec<_> = spans.iter().filter(|span| span.parent_span_id.as_ref() == Some(&own.span_id)).collect();
        assert!(steps.iter().all(|step| step.kind == CLIENT && step.trace_id == own.trace_id));
        assert!(steps.iter().all(|step| step.end_time_unix_nano <= own.end_time_unix_nano));
        for operation in ["SELECT", "INSERT", "COMMIT"] {
            assert!(steps.iter().any(|step| step.attribute("db.operation.name") == Some(operation)), "{operation}");
        }
        let inserts = |table: &str| steps.iter().any(|step| step.attribute("db.query.text").is_some_and(|text| text.starts_with(table)));
        assert!(inserts("INSERT INTO orders "));
        let all = format!("{spans:?}");
        for secret in ["Elm Street", "alice@", alice.access.as_str()] {
            assert!(!all.contains(secret), "{secret}");
        }
    }

    async fn the_callers_trace_goes_on_where_it_is_recorded(traced: Traced) {
        let mut traced = traced;
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        let ask = |flags: &str| {
            let parent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            traced.shop.get("/api/v1/categories/").header("traceparent", &parent).expect(200)
        };
        ask("01").await;
        ask("00").await;
        traced.shop.get("/api/v1/health/").expect(200).await;

        let spans = traced.spans().await;

        let own: Vec<_> = spans.iter().filter(|span| span.kind == SERVER).collect();
        let [own] = own.as_slice() else { panic!("{own:?}") };
        assert_eq!((own.trace_id.as_str(), own.parent_span_id.as_deref()), (TRACE, Some("00f067aa0ba902b7")));
    }

    async fn jobs_are_told_of(traced: Traced) {
        let mut traced = traced;
        shop::jobs(&traced.shop.app).run_due().await.unwrap();
        let spans = traced.spans().await;
        assert!(spans.iter().any(|span| span.name == "job count_orders" && span.kind == 1), "{spans:?}");
    }
}

#[tokio::test]
async fn a_share_of_nothing_traces_nobody_who_does_not_ask() {
    let mut traced = Traced::with(Engine::Sqlite, &[("OTLP_SAMPLE", "0")]).await;
    traced.shop.get("/api/v1/products/").expect(200).await;
    assert!(traced.spans().await.is_empty());
}

/// Nobody listens at one address; at the other one is listened to and never answered.
#[tokio::test]
async fn a_collector_that_is_away_or_silent_costs_no_request_anything() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    for address in [closed, silent.local_addr().unwrap()] {
        let endpoint = format!("http://{address}");
        let settings = [
            ("OTLP_ENDPOINT", &*endpoint),
            ("METRICS_TOKEN", "a token for the metrics"),
        ];
        let shop = TestShop::with(Engine::Sqlite, &settings).await;
        let begun = Instant::now();
        // More than the queue holds.
        for _ in 0..800 {
            shop.get("/api/v1/categories/").expect(200).await;
        }
        // The collector has ten seconds to answer; the requests together did not wait for it once.
        assert!(
            begun.elapsed() < Duration::from_secs(9),
            "{:?}",
            begun.elapsed()
        );
        shop.app.traces.flush(Duration::from_secs(1)).await;
        let metrics = shop
            .get("/metrics")
            .bearer("a token for the metrics")
            .expect(200)
            .await
            .text();
        let dropped = metrics
            .lines()
            .find_map(|line| line.strip_prefix("cartwright_traces_dropped_total "));
        assert!(
            dropped.unwrap().parse::<u64>().unwrap() > 100,
            "{dropped:?}"
        );
    }
}
