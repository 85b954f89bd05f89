//! `InOrForm<T>`: a JSON body, or a form (`multipart/form-data`) whose texts are its members and which may bring a file.
//! `Form`: a form with a file.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::extract::{FromRequest, Request};
use axum::http::header;
use bytes::Bytes;
use multer::Multipart;

use super::body::{json_bytes, node, raw_bytes, read};
use super::json::{Node, parse};
use super::reader::Field;
use crate::app::App;
use crate::error::{Code, Error, NON_FIELD, Result};
use crate::values::MAX_UPLOAD;

/// The largest form: a file, and beside it as much as a JSON body may have.
const MAX_FORM: usize = MAX_UPLOAD + super::MAX_JSON;
const MAX_PARTS: usize = 100;
/// What the file may be called.
const FILE_NAMES: [&str; 3] = ["image", "images", "file"];
/// Members that are JSON in a form too.
const JSON_MEMBERS: [&str; 2] = ["options", "variants"];

/// A body, and the file that came with it.
pub struct InOrForm<T> {
    pub body: T,
    pub file: Option<Bytes>,
}

/// A form: its texts by name, and its file.
pub struct Form {
    pub file: Option<Bytes>,
    texts: Vec<(String, String)>,
}

impl<T: Field + Send> FromRequest<App> for InOrForm<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        if boundary(&request).is_none() {
            let bytes = json_bytes(request).await?;
            return Ok(InOrForm {
                body: read(app, &node(&bytes, false)?)?,
                file: None,
            });
        }
        let form = Form::from_request(request, app).await?;
        Ok(InOrForm {
            body: form.read(app)?,
            file: form.file,
        })
    }
}

impl FromRequest<App> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let boundary = boundary(&request).ok_or_else(|| {
            Code::UnsupportedMediaType.with("Send a form: multipart/form-data with its boundary.")
        })?;
        let bytes = raw_bytes(request, MAX_FORM).await?;
        parts(bytes, boundary).await
    }
}

impl Form {
    /// One of its texts.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, text)| text.as_str())
    }

    /// Its texts as the members of a body.
    fn read<T: Field>(&self, app: &App) -> Result<T> {
        let mut members = Vec::with_capacity(self.texts.len());
        for (name, text) in &self.texts {
            let node = match JSON_MEMBERS.contains(&name.as_str()) && !text.trim().is_empty() {
                true => parse(text.as_bytes())
                    .map_err(|_| Error::field(name, "invalid", "Write this member as JSON."))?,
                false => Node::String(Cow::Borrowed(text)),
            };
            members.push((Cow::Borrowed(name.as_str()), node));
        }
        read(app, &Node::Object(members))
    }
}

fn boundary(request: &Request) -> Option<String> {
    let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

async fn parts(bytes: Bytes, boundary: String) -> Result<Form> {
    let whole = futures_util::stream::once(async { Ok::<_, Infallible>(bytes) });
    let mut parts = Multipart::new(whole, boundary);
    let mut form = Form {
        file: None,
        texts: Vec::new(),
    };
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        count += 1;
        if count > MAX_PARTS {
            return Err(fault(format!("A form has at most {MAX_PARTS} parts.")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(broken)?;
        match file {
            // A file input of a page that was left empty.
            Some(_) if bytes.is_empty() => {}
            Some(_) if !FILE_NAMES.contains(&name.as_str()) => {
                return Err(Error::field(name, "invalid", "Send the file as `image`."));
            }
            Some(_) if form.file.is_some() => {
                return Err(Error::field(name, "max_length", "Send one file at a time."));
            }
            Some(_) => form.file = Some(bytes),
            None if form.text(&name).is_some() => {
                return Err(Error::field(name, "duplicate", "This member stands twice."));
            }
            None => {
                let text = String::from_utf8(bytes.into())
                    .ok()
                    .filter(|text| !text.contains('\0'));
                let text =
                    text.ok_or_else(|| Error::field(&name, "invalid", "Not a valid string."))?;
                form.texts.push((name, text));
            }
        }
    }
    Ok(form)
}

fn broken(error: multer::Error) -> Error {
    fault("The form is broken.".to_owned()).because(error)
}

fn fault(detail: String) -> Error {
    Error::field(NON_FIELD, "invalid", detail)
}
