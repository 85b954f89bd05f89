//! `/media/…`: files that never change, for browsers and for what stands between.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::picture::{Format, Size};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::Routes;
use crate::http::answer::{WithHeader, knows};
use crate::http::extract::PathText;

pub fn routes() -> Routes {
    Routes::tag("media").at_root("/media/{file}", show)
}

async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    PathText(file): PathText,
) -> Result<Response> {
    let format = format_of(&file).ok_or_else(Error::not_found)?;
    // The name is a digest of the content.
    let tag = format!("\"{file}\"");
    let answer = if knows(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = app.media.get(&file).await?.ok_or_else(Error::not_found)?;
        bytes
            .into_response()
            .replace_header(header::CONTENT_TYPE, format.media_type())
    };
    Ok(answer
        .with_header(header::ETAG, &tag)
        .with_header(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .with_header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox; frame-ancestors 'none'",
        )
        .with_header(
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ))
}

/// Of a name such as we give them: `0123…cdef.jpg`, `0123…cdef-small.png`. Nothing else reaches the storage.
fn format_of(file: &str) -> Option<Format> {
    let (stem, format) = file.split_once('.')?;
    let (digest, size) = stem
        .split_once('-')
        .map_or((stem, None), |(digest, size)| (digest, Some(size)));
    let is_digest = digest.len() == 32
        && digest
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_digest && size.is_none_or(|size| Size::parse(size).is_some()))
        .then(|| Format::parse(format))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_names() {
        let digest = "0123456789abcdef0123456789abcdef";
        assert!(format_of(&format!("{digest}.jpg")).is_some());
        assert!(format_of(&format!("{digest}-small.png")).is_some());
        for odd in [
            "",
            "..",
            "a.jpg",
            "../../etc/passwd",
            "/etc/passwd",
            "..\\x.jpg",
        ] {
            assert!(format_of(odd).is_none(), "{odd}");
            assert!(
                format_of(&format!("{digest}{odd}.jpg")).is_none() || odd.is_empty(),
                "{odd}"
            );
        }
        assert!(format_of(&format!("{digest}.svg")).is_none());
        assert!(format_of(&format!("{digest}-huge.jpg")).is_none());
        assert!(format_of(&format!("{}.jpg", digest.to_uppercase())).is_none());
    }
}
