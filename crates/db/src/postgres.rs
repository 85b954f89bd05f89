//! PostgreSQL: a pool of connections, prepared statements, pipelining.
//!
//! A transaction sends its BEGIN together with its first statement, so an empty one costs nothing. Statements that
//! are awaited together (`try_join!`) share a round trip.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
    Timeouts,
};
use futures_util::TryStreamExt;
use futures_util::future::{join, try_join_all};
use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Statement;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::migrate::{self, MigrateError, Migration};
use crate::{Cell, DbError, FromRow, Options, Result, Row, Value};

/// Any number will do, as long as all processes of this program take the same.
const MIGRATION_LOCK: i64 = 0x6361_7274;

const STATEMENTS_KEPT: usize = 512;

pub(crate) struct Postgres {
    pool: Pool,
    replica: Option<Pool>,
    mode: Mode,
}

/// How statements are sent.
#[derive(Clone)]
struct Mode {
    /// With names, once a connection; else parsed each time, for PgBouncer.
    prepared: bool,
    /// What opens a transaction.
    begin: Arc<str>,
}

impl Postgres {
    pub(crate) async fn connect(options: &Options) -> Result<Self> {
        let pool = pool_of(&options.url, options)?;
        let replica = options
            .read_url
            .as_deref()
            .map(|url| pool_of(url, options))
            .transpose()?;
        let begin = if options.prepared_statements {
            "BEGIN".to_owned()
        } else {
            format!("BEGIN; {}", limits("SET LOCAL", options))
        };
        let mode = Mode {
            prepared: options.prepared_statements,
            begin: begin.into(),
        };
        let postgres = Postgres {
            pool,
            replica,
            mode,
        };
        postgres.lease(false).await?.client()?;
        Ok(postgres)
    }

    pub(crate) async fn lease(&self, transaction: bool) -> Result<Lease> {
        let client = self.pool.get().await?;
        Ok(Lease::new(client, self.mode.clone(), transaction))
    }

    pub(crate) async fn replica_lease(&self) -> Result<Lease> {
        let client = self.replica.as_ref().unwrap_or(&self.pool).get().await?;
        Ok(Lease::new(client, self.mode.clone(), false))
    }

    pub(crate) async fn snapshot(&self) -> Result<Lease> {
        let lease = self.lease(true).await?;
        lease.begun.store(true, Ordering::Relaxed);
        let begin =
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0";
        lease.client()?.batch_execute(begin).await?;
        Ok(lease)
    }

    pub(crate) async fn prepare(&self, sql: &str) -> Result<()> {
        let lease = self.lease(false).await?;
        lease.client()?.prepare(sql).await?;
        Ok(())
    }

    pub(crate) async fn pending(
        &self,
        known: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        let lease = self.lease(false).await?;
        let pending = migrate::pending(known, &applied(lease.client()?).await?, run)?;
        Ok(pending.iter().map(|m| m.name.to_owned()).collect())
    }

    /// Each migration in a transaction of its own, behind a lock that processes share.
    pub(crate) async fn migrate(
        &self,
        known: &[Migration],
        run: &migrate::Run<'_>,
    ) -> Result<Vec<String>, MigrateError> {
        let mut lease = self.lease(false).await?;
        let client = lease.client()?;
        let db = |e: tokio_postgres::Error| MigrateError::Db(e.into());
        client
            .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0; SET client_min_messages = warning")
            .await
            .map_err(db)?;
        client
            .execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
            .await
            .map_err(db)?;
        let names = apply_pending(client, known, run).await;
        // The connection is closed, not returned: that frees the lock and forgets the settings.
        lease.discard();
        names
    }
}

async fn apply_pending(
    client: &Object,
    known: &[Migration],
    run: &migrate::Run<'_>,
) -> Result<Vec<String>, MigrateError> {
    let mut names = Vec::new();
    for migration in migrate::pending(known, &applied(client).await?, run)? {
        let sql = migrate::expand(
            crate::Engine::Postgres,
            migration.sql(crate::Engine::Postgres),
        );
        client
            .batch_execute(&format!("BEGIN; {};", migrate::TABLE))
            .await
            .map_err(|e| migration.failed(e.into()))?;
        client
            .batch_execute(&sql)
            .await
            .map_err(|e| migration.failed(e.into()))?;
        let record = migration.record(run);
        client
            .execute_raw(migrate::RECORD, &record)
            .await
            .map_err(|e| migration.failed(e.into()))?;
        client
            .batch_execute("COMMIT")
            .await
            .map_err(|e| migration.failed(e.into()))?;
        names.push(migration.name.to_owned());
    }
    Ok(names)
}

