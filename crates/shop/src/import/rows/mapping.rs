//! Which header of a file means which column.

use std::str::FromStr;

use super::Column;

/// `sku=StockCode,name=Description`: for each column the file's own header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping(pub(super) Vec<(String, String)>);

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |part: &str| match part.split_once('=') {
            Some((column, header)) if !column.trim().is_empty() && !header.trim().is_empty() => {
                Ok((column.trim().to_owned(), header.trim().to_owned()))
            }
            _ => Err(format!("`{part}` is not of the form column=Header")),
        };
        text.split(',')
            .filter(|part| !part.trim().is_empty())
            .map(pair)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Mapping {
    pub(super) fn header(&self, column: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(c, _)| c == column)
            .map(|(_, header)| header.as_str())
    }

    /// Where in `headers` the column stands: where it was mapped to, else under one of the names it is known by.
    pub(super) fn find(&self, column: &Column, headers: &[&str]) -> Option<usize> {
        match self.header(column.name) {
            Some(mapped) => headers
                .iter()
                .position(|h| *h == mapped)
                .or_else(|| headers.iter().position(|h| same(h, mapped))),
            None => std::iter::once(&column.name)
                .chain(column.headers)
                .find_map(|known| headers.iter().position(|h| same(h, known))),
        }
    }
}

fn same(a: &str, b: &str) -> bool {
    let letters = |s: &str| {
        s.chars()
            .filter(|c| !matches!(c, ' ' | '_' | '-'))
            .flat_map(char::to_lowercase)
            .collect::<Vec<_>>()
    };
    letters(a) == letters(b)
}
