//! From requests to values. Every fault of a request is reported in one answer.

mod body;
mod fields;
mod form;
mod if_match;
pub(crate) mod json;
mod moment;
mod path;
mod query;
mod reader;

pub use body::{In, Keyed, MAX_JSON, raw_bytes};
pub use fields::{Given, Json, Patch, TextOr};
pub use form::{Form, InOrForm};
pub use if_match::IfMatch;
pub use json::Node;
pub use moment::{Since, Until};
pub use path::{Id, PathKey, PathText, SubId};
pub(crate) use query::refuse_parameters;
pub use query::{Param, Params, Query, QueryInput};
pub use reader::{Field, Reader};
