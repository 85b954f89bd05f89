//! Rows of a CSV file.

use std::io::BufRead;

use anyhow::{Context, Result, bail};

use super::{Column, Fault, Found, Mapping, Text, cell};

pub(super) struct Csv {
    reader: csv::Reader<Text>,
    record: csv::ByteRecord,
    width: usize,
    at: Vec<Option<usize>>,
}

impl Csv {
    pub(super) fn open(mut text: Text, columns: &[Column], mapping: &Mapping) -> Result<Self> {
        let delimiter = delimiter(text.fill_buf()?);
        // With its default terminator the reader is one line behind in a file of \r\n; the \r falls to trimming.
        let terminator = csv::Terminator::Any(b'\n');
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .terminator(terminator)
            .flexible(true)
            .from_reader(text);
        let header = reader
            .headers()
            .context("The header line cannot be read")?
            .clone();
        let headers: Vec<_> = header.iter().map(str::trim).collect();
        let mut at = Vec::new();
        for column in columns {
            let found = mapping.find(column, &headers);
            match (found, mapping.header(column.name)) {
                (None, Some(mapped)) => bail!(
                    "The file has no column `{mapped}`.\nIt has: {}.",
                    headers.join(", ")
                ),
                (None, None) if column.required => bail!(
                    "No column of the file is known as `{0}`.\nIt has: {1}.\nName it: --columns {0}=Header",
                    column.name,
                    headers.join(", ")
                ),
                _ => at.push(found),
            }
        }
        Ok(Self {
            reader,
            record: csv::ByteRecord::new(),
            width: headers.len(),
            at,
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Found>> {
        loop {
            if !self.reader.read_byte_record(&mut self.record)? {
                return Ok(None);
            }
            let blank = self.record.len() == 1 && self.record[0].trim_ascii().is_empty();
            if !blank || self.width == 1 {
                break;
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        if self.record.len() != self.width {
            return Ok(Some(Err(Fault::new(
                line,
                format!(
                    "has {} cells where the header has {}",
                    self.record.len(),
                    self.width
                ),
            ))));
        }
        let mut cells = Vec::with_capacity(self.at.len());
        for at in &self.at {
            match std::str::from_utf8(at.and_then(|i| self.record.get(i)).unwrap_or_default()) {
                Ok(text) if text.contains('\0') => {
                    return Ok(Some(Err(Fault::new(line, "holds a NUL character"))));
                }
                Ok(text) => cells.push(cell(text)),
                Err(_) => return Ok(Some(Err(Fault::new(line, "is not UTF-8 text")))),
            }
        }
        Ok(Some(Ok((line, cells, None))))
    }
}

/// The separator that the header line uses most.
fn delimiter(start: &[u8]) -> u8 {
    let header = start.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |d: u8| header.iter().filter(|b| **b == d).count();
    b",;\t"
        .iter()
        .copied()
        .rev()
        .max_by_key(|d| count(*d))
        .unwrap_or(b',')
}