async fn applied(client: &Object) -> Result<Vec<migrate::Applied>, MigrateError> {
    let exists = client
        .query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[])
        .await
        .map_err(DbError::from)?;
    if !exists.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client
        .query(migrate::APPLIED, &[])
        .await
        .map_err(DbError::from)?;
    Ok(rows
        .iter()
        .map(|row| migrate::Applied::from_row(&Row::Postgres(row)))
        .collect::<Result<_>>()?)
}

// ---- connecting ------------------------------------------------------------------------------------------------

fn pool_of(url: &str, options: &Options) -> Result<Pool> {
    let (config, tls) = target(url)?;
    let manager = Manager::from_config(
        config,
        tls,
        ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        },
    );
    let settings = format!("{}; SET synchronous_commit = on", limits("SET", options));
    let prepared = options.prepared_statements;
    let connected = Hook::async_fn(move |client, _| {
        let settings = settings.clone();
        Box::pin(async move {
            // Behind PgBouncer a session is not ours to set.
            if prepared {
                client
                    .batch_execute(&settings)
                    .await
                    .map_err(HookError::Backend)?;
            }
            Ok(())
        })
    });
    Pool::builder(manager)
        .max_size(options.pool_size)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(options.acquire_timeout),
            create: Some(options.acquire_timeout.max(Duration::from_secs(3))),
            recycle: Some(options.acquire_timeout),
        })
        .post_create(connected)
        .build()
        .map_err(|e| DbError::Other(e.into()))
}

fn limits(set: &str, options: &Options) -> String {
    let (statement, lock) = (
        options.statement_timeout.as_millis(),
        options.lock_timeout.as_millis(),
    );
    format!(
        "{set} statement_timeout = {statement}; {set} lock_timeout = {lock}; \
         {set} idle_in_transaction_session_timeout = 10000"
    )
}

/// Reads the URL, with libpq's meaning of `sslmode`: TLS is checked against the certificate only when asked to.
fn target(url: &str) -> Result<(tokio_postgres::Config, MakeRustlsConnect)> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut kept, mut mode, mut root_file) = (Vec::new(), "prefer", None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = value,
            Some(("sslrootcert", value)) => root_file = Some(value),
            _ => kept.push(pair),
        }
    }
    let url = if kept.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", kept.join("&"))
    };
    let mut config: tokio_postgres::Config = url
        .parse()
        .map_err(|e: tokio_postgres::Error| DbError::Other(e.into()))?;
    config.ssl_mode(match mode {
        "disable" | "allow" => SslMode::Disable,
        "prefer" => SslMode::Prefer,
        "require" | "verify-ca" | "verify-full" => SslMode::Require,
        other => return Err(DbError::other(format!("unknown sslmode {other}"))),
    });
    config
        .application_name("cartwright")
        .connect_timeout(Duration::from_secs(3));
    Ok((
        config,
        MakeRustlsConnect::new(tls(mode.starts_with("verify"), root_file)?),
    ))
}

