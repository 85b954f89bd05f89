//! Reads the rows of a CSV or JSON file, plain or gzipped, each with the line where it begins.
//!
//! A CSV file has a header and is separated by commas, semicolons or tabs. A JSON file is an array of objects, an
//! object that holds one such array, or one object after another. A column is recognised by its header, whatever its
//! case, spaces, `_` and `-`; other headers are mapped by hand.

mod csv;
mod json;
mod mapping;
mod text;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};

pub use mapping::Mapping;

use self::csv::Csv;
use self::json::Json;
use self::text::{Counted, Text, first_byte, skip_byte_order_mark, unpack};
use super::Fault;

/// A column that an import knows: its name in `--columns`, and the headers that mean it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub headers: &'static [&'static str],
    pub required: bool,
}

/// One row. Cells are trimmed; a blank one is absent.
#[derive(Clone, Debug)]
pub struct Row {
    pub line: u64,
    columns: &'static [Column],
    cells: Vec<Option<String>>,
    object: Option<String>,
}

pub struct Rows {
    columns: &'static [Column],
    source: Source,
    read: Arc<AtomicU64>,
    size: u64,
}

enum Source {
    Csv(Csv),
    Json(Json),
}

impl Rows {
    pub fn open(path: &Path, columns: &'static [Column], mapping: &Mapping) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        let size = file.metadata().map_or(0, |m| m.len());
        Self::of(&name, Box::new(file), size, columns, mapping)
    }

    /// As [`Rows::open`], of anything that can be read; `size` in bytes.
    pub fn of(
        name: &str,
        file: Box<dyn Read + Send>,
        size: u64,
        columns: &'static [Column],
        mapping: &Mapping,
    ) -> Result<Self> {
        for (column, _) in &mapping.0 {
            if !columns.iter().any(|c| c.name == column) {
                let known: Vec<_> = columns.iter().map(|c| c.name).collect();
                bail!(
                    "--columns names `{column}`, which this import does not have.\nIt has: {}.",
                    known.join(", ")
                );
            }
        }
        let read = Arc::new(AtomicU64::new(0));
        let mut text = unpack(Counted {
            file,
            read: read.clone(),
        })
        .with_context(|| format!("{name} cannot be read"))?;
        skip_byte_order_mark(&mut text)?;
        let source =
            match first_byte(&mut text).with_context(|| format!("{name} cannot be read"))? {
                None => bail!("{name} is empty."),
                Some(b'[' | b'{') => Source::Json(
                    Json::open(text, mapping).with_context(|| format!("{name} cannot be read"))?,
                ),
                Some(_) => Source::Csv(Csv::open(text, columns, mapping)?),
            };
        Ok(Self {
            columns,
            source,
            read,
            size,
        })
    }

    /// The next row, or what is wrong with it; an error when the file cannot be read on.
    #[expect(
        clippy::should_implement_trait,
        reason = "three outcomes read better than an Option of a Result of a Result"
    )]
    pub fn next(&mut self) -> Result<Option<Result<Row, Fault>>> {
        let next = match &mut self.source {
            Source::Csv(csv) => csv.next()?,
            Source::Json(json) => json.next(self.columns),
        };
        Ok(next.map(|row| {
            row.map(|(line, cells, object)| Row {
                line,
                columns: self.columns,
                cells,
                object,
            })
        }))
    }

    /// Bytes of the file read so far, and its size.
    pub fn position(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.size)
    }
}

impl Row {
    /// The cell's text; JSON numbers as they were written, lists and objects as JSON text.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|c| c.name == column);
        debug_assert!(at.is_some(), "{column} is not among the columns");
        self.cells.get(at?)?.as_deref()
    }

    /// The whole object, as JSON text, when the file is JSON.
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    pub fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.line, reason)
    }
}

