//! Lists: which rows are wanted, in which order, and the links to the other pages.
//!
//! A store asks for one row more than a page holds ([`windowed`]); [`Paging::page`] knows by it whether there is a
//! next page. By number (`page=3`) or by cursor: the sort keys of the last row seen, opaque to the client.

mod sort;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::{Conn, FromRow, Select, Value};
use serde::Serialize;

pub use sort::{SortKey, columns, ordering, windowed};

use crate::error::{Error, Fault, Result};

/// The page that a client asks for.
#[derive(Clone, Debug)]
pub struct Paging {
    page: i64,
    page_size: i64,
    cursor: Option<Vec<Value>>,
    /// The address of the list with its filters, up to where `page=` or `cursor=` follows.
    pub link: String,
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub results: Vec<T>,
}

impl Paging {
    pub const DEFAULT_SIZE: i64 = 20;
    const MAX_SIZE: i64 = 100;

    /// `cursor`: empty to start at the first row, else the keys of the last row seen.
    pub fn new(page: i64, page_size: i64, cursor: Option<Vec<Value>>) -> Self {
        Paging {
            page: page.max(1),
            page_size: page_size.clamp(1, Self::MAX_SIZE),
            cursor,
            link: String::new(),
        }
    }

    pub fn page_size(&self) -> i64 {
        self.page_size
    }

    /// A list by cursor has no `count`, so none need be made.
    pub fn wants_count(&self) -> bool {
        self.cursor.is_none()
    }

    /// Is it the first page, without a cursor?
    pub fn is_first(&self) -> bool {
        self.page == 1 && self.cursor.is_none()
    }

    /// The sort keys of the last row seen, where there is one.
    pub fn after(&self) -> Option<&[Value]> {
        self.cursor.as_deref().filter(|keys| !keys.is_empty())
    }

    /// Rows to ask for: one more than the page holds.
    pub fn limit(&self) -> i64 {
        self.page_size + 1
    }

    pub fn offset(&self) -> i64 {
        if self.cursor.is_some() {
            0
        } else {
            (self.page - 1).saturating_mul(self.page_size)
        }
    }