fn tls(verify: bool, root_file: Option<&str>) -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| DbError::Other(e.into()))?;
    if !verify {
        let any = Arc::new(AnyCertificate(provider));
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(any)
            .with_no_client_auth());
    }
    let mut roots = rustls::RootCertStore::empty();
    match root_file {
        Some(file) => {
            let certs =
                CertificateDer::pem_file_iter(file).map_err(|e| DbError::Other(e.into()))?;
            roots.add_parsable_certificates(certs.filter_map(Result::ok));
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// `sslmode=prefer` and `require`: encrypted, the other side unchecked, as libpq does.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

// ---- a connection in use ---------------------------------------------------------------------------------------

pub(crate) struct Lease {
    client: Option<Object>,
    mode: Mode,
    transaction: bool,
    begun: AtomicBool,
    failed: AtomicBool,
    /// Statements that were sent and not yet answered.
    running: AtomicUsize,
    /// Held while a statement is prepared and put on the wire. Without it one that has yet to be prepared would be
    /// overtaken by those behind it.
    turn: Mutex<()>,
}

impl Lease {
    fn new(client: Object, mode: Mode, transaction: bool) -> Self {
        let (begun, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        Lease {
            client: Some(client),
            mode,
            transaction,
            begun,
            failed,
            running: AtomicUsize::new(0),
            turn: Mutex::new(()),
        }
    }

    fn client(&self) -> Result<&Object> {
        self.client
            .as_ref()
            .ok_or_else(|| DbError::other("the transaction has ended"))
    }

    /// Closes the connection instead of returning it to the pool.
    fn discard(&mut self) {
        self.client.take().map(Object::take);
    }

    /// Runs a statement; the first of a transaction travels behind its BEGIN.
    async fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        self.running.fetch_add(1, Ordering::Relaxed);
        let result = if self.transaction && !self.begun.swap(true, Ordering::Relaxed) {
            // `join` polls in this order, and a first poll puts the message on the wire.
            match join(self.client()?.batch_execute(&self.mode.begin), statement).await {
                (Ok(()), result) => result,
                (Err(error), _) => Err(error),
            }
        } else {
            statement.await
        };
        self.running.fetch_sub(1, Ordering::Relaxed);
        result.map_err(|error| {
            self.failed.store(true, Ordering::Relaxed);
            error.into()
        })
    }

    pub(crate) async fn all<T: FromRow>(&self, sql: &str, args: &[Value]) -> Result<Vec<T>> {
        let client = self.client()?;
        let rows = self
            .run(async {
                let turn = self.turn.lock().await;
                if self.mode.prepared {
                    let statement = prepare(client, sql).await?;
                    sent(turn, client.query_raw(&statement, args))
                        .await?
                        .try_collect::<Vec<_>>()
                        .await
                } else {
                    sent(turn, client.query_typed(sql, &typed(args))).await
                }
            })
            .await?;
        rows.iter()
            .map(|row| T::from_row(&Row::Postgres(row)))
            .collect()
    }

    pub(crate) async fn execute(&self, sql: &str, args: &[Value]) -> Result<u64> {
        let client = self.client()?;
        self.run(async {
            let turn = self.turn.lock().await;
            if self.mode.prepared {
                let statement = prepare(client, sql).await?;
                sent(turn, client.execute_raw(&statement, args)).await
            } else {
                sent(turn, client.execute_typed(sql, &typed(args))).await
            }
        })
        .await
    }

    pub(crate) async fn execute_each(&self, sql: &str, rows: &[Vec<Value>]) -> Result<Vec<u64>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.client()?;
        self.run(async {
            let turn = self.turn.lock().await;
            if self.mode.prepared {
                let statement = prepare(client, sql).await?;
                let all = rows.iter().map(|args| client.execute_raw(&statement, args));
                sent(turn, try_join_all(all)).await
            } else {
                let all = rows
                    .iter()
                    .map(|args| async { client.execute_typed(sql, &typed(args)).await });
                sent(turn, try_join_all(all)).await
            }
        })
        .await
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        let begun = self.begun.load(Ordering::Relaxed);
        if begun && self.failed.load(Ordering::Relaxed) {
            self.rollback().await;
            return Err(DbError::other(
                "a statement failed, so the transaction was rolled back",
            ));
        }
        if begun {
            self.client()?.batch_execute("COMMIT").await?;
        }
        self.begun.store(false, Ordering::Relaxed);
        self.client.take();
        Ok(())
    }

    pub(crate) async fn rollback(mut self) {
        if self.begun.swap(false, Ordering::Relaxed)
            && let Some(client) = self.client.take()
            && client.batch_execute("ROLLBACK").await.is_err()
        {
            drop(Object::take(client));
        }
    }
}

/// Prepares once a connection. Lists have many texts, one for each combination of filters: past a number the
/// connection forgets them all and begins anew, or its memory would grow with the curiosity of clients.
async fn prepare(client: &Object, sql: &str) -> Result<Statement, tokio_postgres::Error> {
    if client.statement_cache.size() >= STATEMENTS_KEPT {
        client.statement_cache.clear();
    }
    client.prepare_cached(sql).await
}

/// Gives the turn on as soon as `statement` is on the wire, which is at its first poll.
async fn sent<F: Future>(turn: MutexGuard<'_, ()>, statement: F) -> F::Output {
    let mut turn = Some(turn);
    let mut statement = pin!(statement);
    poll_fn(|context| {
        let polled = statement.as_mut().poll(context);
        turn.take();
        polled
    })
    .await
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The request was given up in the middle: the connection must not go back with an open transaction, or with
        // a statement that the next request would wait for.
        if (self.begun.load(Ordering::Relaxed) || self.running.load(Ordering::Relaxed) > 0)
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}

// ---- values and errors -----------------------------------------------------------------------------------------

fn typed(args: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    args.iter()
        .map(|value| {
            let kind = match value {
                Value::Null => Type::UNKNOWN,
                Value::Int(_) => Type::INT8,
                Value::Bool(_) => Type::BOOL,
                Value::Real(_) => Type::FLOAT8,
                Value::Text(_) => Type::TEXT,
                Value::Bytes(_) => Type::BYTEA,
            };
            (value as &(dyn ToSql + Sync), kind)
        })
        .collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(v) if *ty == Type::INT4 => i32::try_from(*v)?.to_sql(ty, out),
            Value::Int(v) if *ty == Type::INT8 => v.to_sql(ty, out),
            Value::Bool(v) if *ty == Type::BOOL => v.to_sql(ty, out),
            Value::Real(v) if *ty == Type::FLOAT8 => v.to_sql(ty, out),
            Value::Text(v) if <&str as ToSql>::accepts(ty) => v.as_str().to_sql(ty, out),
            Value::Bytes(v) if *ty == Type::BYTEA => v.as_slice().to_sql(ty, out),
            other => Err(format!("the statement takes {ty}, not {}", other.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

struct Raw<'a>(Cell<'a>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(match *ty {
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Cell::Int(i32::from_sql(ty, raw)?.into()),
            Type::BOOL => Cell::Bool(bool::from_sql(ty, raw)?),
            Type::FLOAT8 => Cell::Real(f64::from_sql(ty, raw)?),
            Type::BYTEA => Cell::Bytes(raw),
            _ if <&str as FromSql>::accepts(ty) => {
                Cell::Text(<&str as FromSql>::from_sql(ty, raw)?)
            }
            _ => return Err(format!("columns of type {ty} are not read; CAST it").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(crate) fn cell(row: &tokio_postgres::Row, at: usize) -> Result<Cell<'_>> {
    Ok(row.try_get::<_, Raw<'_>>(at)?.0)
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => DbError::Unavailable(error.into()),
            other => DbError::Unavailable(other.into()),
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let broken = error.is_closed()
                || std::error::Error::source(&error).is_some_and(|e| e.is::<std::io::Error>());
            return if broken {
                DbError::Unavailable(error.into())
            } else {
                DbError::Other(error.into())
            };
        };
        // The detail holds values of rows: it is for nobody's log.
        let text = format!("{}: {}", db.code().code(), db.message());
        let constraint = || db.constraint().unwrap_or_default().to_owned();
        match db.code() {
            &SqlState::UNIQUE_VIOLATION => {
                DbError::Unique(one_form(db.table().unwrap_or_default(), db.detail()))
            }
            &SqlState::FOREIGN_KEY_VIOLATION => DbError::ForeignKey(constraint()),
            &SqlState::CHECK_VIOLATION => DbError::Check(constraint()),
            // The last is what statements behind a failed one of the same round trip hear.
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::IN_FAILED_SQL_TRANSACTION => DbError::Conflict(text.into()),
            &SqlState::LOCK_NOT_AVAILABLE
            | &SqlState::QUERY_CANCELED
            | &SqlState::READ_ONLY_SQL_TRANSACTION => DbError::Unavailable(text.into()),
            // 08 connection, 53 resources, 57 operator's doing, 58 system
            code if ["08", "53", "57", "58"]
                .iter()
                .any(|class| code.code().starts_with(class)) =>
            {
                DbError::Unavailable(text.into())
            }
            _ => DbError::Other(text.into()),
        }
    }
}

/// PostgreSQL names the columns only in `Key (cart_id, variant_id)=(1, 2) already exists.`
fn one_form(table: &str, detail: Option<&str>) -> String {
    let columns = detail
        .and_then(|d| d.strip_prefix("Key ("))
        .and_then(|d| d.split_once(")="))
        .map_or("", |(c, _)| c);
    format!("{table}.{}", columns.replace(", ", ","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_have_one_form() {
        let detail = "Key (cart_id, variant_id)=(1, 2) already exists.";
        assert_eq!(
            one_form("cart_lines", Some(detail)),
            "cart_lines.cart_id,variant_id"
        );
    }
}
