//! `bench bare`: a server that knows two answers. On one thread and the same HTTP library it is what the machine can do
//! at best: from memory, as long as Cartwright's are; or read from PostgreSQL for each request, and nothing else.

mod read;

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Result;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::dataset;
use read::Database;

/// Bytes of Cartwright's answers about the data set.
const LIST: usize = 15_652;
const DETAIL: usize = 770;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where it listens, on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// A PostgreSQL with tables of products and categories, to be read for each answer
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

enum Answers {
    Memory { list: Bytes, detail: Bytes },
    Database(Database),
}

/// Until it is killed.
pub(crate) async fn bare(options: Options) -> Result<bool> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let answers = Arc::new(match options.database {
        Some(url) => Answers::Database(Database::new(&url)?),
        None => Answers::from_memory(),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let answers = Arc::clone(&answers);
            async move {
                let body = answers.to(request.uri().path()).await?;
                let answer = Response::builder().header(CONTENT_TYPE, "application/json");
                Ok::<_, anyhow::Error>(answer.body(Full::new(body))?)
            }
        });
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Answers {
    fn from_memory() -> Self {
        let items: Vec<Value> = (1..=20).map(product).collect();
        Answers::Memory {
            list: filled(json!({"count": dataset::PRODUCTS, "results": items}), LIST),
            detail: filled(product(1), DETAIL),
        }
    }

    async fn to(&self, path: &str) -> Result<Bytes> {
        match (self, path) {
            (Answers::Memory { list, .. }, "/list") => Ok(list.clone()),
            (Answers::Memory { detail, .. }, _) => Ok(detail.clone()),
            (Answers::Database(database), "/list") => database.list().await,
            (Answers::Database(database), path) => {
                let id = path.rsplit('/').next().unwrap_or_default().parse()?;
                database.detail(id).await
            }
        }
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
