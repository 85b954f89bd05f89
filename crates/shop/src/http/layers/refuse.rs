//! What is not looked at further: requests that are too large, and those to hosts that are not ours.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Version, header};

use super::is_probe;
use crate::app::App;
use crate::error::{Code, Error};

const MAX_URL: usize = 8 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Why a request is not looked at further.
pub(super) fn refusal(request: &Request, app: &App) -> Option<Error> {
    if request
        .uri()
        .path_and_query()
        .is_some_and(|uri| uri.as_str().len() > MAX_URL)
    {
        return Some(Code::UriTooLong.with("At most 8 KiB."));
    }
    let headers = request.headers();
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    if headers.len() > MAX_HEADERS || headers.iter().map(size).sum::<usize>() > MAX_HEADER_BYTES {
        return Some(Code::HeadersTooLarge.with("At most 100 headers and 32 KiB."));
    }
    // Whoever watches over the process knows its address, not its name.
    if is_probe(request.uri().path()) {
        return None;
    }
    let hosts = headers.get_all(header::HOST);
    // RFC 9112, 3.2. Two readers could take two, also two equal ones, for different names.
    let told = hosts.iter().count();
    if told > 1 || told == 0 && request.version() == Version::HTTP_11 {
        return Some(Code::HostNotAllowed.with("Send one Host header."));
    }
    let mut hosts = hosts.iter().map(|value| value.to_str().unwrap_or(""));
    let unknown = |host: &str| !app.config.allows_host(host);
    if hosts.any(unknown) || request.uri().host().is_some_and(unknown) {
        return Some(Code::HostNotAllowed.with("This host name is not in ALLOWED_HOSTS."));
    }
    None
}
