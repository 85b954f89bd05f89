//! The only file that writes an error body: RFC 9457 members, and beside them each faulty field with its messages.
//!
//! A handler's error travels as an extension of an empty answer; [`write`] makes the body when it is known how the
//! client wants it and under which request id.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::error::{Code, Error, Fault, NON_FIELD};

/// Names that mean something else at the top of the body; fields of these names stand in `errors` only.
const RESERVED: &[&str] = &[
    "type",
    "title",
    "status",
    "code",
    "detail",
    "instance",
    "request_id",
    "errors",
];

#[derive(Clone)]
pub(super) struct Failed(pub(super) Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = status_of(self.code()).into_response();
        response.extensions_mut().insert(Failed(Arc::new(self)));
        response
    }
}

/// What of the request decides how an error is shown.
pub(super) struct Reader<'a> {
    pub(super) request_id: &'a str,
    /// `HEAD` does not.
    pub(super) wants_body: bool,
    pub(super) wants_problem_json: bool,
    /// A document prints a wrong login as 400 with `non_field_errors`; see `aliases.rs`.
    pub(super) login_as_400: bool,
}

/// Writes the error into its answer, which may carry headers already.
pub(super) fn write(response: &mut Response, error: &Error, reader: &Reader<'_>) {
    let as_400 = reader.login_as_400 && error.code() == Code::InvalidCredentials;
    let status = if as_400 {
        StatusCode::BAD_REQUEST
    } else {
        status_of(error.code())
    };
    let body = body(error, status.as_u16(), reader.request_id).to_string();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let kind = if reader.wants_problem_json {
        "application/problem+json"
    } else {
        "application/json"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge(error.code())),
        );
    }
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    *response.status_mut() = status;
    *response.body_mut() = match reader.wants_body {
        true => Body::from(body),
        false => Body::empty(),
    };
}

fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn challenge(code: Code) -> &'static str {
    match code {
        Code::TokenInvalid | Code::TokenExpired | Code::TokenRevoked | Code::TokenReused => {
            "Bearer error=\"invalid_token\""
        }
        _ => "Bearer",
    }
}

fn body(error: &Error, status: u16, request_id: &str) -> Value {
    let code = error.code();
    let detail = detail(error);
    let mut body = Map::new();
    body.insert("type".into(), format!("/problems/{}", code.as_str()).into());
    body.insert("title".into(), code.title().into());
    body.insert("status".into(), status.into());
    body.insert("code".into(), code.as_str().into());
    body.insert("request_id".into(), request_id.into());
    for (name, value) in error.members() {
        body.insert(name.clone(), value.clone());
    }
    for fault in error
        .fields()
        .iter()
        .filter(|fault| !RESERVED.contains(&&*fault.attr))
    {
        let messages = body.entry(fault.attr.clone()).or_insert_with(|| json!([]));
        if let Some(messages) = messages.as_array_mut() {
            messages.push(fault.detail.clone().into());
        }
    }
    if code == Code::InvalidCredentials {
        body.insert(NON_FIELD.into(), json!([detail]));
    }
    if !error.fields().is_empty() {
        body.insert("errors".into(), error.fields().iter().map(entry).collect());
    }
    body.insert("detail".into(), detail.into());
    Value::Object(body)
}

fn detail(error: &Error) -> String {
    match (error.detail(), error.fields()) {
        (Some(detail), _) => detail.to_owned(),
        (None, []) => format!("{}.", error.code().title()),
        (None, [fault]) if fault.attr == NON_FIELD => fault.detail.clone(),
        (None, [_]) => "1 field needs attention.".to_owned(),
        (None, faults) => format!("{} fields need attention.", faults.len()),
    }
}

fn entry(fault: &Fault) -> Value {
    let mut entry = json!({"attr": fault.attr, "code": fault.code, "detail": fault.detail});
    if fault.in_query {
        entry["parameter"] = fault.attr.clone().into();
    } else if fault.attr != NON_FIELD {
        entry["pointer"] = format!("/{}", fault.attr.replace('.', "/")).into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: &Error) -> Value {
        body(error, error.code().status(), "req-1")
    }

    #[test]
    fn faulty_fields_stand_in_both_habits() {
        let error = Error::field("email", "unique", "Taken.").and(
            "quantity",
            "min_value",
            "Must be at least 1.",
        );
        let expected = json!({
            "type": "/problems/validation_error", "title": "Invalid input", "status": 400,
            "code": "validation_error", "request_id": "req-1", "detail": "2 fields need attention.",
            "email": ["Taken."], "quantity": ["Must be at least 1."],
            "errors": [
                {"attr": "email", "code": "unique", "detail": "Taken.", "pointer": "/email"},
                {"attr": "quantity", "code": "min_value", "detail": "Must be at least 1.", "pointer": "/quantity"},
            ],
        });
        assert_eq!(shown(&error), expected);
    }

    #[test]
    fn a_field_with_a_reserved_name_stands_in_errors_only() {
        let body = shown(&Error::field("status", "invalid_choice", "No such status."));
        assert_eq!(body["status"], 400);
        assert_eq!(body["errors"][0]["attr"], "status");
    }

    #[test]
    fn nested_fields_have_a_path_and_a_pointer() {
        let body = shown(&Error::field(
            "shipping_address.city",
            "required",
            "Required.",
        ));
        assert_eq!(body["shipping_address.city"], json!(["Required."]));
        assert_eq!(body["errors"][0]["pointer"], "/shipping_address/city");
    }

    #[test]
    fn other_errors_have_no_fields_but_may_have_members() {
        let body = shown(
            &Code::OutOfStock
                .with("Only 3 left.")
                .member("lines", json!([{"product_id": 1}])),
        );
        assert_eq!(body["detail"], "Only 3 left.");
        assert_eq!(body["lines"][0]["product_id"], 1);
        assert!(body.get("errors").is_none());
    }

    #[test]
    fn the_source_of_an_internal_error_is_not_shown() {
        let body = shown(&Error::internal("SELECT secret FROM users")).to_string();
        assert!(!body.contains("SELECT"), "{body}");
    }

    #[test]
    fn a_wrong_login_is_400_where_a_document_prints_it() {
        let error = Code::InvalidCredentials.with("Invalid email or password.");
        let write_for = |login_as_400| {
            let mut response = Response::new(Body::empty());
            let reader = Reader {
                request_id: "r",
                wants_body: true,
                wants_problem_json: true,
                login_as_400,
            };
            write(&mut response, &error, &reader);
            response
        };
        let printed = write_for(true);
        assert_eq!(printed.status(), 400);
        assert_eq!(
            printed.headers()["content-type"],
            "application/problem+json"
        );
        assert!(!printed.headers().contains_key("www-authenticate"));
        let usual = write_for(false);
        assert_eq!(usual.status(), 401);
        assert_eq!(usual.headers()["www-authenticate"], "Bearer");
    }
}
