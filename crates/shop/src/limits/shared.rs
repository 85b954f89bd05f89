//! Limits that all nodes share, in Redis. Each try is one script there, so that no two take the last place.
//!
//! Redis is a help, never a need: it has a quarter of a second, and when it fails it is left alone for a second while
//! this node counts for itself. Keys are hashed: Redis learns no address of anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::Rule;
use super::bucket::{self, Left, Pace};
use crate::clock::Time;

const PATIENCE: Duration = Duration::from_millis(250);
const REST: Duration = Duration::from_secs(1);

/// The moments of the last tries: 0 when one more was counted, else microseconds to wait.
const TAKE_TRY: &str = "\
local now, within, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - within))
if redis.call('ZCARD', KEYS[1]) < most then
  redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[1], math.ceil(within / 1000))
  return 0
end
local oldest = tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2])
return math.max(1, math.min(within, oldest + within - now))";

/// When the bucket is full again: microseconds until then, or as a negative number how long to wait for one request.
const TAKE_REQUEST: &str = "\
local now, window, one = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
full = math.min(math.max(full, now), now + window) + one
if full - now > window then return now + window - full end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return full - now";

pub(super) struct Shared {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    take_try: Script,
    take_request: Script,
    started: Instant,
    /// Milliseconds after `started` until which Redis is left alone.
    resting: AtomicU64,
}

impl Shared {
    /// # Errors
    /// The URL makes no sense. That Redis is away is no error.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Shared {
            client: Client::open(url)?,
            connection: Mutex::new(None),
            take_try: Script::new(TAKE_TRY),
            take_request: Script::new(TAKE_REQUEST),
            started: Instant::now(),
            resting: AtomicU64::new(0),
        })
    }

    /// How long to wait, if so; nothing at all when Redis does not say.
    pub(super) async fn take(&self, rule: Rule, key: &str, now: Time) -> Option<Option<Duration>> {
        let mut chance = [0; 12];
        getrandom::fill(&mut chance).ok()?;
        let mut call = self.take_try.key(name(rule.name, key));
        call.arg(now.0)
            .arg(micros(rule.within))
            .arg(rule.most)
            .arg(&chance[..]);
        let wait = self.ask(&call).await?;
        Some(
            u64::try_from(wait)
                .ok()
                .filter(|wait| *wait > 0)
                .map(Duration::from_micros),
        )
    }

    /// What is left, or how long to wait; nothing when Redis does not say.
    pub(super) async fn take_request(
        &self,
        pace: Pace,
        key: &str,
        now: Time,
    ) -> Option<Result<Left, Duration>> {
        let mut call = self.take_request.key(name("request", key));
        call.arg(now.0)
            .arg(micros(pace.window))
            .arg(micros(pace.one()));
        let answer = self.ask(&call).await?;
        Some(match u64::try_from(answer) {
            Ok(full_in) => Ok(bucket::left(pace, Duration::from_micros(full_in))),
            Err(_) => Err(Duration::from_micros(answer.unsigned_abs())),
        })
    }

    async fn ask(&self, call: &redis::ScriptInvocation<'_>) -> Option<i64> {
        if self.elapsed() < self.resting.load(Ordering::Relaxed) {
            return None;
        }
        let answer = async {
            let mut connection = self.connect().await?;
            call.invoke_async::<i64>(&mut connection).await
        };
        let error = match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let until = self.elapsed() + millis(REST);
        self.resting.store(until, Ordering::Relaxed);
        *self.connection.lock().await = None;
        tracing::warn!(%error, "Redis is away, this node counts for itself: {error}");
        None
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let fresh = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        *connection = Some(fresh.clone());
        Ok(fresh)
    }

    fn elapsed(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

fn name(limit: &str, key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    hash[..16]
        .iter()
        .fold(format!("cartwright:limit:{limit}:"), |text, byte| {
            format!("{text}{byte:02x}")
        })
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