fn cell(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

type Found = Result<(u64, Vec<Option<String>>, Option<String>), Fault>;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column {
            name: "sku",
            headers: &["stock_code", "article"],
            required: true,
        },
        Column {
            name: "name",
            headers: &["title", "description"],
            required: false,
        },
    ];

    /// Line, SKU and name.
    type Read = Result<(u64, Option<String>, Option<String>), Fault>;

    fn read(name: &str, bytes: &[u8], mapping: &str) -> Result<Vec<Read>> {
        let path =
            std::env::temp_dir().join(format!("cartwright-rows-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes)?;
        let read = (|| {
            let mut rows = Rows::open(
                &path,
                COLUMNS,
                &mapping.parse().map_err(anyhow::Error::msg)?,
            )?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(row.map(|r| {
                    (
                        r.line,
                        r.get("sku").map(str::to_owned),
                        r.get("name").map(str::to_owned),
                    )
                }));
            }
            let (read, size) = rows.position();
            assert_eq!(read, size);
            Ok(all)
        })();
        std::fs::remove_file(&path)?;
        read
    }

    fn row(line: u64, sku: &str, name: Option<&str>) -> Read {
        Ok((line, Some(sku.to_owned()), name.map(str::to_owned)))
    }

    #[test]
    fn headers_are_recognised_whatever_their_case_and_separators() {
        let rows = read(
            "headers",
            b"\xef\xbb\xbfStockCode,other,TITLE\r\n\r\nA1, x ,\"Mug\"\r\nA2,,\r\n",
            "",
        )
        .unwrap();
        assert_eq!(rows, [row(3, "A1", Some("Mug")), row(4, "A2", None)]);
    }

    #[test]
    fn lines_are_counted_through_quoted_line_breaks_and_bad_rows_are_reported() {
        let text = b"sku;name\r\nA1;\"two\nlines\"\r\nA2\nA3;\xff\nA4;\x00\nA5;last";
        let rows = read("lines", text, "").unwrap();
        let fault = |line, reason: &str| Err(Fault::new(line, reason));
        assert_eq!(rows[0], row(2, "A1", Some("two\nlines")));
        assert_eq!(rows[1], fault(4, "has 1 cells where the header has 2"));
        assert_eq!(rows[2], fault(5, "is not UTF-8 text"));
        assert_eq!(rows[3], fault(6, "holds a NUL character"));
        assert_eq!(rows[4], row(7, "A5", Some("last")));
    }

    #[test]
    fn a_mapping_wins_over_known_headers_and_must_fit_the_file() {
        let text = b"sku,code,name\nwrong,A1,Mug\n";
        assert_eq!(
            read("mapped", text, "sku=code").unwrap(),
            [row(2, "A1", Some("Mug"))]
        );
        let absent = read("absent", text, "sku=Nothing").unwrap_err().to_string();
        assert_eq!(
            absent,
            "The file has no column `Nothing`.\nIt has: sku, code, name."
        );
        let unknown = read("unknown", text, "colour=code")
            .unwrap_err()
            .to_string();
        assert_eq!(
            unknown,
            "--columns names `colour`, which this import does not have.\nIt has: sku, name."
        );
        let missing = read("missing", b"a,b\n1,2\n", "").unwrap_err().to_string();
        assert!(
            missing.starts_with("No column of the file is known as `sku`."),
            "{missing}"
        );
        assert!("sku".parse::<Mapping>().is_err());
    }

    #[test]
    fn a_gzipped_file_reads_like_a_plain_one() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"sku\tname\nA1\tMug\n").unwrap();
        assert_eq!(
            read("packed", &packed.finish().unwrap(), "").unwrap(),
            [row(2, "A1", Some("Mug"))]
        );
    }

    #[test]
    fn json_comes_as_a_list_inside_an_object_or_one_object_a_line() {
        let expected = [row(2, "A1", Some("Mug")), row(3, "12.50", None)];
        let list =
            b"[\n{\"sku\": \"A1\", \"title\": \"Mug\"},\n{\"sku\": 12.50, \"title\": null}\n]";
        assert_eq!(read("list", list, "").unwrap(), expected);
        let named = b"{\"total\": 2, \"rows\": [\n{\"sku\": \"A1\", \"title\": \"Mug\"},\n{\"sku\": 12.50}\n]}";
        assert_eq!(read("named", named, "").unwrap(), expected);
        let lines = b"\n{\"sku\": \"A1\", \"title\": \"Mug\"}\n{\"sku\": 12.50}\n";
        assert_eq!(read("objects", lines, "").unwrap(), expected);
    }

    #[test]
    fn json_rows_that_are_no_objects_are_faults_and_broken_json_ends_the_reading() {
        assert_eq!(
            read("scalar", b"[\n7]", "").unwrap(),
            [Err(Fault::new(2, "is not an object"))]
        );
        assert!(read("broken", b"[{\"sku\": 1}", "").is_err());
        assert!(read("nothing", b"", "").is_err());
    }
}
