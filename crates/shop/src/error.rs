//! What can go wrong, in the words of the API: every code stands in the one table below.
//!
//! `Code::OutOfStock.with("Only 3 left.")` is for people, the source of an internal error for the log only.
//! `http/problem.rs` writes the body.

use std::borrow::Cow;

use db::DbError;
use serde_json::{Map, Value};

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $title:literal)*) => {
        /// The stable name of an error. The table gives its status and its title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($name),* }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code),* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status),* }
            }

            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }
        }
    };
}

codes! {
    ValidationError "validation_error" 400 "Invalid input"
    MalformedJson "malformed_json" 400 "The body is not JSON"
    HostNotAllowed "host_not_allowed" 400 "This host name is not served here"
    CartEmpty "cart_empty" 400 "The cart is empty"
    CartLimit "cart_limit" 400 "The cart takes no more"
    AddressLimit "address_limit" 400 "The address book is full"
    AmountLimit "amount_limit" 400 "The amount is too large"
    InvalidSignature "invalid_signature" 400 "The signature is wrong"
    TimestampOutOfTolerance "timestamp_out_of_tolerance" 400 "The signature is too old"
    InvalidImage "invalid_image" 400 "Not a picture that can be used"
    CardDataNotAccepted "card_data_not_accepted" 400 "Card data is not accepted"
    NotAuthenticated "not_authenticated" 401 "Sign in first"
    TokenInvalid "token_invalid" 401 "The token is not valid"
    TokenExpired "token_expired" 401 "The token has expired"
    TokenRevoked "token_revoked" 401 "The token was revoked"
    TokenReused "token_reused" 401 "The token was used before"
    InvalidCredentials "invalid_credentials" 401 "Wrong email or password"
    OtpRequired "otp_required" 401 "A code of the second factor is needed"
    OtpInvalid "otp_invalid" 401 "The code of the second factor is wrong"
    OtpUnreadable "otp_unreadable" 401 "The second factor cannot be read any more"
    PaymentDeclined "payment_declined" 402 "The payment was declined"
    PermissionDenied "permission_denied" 403 "Not allowed"
    SecondFactorRequired "second_factor_required" 403 "Set up a second factor first"
    EmailNotVerified "email_not_verified" 403 "The email address is not verified"
    CsrfFailed "csrf_failed" 403 "The request came from another site"
    NotFound "not_found" 404 "Not found"
    MethodNotAllowed "method_not_allowed" 405 "Method not allowed"
    BodyTimeout "body_timeout" 408 "The body took too long"
    OutOfStock "out_of_stock" 409 "Not enough in stock"
    CartChanged "cart_changed" 409 "The cart has changed"
    PriceChanged "price_changed" 409 "A price has changed"
    ProductUnavailable "product_unavailable" 409 "A product is no longer available"
    InvalidTransition "invalid_transition" 409 "The order cannot go there from here"
    NotCancellable "not_cancellable" 409 "The order can no longer be cancelled"
    AlreadyPaid "already_paid" 409 "The order is already paid"
    PaymentMismatch "payment_mismatch" 409 "The payment does not belong to this order"
    Duplicate "duplicate" 409 "It exists already"
    InUse "in_use" 409 "It is in use"
    Conflict "conflict" 409 "Changed at the same time"
    IdempotencyInProgress "idempotency_in_progress" 409 "The first request with this key is still running"
    LastAdmin "last_admin" 409 "The last admin must stay"
    TokenUsedOrExpired "token_used_or_expired" 410 "The link was used or has expired"
    PreconditionFailed "precondition_failed" 412 "Changed in the meantime"
    BodyTooLarge "body_too_large" 413 "The body is too large"
    UriTooLong "uri_too_long" 414 "The address is too long"
    UnsupportedMediaType "unsupported_media_type" 415 "The body must be JSON"
    IdempotencyKeyReused "idempotency_key_reused" 422 "The key was used for another request"
    RateLimited "rate_limited" 429 "Too many requests"
    LoginLocked "login_locked" 429 "Too many failed logins"
    HeadersTooLarge "headers_too_large" 431 "The headers are too large"
    InternalError "internal_error" 500 "Something went wrong here"
    ProviderError "provider_error" 502 "The payment provider failed"
    Overloaded "overloaded" 503 "Too much to do at the moment"
    DependencyUnavailable "dependency_unavailable" 503 "A part of the shop is not available"
    ProviderNotConfigured "provider_not_configured" 503 "The payment provider is not set up"
    Timeout "timeout" 503 "It took too long"
    PaymentPending "payment_pending" 504 "The payment is not decided yet"
}

impl Code {
    /// An error with its explanation for people.
    pub fn with(self, detail: impl Into<Cow<'static, str>>) -> Error {
        let mut error = Error::from(self);
        error.0.detail = Some(detail.into());
        error
    }
}

