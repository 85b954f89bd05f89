//! `cartwright import categories`: a tree of categories, keyed by what the file calls them.
//!
//! Who stands below whom is said by `path` (a list from the root down to the category itself), by `parent`, or by the
//! `subCategories` of another row, in this order. What a path names but no row describes is made from the path.
//! A second run makes what is missing, renames and moves.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::pace::Pace;
use super::rows::{Column, Row, Rows};
use super::{Fault, Options, Progress, Report};
use crate::app::App;
use crate::catalog::categories::{ImportedCategory, MAX_DEPTH, import_categories as write};

const COLUMNS: &[Column] = &[
    Column {
        name: "id",
        headers: &["category_id", "external_id", "code"],
        required: true,
    },
    Column {
        name: "name",
        headers: &["title", "category", "category_name"],
        required: true,
    },
    Column {
        name: "parent",
        headers: &["parent_id", "parent_code"],
        required: false,
    },
    Column {
        name: "path",
        headers: &[],
        required: false,
    },
    Column {
        name: "children",
        headers: &["subCategories", "sub_categories"],
        required: false,
    },
];

const MAX_TEXT: usize = 255;

/// # Errors
/// The file cannot be read, a row is faulty in a strict run (then nothing was written), or the database is away.
pub async fn import_categories(
    app: &App,
    file: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report> {
    let mut rows = Rows::open(file, COLUMNS, &options.columns)?;
    let (mut report, mut tree) = (Report::default(), Tree::default());
    while let Some(row) = rows.next()? {
        report.rows += 1;
        match row.and_then(|row| tree.take(&row)) {
            Ok(()) => {}
            Err(fault) if options.strict => {
                bail!(
                    "Line {}: {}.\nNothing was written.",
                    fault.line,
                    fault.reason
                )
            }
            Err(fault) => report.fault(fault),
        }
    }
    let made = tree
        .nodes
        .values()
        .filter(|node| node.line.is_none())
        .count();
    let (categories, faults) = tree.top_down();
    if let (true, Some(fault)) = (options.strict, faults.first()) {
        bail!(
            "Line {}: {}.\nNothing was written.",
            fault.line,
            fault.reason
        );
    }
    faults.into_iter().for_each(|fault| report.fault(fault));
    if made > 0 {
        report.notes.push(format!(
            "{made} categories stand in paths only; they were made from there"
        ));
    }

    let total = categories.len() as u64;
    let (mut done, mut pace, mut rest) = (
        0,
        Pace::new(app.db.engine(), 20, 200),
        categories.as_slice(),
    );
    while !rest.is_empty() && !options.dry_run {
        let (batch, later) = rest.split_at(pace.batch().min(rest.len()));
        rest = later;
        report.imported += pace.keep(|| write(app, batch)).await?;
        done += batch.len() as u64;
        progress(done, total);
    }
    if options.dry_run {
        report.imported = total;
    } else {
        report.unchanged = total - report.imported;
    }
    Ok(report)
}

/// A category as it stands in a path or among children.
#[derive(Deserialize)]
struct Step {
    id: String,
    name: Option<String>,
}

struct Node {
    name: String,
    parent: Option<String>,
    /// Its place is known, be it as a root.
    placed: bool,
    /// Where its row stands; `None` when only paths name it.
    line: Option<u64>,
}

#[derive(Default)]
struct Tree {
    nodes: HashMap<String, Node>,
    /// Children by the rows of their parents, for those that say nothing themselves.
    below: HashMap<String, String>,
    order: Vec<String>,
}

impl Tree {
    fn take(&mut self, row: &Row) -> Result<(), Fault> {
        let id = short(row, "id")?;
        let name = short(row, "name")?;
        let path = steps(row, "path")?;
        let mut placed = !path.is_empty();
        for child in steps(row, "children")? {
            self.below.entry(child.id).or_insert_with(|| id.clone());
        }
        // Those of the path that have a name; the last step is the category itself.
        let mut parent = None;
        for step in path.into_iter().filter(|step| step.id != id) {
            let Some(name) = step
                .name
                .as_deref()
                .map(str::trim)
                .filter(|name| !name.is_empty())
            else {
                continue;
            };
            if !self.nodes.contains_key(&step.id) {
                self.put(
                    step.id.clone(),
                    Node {
                        name: name.to_owned(),
                        parent: parent.take(),
                        placed: true,
                        line: None,
                    },
                );
            }
            parent = Some(step.id);
        }
        let parent = parent
            .or_else(|| row.get("parent").map(str::to_owned))
            .filter(|parent| *parent != id);
        if self.nodes.get(&id).is_some_and(|node| node.line.is_some()) {
            return Err(row.fault(format!("the id {id} stands twice")));
        }
        placed |= parent.is_some();
        self.put(
            id,
            Node {
                name,
                parent,
                placed,
                line: Some(row.line),
            },
        );
        Ok(())
    }

    fn put(&mut self, id: String, node: Node) {
        if self.nodes.insert(id.clone(), node).is_none() {
            self.order.push(id);
        }
    }

    /// Parents before children. What stands in a circle, or too deep, is a fault.
    fn top_down(self) -> (Vec<ImportedCategory>, Vec<Fault>) {
        let parent_of = |id: &String| {
            let node = self.nodes.get(id)?;
            let parent = if node.placed {
                node.parent.as_ref()
            } else {
                self.below.get(id)
            };
            parent.filter(|parent| *parent != id)
        };
        let mut levels: Vec<Vec<ImportedCategory>> = Vec::new();
        let mut faults = Vec::new();
        for id in &self.order {
            let mut depth = 0;
            let mut above = parent_of(id);
            while let Some(parent) = above.filter(|_| depth <= MAX_DEPTH) {
                depth += 1;
                above = parent_of(parent);
            }
            let Some(node) = self.nodes.get(id) else {
                continue;
            };
            if depth >= MAX_DEPTH {
                let reason = format!("{id} stands below itself, or deeper than {MAX_DEPTH} levels");
                faults.push(Fault::new(node.line.unwrap_or_default(), reason));
                continue;
            }
            levels.resize_with(levels.len().max(depth + 1), Vec::new);
            levels[depth].push(ImportedCategory {
                external_id: id.clone(),
                name: node.name.clone(),
                parent: parent_of(id).cloned(),
            });
        }
        (levels.into_iter().flatten().collect(), faults)
    }
}

fn short(row: &Row, column: &str) -> Result<String, Fault> {
    match row.get(column) {
        None => Err(row.fault(format!("has no {column}"))),
        Some(text) if text.chars().count() > MAX_TEXT => {
            Err(row.fault(format!("{column} is longer than {MAX_TEXT} characters")))
        }
        Some(text) => Ok(text.to_owned()),
    }
}

fn steps(row: &Row, column: &str) -> Result<Vec<Step>, Fault> {
    match row.get(column) {
        None => Ok(Vec::new()),
        Some(text) => serde_json::from_str(text).map_err(|_| {
            row.fault(format!(
                "{column} is not a list of {{\"id\": …, \"name\": …}}"
            ))
        }),
    }
}
