//! Rows of a JSON file: a list of objects, an object that holds one such list, or one object after another.

use std::io::Read;

use anyhow::Result;
use serde_json::value::RawValue;

use super::{Column, Fault, Found, Mapping, Text, cell};

/// The file as text, where each object in it stands, and how far it was read.
pub(super) struct Json {
    text: String,
    objects: std::vec::IntoIter<(usize, usize)>,
    mapping: Mapping,
    line: u64,
    counted_to: usize,
}

impl Json {
    pub(super) fn open(mut source: Text, mapping: &Mapping) -> Result<Self> {
        let mut text = String::new();
        source.read_to_string(&mut text)?;
        let objects = objects(&text)?.into_iter();
        Ok(Self {
            text,
            objects,
            mapping: mapping.clone(),
            line: 1,
            counted_to: 0,
        })
    }

    pub(super) fn next(&mut self, columns: &[Column]) -> Option<Found> {
        let (from, to) = self.objects.next()?;
        self.line += self.text[self.counted_to..from].matches('\n').count() as u64;
        self.counted_to = from;
        let object = &self.text[from..to];
        let Ok(Members(members)) = serde_json::from_str(object) else {
            return Some(Err(Fault::new(self.line, "is not an object")));
        };
        let keys: Vec<_> = members.iter().map(|(key, _)| key.as_str()).collect();
        let value = |column| {
            self.mapping
                .find(column, &keys)
                .and_then(|i| members.get(i))
                .and_then(|(_, value)| plain(value.get()))
        };
        let cells: Vec<_> = columns.iter().map(value).collect();
        if cells.iter().flatten().any(|text| text.contains('\0')) {
            return Some(Err(Fault::new(self.line, "holds a NUL character")));
        }
        Some(Ok((self.line, cells, Some(object.to_owned()))))
    }
}

/// Byte ranges of the rows in a JSON text.
fn objects(text: &str) -> Result<Vec<(usize, usize)>> {
    let start = text.as_ptr() as usize;
    let range = |value: &&RawValue| {
        let from = value.get().as_ptr() as usize - start;
        (from, from + value.get().len())
    };
    let top: Vec<&RawValue> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()?;
    let list = match top.as_slice() {
        [one] if one.get().starts_with('[') => Some(one.get()),
        [one] => serde_json::from_str(one.get())
            .ok()
            .and_then(|Lists(lists)| lists.first().copied()),
        _ => None,
    };
    match list {
        Some(list) => Ok(serde_json::from_str::<Vec<&RawValue>>(list)?
            .iter()
            .map(range)
            .collect()),
        None => Ok(top.iter().map(range).collect()),
    }
}

/// A scalar as text, anything else as JSON.
fn plain(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json)
            .ok()
            .and_then(|text| cell(&text)),
        b'n' => None,
        _ => Some(json.to_owned()),
    }
}

/// An object's members in order, values untouched.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Visitor)
    }
}

/// The lists of objects that an object holds.
struct Lists<'a>(Vec<&'a str>);

impl<'de> serde::Deserialize<'de> for Lists<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let members = std::collections::BTreeMap::<String, &'de RawValue>::deserialize(from)?;
        let objects = |json: &&str| {
            json.strip_prefix('[')
                .is_some_and(|rest| rest.trim_start().starts_with('{'))
        };
        let mut lists: Vec<_> = members
            .into_values()
            .map(RawValue::get)
            .filter(objects)
            .collect();
        // A row may itself hold short lists; what is meant is a file that is one long list under a name.
        lists.sort_by_key(|list| std::cmp::Reverse(list.len()));
        Ok(Self(lists))
    }
}