    /// Makes the page of up to [`Paging::limit`] rows. `keys` are the values of the sort keys of a row, the id last.
    /// 404 for a page beyond the first without rows.
    pub fn page<T>(
        &self,
        mut rows: Vec<T>,
        count: i64,
        keys: impl Fn(&T) -> Vec<Value>,
    ) -> Result<Page<T>> {
        if rows.is_empty() && self.page > 1 && self.cursor.is_none() {
            return Err(crate::error::Code::NotFound.with("There is no such page."));
        }
        let size = usize::try_from(self.page_size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let by_number = |page: i64| format!("{}page={page}", self.link);
        Ok(if self.cursor.is_some() {
            let last = rows.last().filter(|_| more);
            let next = last.map(|row| format!("{}cursor={}", self.link, write_cursor(&keys(row))));
            Page {
                count: None,
                next,
                previous: None,
                results: rows,
            }
        } else {
            Page {
                count: Some(count),
                next: more.then(|| by_number(self.page + 1)),
                previous: (self.page > 1).then(|| by_number(self.page - 1)),
                results: rows,
            }
        })
    }

    /// Reads what [`Paging::page`] wrote; empty for the start.
    pub fn read_cursor(text: &str) -> Option<Vec<Value>> {
        if text.is_empty() {
            return Some(Vec::new());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let values: Vec<serde_json::Value> = serde_json::from_slice(&bytes).ok()?;
        values
            .into_iter()
            .map(|value| match value {
                serde_json::Value::Number(number) => number.as_i64().map(Value::Int),
                serde_json::Value::String(text) if !text.contains('\0') => Some(Value::Text(text)),
                _ => None,
            })
            .collect()
    }
}

fn write_cursor(keys: &[Value]) -> String {
    let values: Vec<serde_json::Value> = keys
        .iter()
        .map(|key| match key {
            Value::Int(number) => (*number).into(),
            Value::Text(text) => text.clone().into(),
            _ => serde_json::Value::Null,
        })
        .collect();
    URL_SAFE_NO_PAD.encode(serde_json::Value::from(values).to_string())
}

impl<T> Page<T> {
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        let results = self.results.into_iter().map(make).collect();
        Page {
            count: self.count,
            next: self.next,
            previous: self.previous,
            results,
        }
    }

    /// Without those that are gone since the page was found.
    pub fn filter_map<U>(self, make: impl FnMut(T) -> Option<U>) -> Page<U> {
        let results = self.results.into_iter().filter_map(make).collect();
        Page {
            count: self.count,
            next: self.next,
            previous: self.previous,
            results,
        }
    }

    /// A list that is always one page.
    pub fn whole(results: Vec<T>) -> Self {
        let count = i64::try_from(results.len()).ok();
        Page {
            count,
            next: None,
            previous: None,
            results,
        }
    }
}

/// A page of a list that has one order: by the id, the newest first. `rows` and `count` carry the same filters.
pub async fn newest<T: FromRow>(
    conn: &Conn,
    rows: Select,
    count: Select,
    id: &'static str,
    paging: &Paging,
    id_of: impl Fn(&T) -> Value,
) -> Result<Page<T>> {
    let sort = [SortKey::number(id).desc()];
    let found = windowed(rows, &sort, paging)?.all(conn).await?;
    let count = match paging.wants_count() {
        true => count.one(conn).await?,
        false => 0,
    };
    paging.page(found, count, |row| vec![id_of(row)])
}

pub(crate) fn foreign_cursor() -> Error {
    let detail = "This cursor belongs to another order of the list.";
    fault("cursor", "invalid", detail.to_owned())
}

fn fault(attr: &str, code: &'static str, detail: String) -> Error {
    Error::faults(vec![Fault {
        attr: attr.to_owned(),
        code,
        detail,
        in_query: true,
    }])
}

/// Lists of 1, 2, 4, 8, … values by repeating the last, so that there are few different statements to prepare.
pub(crate) fn padded<T: Clone>(values: &[T]) -> Vec<T> {
    let mut padded = values.to_vec();
    if let Some(last) = values.last() {
        padded.resize(values.len().next_power_of_two(), last.clone());
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(page: i64, cursor: Option<&str>) -> Paging {
        let mut paging = Paging::new(page, 2, cursor.and_then(Paging::read_cursor));
        paging.link = "https://shop.test/api/v1/things/?".into();
        paging
    }

    #[test]
    fn links_know_by_one_row_more() {
        let page = paging(2, None).page(vec![1, 2, 3], 9, |_| vec![]).unwrap();
        assert_eq!(
            page.next.as_deref(),
            Some("https://shop.test/api/v1/things/?page=3")
        );
        assert_eq!(
            page.previous.as_deref(),
            Some("https://shop.test/api/v1/things/?page=1")
        );
        assert_eq!((page.count, page.results), (Some(9), vec![1, 2]));
        let last = paging(1, None).page(vec![1, 2], 2, |_| vec![]).unwrap();
        assert_eq!((last.next, last.previous), (None, None));
    }

    #[test]
    fn only_the_first_page_may_be_empty() {
        assert!(
            paging(1, None)
                .page(Vec::<i64>::new(), 0, |_| vec![])
                .unwrap()
                .results
                .is_empty()
        );
        assert_eq!(
            paging(2, None)
                .page(Vec::<i64>::new(), 0, |_| vec![])
                .unwrap_err()
                .code()
                .status(),
            404
        );
        assert_eq!(paging(i64::MAX, None).offset(), i64::MAX);
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let page = paging(1, Some(""))
            .page(vec![5, 6, 7], 0, |row| vec![(*row).into(), "Zoë".into()])
            .unwrap();
        let next = page.next.unwrap();
        let cursor = next.split("cursor=").nth(1).unwrap();
        assert_eq!(
            Paging::read_cursor(cursor),
            Some(vec![6.into(), "Zoë".into()])
        );
        assert_eq!(page.count, None);
        for bad in ["x", "bnVsbA", "WzEuNV0", "=", "é"] {
            assert_eq!(Paging::read_cursor(bad), None, "{bad}");
        }
    }
}
