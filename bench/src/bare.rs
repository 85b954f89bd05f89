//! `bench bare`: a server that knows two answers and sends them from memory, as long as Cartwright's are. On one thread
//! and the same HTTP library it is what the machine can do at best.

use std::net::Ipv4Addr;

use anyhow::Result;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::dataset;

/// Bytes of Cartwright's answers about the data set.
const LIST: usize = 15_652;
const DETAIL: usize = 770;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where it listens, on 127.0.0.1
    #[arg(long)]
    port: u16,
}

/// Until it is killed.
pub(crate) async fn bare(options: Options) -> Result<bool> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let items: Vec<Value> = (1..=20).map(product).collect();
    let list = filled(json!({"count": dataset::PRODUCTS, "results": items}), LIST);
    let detail = filled(product(1), DETAIL);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (list, detail) = (list.clone(), detail.clone());
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let body = match request.uri().path() {
                "/list" => list.clone(),
                _ => detail.clone(),
            };
            async {
                Response::builder()
                    .header(CONTENT_TYPE, "application/json")
                    .body(Full::new(body))
            }
        });
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn product(n: u32) -> Value {
    let p = dataset::product(n);
    json!({"id": n, "sku": p.sku, "name": p.name, "price": p.price, "stock": p.stock, "category": p.category})
}

/// Made so long by one more member.
fn filled(mut body: Value, bytes: usize) -> Bytes {
    body["filling"] = json!("");
    let short = bytes.saturating_sub(body.to_string().len());
    body["filling"] = json!("x".repeat(short));
    body.to_string().into()
}
