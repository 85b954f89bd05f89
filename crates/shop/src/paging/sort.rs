//! In which order the rows of a list stand, and which of them a page wants.

use db::{Select, Value};

use super::{Paging, fault, foreign_cursor};
use crate::error::Result;

/// A column to sort by: its SQL (never null, an integer or a text), and whether from high to low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    pub column: &'static str,
    pub descending: bool,
    pub is_text: bool,
}

impl SortKey {
    pub const fn number(column: &'static str) -> Self {
        SortKey {
            column,
            descending: false,
            is_text: false,
        }
    }

    pub const fn text(column: &'static str) -> Self {
        SortKey {
            column,
            descending: false,
            is_text: true,
        }
    }

    #[must_use]
    pub const fn desc(self) -> Self {
        SortKey {
            descending: true,
            ..self
        }
    }
}

/// Reads `ordering=-price,name` by the words in `known`; without it `default`. `id` is the last key, in the
/// direction of the first.
pub fn ordering(
    text: Option<&str>,
    known: &[(&str, SortKey)],
    default: &[SortKey],
    id: SortKey,
) -> Result<Vec<SortKey>> {
    let mut keys: Vec<SortKey> = Vec::new();
    for word in text
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        let name = word.strip_prefix('-').unwrap_or(word);
        match known.iter().find(|(other, _)| *other == name) {
            Some((_, key)) if keys.iter().any(|other| other.column == key.column) => {
                return Err(fault(
                    "ordering",
                    "duplicate",
                    format!("{name} stands twice."),
                ));
            }
            Some((_, key)) => keys.push(SortKey {
                descending: word.starts_with('-'),
                ..*key
            }),
            None => {
                let known: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                let detail = format!(
                    "Cannot be sorted by that. Use one of: {}.",
                    known.join(", ")
                );
                return Err(fault("ordering", "invalid_choice", detail));
            }
        }
    }
    if keys.is_empty() {
        keys.extend_from_slice(default);
    }
    if keys.iter().all(|key| key.column != id.column) {
        let descending = keys.first().map_or(id.descending, |key| key.descending);
        keys.push(SortKey { descending, ..id });
    }
    Ok(keys)
}

/// Adds the cursor's condition, the order and the window to a list.
pub fn windowed(mut select: Select, sort: &[SortKey], paging: &Paging) -> Result<Select> {
    if let Some(after) = paging.cursor.as_ref().filter(|after| !after.is_empty()) {
        let fits = after.len() == sort.len()
            && after
                .iter()
                .zip(sort)
                .all(|(value, key)| matches!(value, Value::Text(_)) == key.is_text);
        if !fits {
            return Err(foreign_cursor());
        }
        let (condition, args) = behind(sort, after);
        select = select.filter(&condition, args);
    }
    Ok(select
        .order(&columns(sort))
        .window(paging.limit(), paging.offset()))
}

/// What stands behind `ORDER BY`.
pub fn columns(sort: &[SortKey]) -> String {
    let columns = sort.iter().map(|key| {
        let direction = if key.descending { " DESC" } else { "" };
        format!("{}{direction}", key.column)
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Rows behind `after`: `a > ? OR (a = ? AND b > ?)`, with a first condition that an index can use.
fn behind(sort: &[SortKey], after: &[Value]) -> (String, Vec<Value>) {
    let mut args = Vec::new();
    let mut ways = Vec::new();
    for last in 0..sort.len() {
        let mut way = Vec::new();
        for (at, key) in sort[..=last].iter().enumerate() {
            let sign = match (at == last, key.descending) {
                (false, _) => "=",
                (true, true) => "<",
                (true, false) => ">",
            };
            way.push(format!("{} {sign} ?", key.column));
            args.push(after[at].clone());
        }
        ways.push(format!("({})", way.join(" AND ")));
    }
    let first = &sort[0];
    let bound = format!(
        "{} {} ?",
        first.column,
        if first.descending { "<=" } else { ">=" }
    );
    args.insert(0, after[0].clone());
    (format!("{bound} AND ({})", ways.join(" OR ")), args)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(&str, SortKey)] = &[
        ("price", SortKey::number("p.price")),
        ("name", SortKey::text("p.name")),
    ];
    const ID: SortKey = SortKey::number("p.id");

    #[test]
    fn orderings_are_known_words_and_end_with_the_id() {
        let keys = ordering(Some("-price,name"), KNOWN, &[ID.desc()], ID).unwrap();
        assert_eq!(
            keys,
            [
                SortKey::number("p.price").desc(),
                SortKey::text("p.name"),
                ID.desc()
            ]
        );
        assert_eq!(
            ordering(None, KNOWN, &[ID.desc()], ID).unwrap(),
            [ID.desc()]
        );
        for bad in ["cost", "price,price", "--price", "price;drop"] {
            assert_eq!(
                ordering(Some(bad), KNOWN, &[ID], ID).unwrap_err().fields()[0].attr,
                "ordering"
            );
        }
    }

    #[test]
    fn a_cursor_asks_for_the_rows_behind_it() {
        let sort = ordering(Some("-price"), KNOWN, &[], ID).unwrap();
        let paging = Paging::new(1, 2, Some(vec![100.into(), 7.into()]));
        let select = windowed(Select::new("SELECT 1 FROM p"), &sort, &paging).unwrap();
        assert_eq!(
            select.sql(),
            "SELECT 1 FROM p WHERE (p.price <= $1 AND ((p.price < $2) OR (p.price = $3 AND p.id < $4))) \
             ORDER BY p.price DESC, p.id DESC LIMIT 3"
        );
        assert!(windowed(Select::new("SELECT 1 FROM p"), &sort[..1], &paging).is_err());
    }
}