/// One faulty field, or a fault of the whole (`attr` is `non_field_errors`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: `email`, `items.0.quantity`.
    pub attr: String,
    /// What kind: `required`, `unique`, `min_value`, …
    pub code: &'static str,
    /// For people.
    pub detail: String,
    /// It stands in the query, not in the body.
    pub in_query: bool,
}

#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: Option<Cow<'static, str>>,
    faults: Vec<Fault>,
    members: Map<String, Value>,
    retry_after: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retryable: bool,
}

/// The name under which faults of no single field are listed.
pub const NON_FIELD: &str = "non_field_errors";

impl Error {
    /// A faulty field: 400 `validation_error`. More of them follow with [`Error::and`].
    pub fn field(attr: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Error::from(Code::ValidationError).and(attr, code, detail)
    }

    /// One more faulty field.
    #[must_use]
    pub fn and(
        mut self,
        attr: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        self.0.faults.push(Fault {
            attr: attr.into(),
            code,
            detail: detail.into(),
            in_query: false,
        });
        self
    }

    /// All faulty fields of a request at once.
    pub fn faults(faults: Vec<Fault>) -> Self {
        let mut error = Error::from(Code::ValidationError);
        error.0.faults = faults;
        error
    }

    /// 409 `duplicate`, which names the field whose value is taken.
    pub fn duplicate(attr: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let error = Code::Duplicate.with(detail.clone());
        error.and(attr, "unique", detail)
    }

    pub fn not_found() -> Self {
        Code::NotFound.into()
    }

    /// A fault of ours: the client learns that it happened, the log learns why.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::from(Code::InternalError).because(source)
    }

    /// An extra member of the body, such as the lines of `out_of_stock`.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Seconds after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// What the log should know of it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What the database said, where that was the reason.
    pub fn database(&self) -> Option<&DbError> {
        self.0.source.as_deref()?.downcast_ref()
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    pub fn fields(&self) -> &[Fault] {
        &self.0.faults
    }

    pub fn members(&self) -> &Map<String, Value> {
        &self.0.members
    }

    /// Seconds for `Retry-After`; every 503 has some.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.0
            .retry_after
            .or((self.0.code.status() == 503).then_some(2))
    }

    /// For the log only: of each error its own first line. What PostgreSQL tells in further ones are values of rows.
    pub fn source_text(&self) -> Option<String> {
        let mut source: &dyn std::error::Error = self.0.source.as_deref()?;
        let first_line = |error: &dyn std::error::Error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        };
        let mut text = first_line(source);
        while let Some(next) = source.source() {
            let more = first_line(next);
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            source = next;
        }
        Some(text)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Error(Box::new(Inner {
            code,
            detail: None,
            faults: Vec::new(),
            members: Map::new(),
            retry_after: None,
            source: None,
            retryable: false,
        }))
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        // A foreign key fails where what a statement names was erased after it was read: a second run sees that.
        let gone = matches!(error, DbError::ForeignKey(_));
        let retryable = gone || db::Retryable::is_retryable(&error);
        let code = match &error {
            DbError::Unavailable(_) | DbError::Conflict(_) => Code::DependencyUnavailable,
            DbError::ForeignKey(_) => Code::Conflict,
            _ => Code::InternalError,
        };
        let mut error = Error::from(code).because(error);
        error.0.retryable = retryable;
        error
    }
}

impl db::Retryable for Error {
    fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {}",
            self.0.code.as_str(),
            self.detail().unwrap_or(self.0.code.title())
        )?;
        for fault in &self.0.faults {
            write!(f, "; {}: {}", fault.attr, fault.detail)?;
        }
        match self.source_text() {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_name_and_an_error_status() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(
            Code::ALL
                .iter()
                .all(|code| (400..600).contains(&code.status()))
        );
    }

    #[test]
    fn what_names_an_erased_row_runs_again_and_is_no_fault_of_ours() {
        let error = Error::from(DbError::ForeignKey("order_lines_product_id_fkey".into()));
        assert!(db::Retryable::is_retryable(&error));
        assert_eq!(error.code(), Code::Conflict);
    }

    #[test]
    fn the_log_learns_no_values_of_rows() {
        let told =
            "ERROR: duplicate key value\nDETAIL: Key (email)=(ann@example.org) already exists.";
        let error = Error::from(DbError::Other(told.into()));
        assert_eq!(
            error.source_text().as_deref(),
            Some("database: ERROR: duplicate key value")
        );
        assert!(!error.to_string().contains("ann@"), "{error}");
    }

    #[test]
    fn a_database_that_is_away_is_not_a_fault_of_ours() {
        let error = Error::from(DbError::Unavailable("connection refused".into()));
        assert_eq!(
            (error.code(), error.retry_after_seconds()),
            (Code::DependencyUnavailable, Some(2))
        );
        assert!(
            error
                .source_text()
                .is_some_and(|text| text.contains("connection refused"))
        );
    }
}
