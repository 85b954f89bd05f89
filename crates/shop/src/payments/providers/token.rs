//! A token that a provider gives for calls: kept until it is old, and asked for by one caller at a time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::app::App;
use crate::clock::Time;
use crate::payments::client::Trouble;
use crate::payments::payment::Provider;

/// What this node keeps of them.
#[derive(Default)]
pub(crate) struct Tokens(std::sync::Mutex<HashMap<Provider, Arc<Token>>>);

impl Tokens {
    pub(crate) fn of(&self, provider: Provider) -> Arc<Token> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(provider).or_default().clone()
    }
}

#[derive(Default)]
pub(crate) struct Token(Mutex<Option<(String, Time)>>);

impl Token {
    /// The token, or a new one by `grant`, which is believed for `lasts`.
    pub(crate) async fn get(
        &self,
        app: &App,
        member: &str,
        lasts: Duration,
        grant: impl Future<Output = Result<Value, Trouble>>,
    ) -> Result<String, Trouble> {
        let mut kept = self.0.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && *until > app.clock.now()
        {
            return Ok(token.clone());
        }
        let granted = grant.await?;
        let token = granted
            .get(member)
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty());
        let token = token
            .ok_or_else(|| Trouble::Broken("it gave no token".to_owned()))?
            .to_owned();
        *kept = Some((token.clone(), app.clock.now() + lasts));
        Ok(token)
    }

    /// It was refused: the next caller asks for another.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
