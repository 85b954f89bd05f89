//! `cartwright torture`: a small run on both engines.

use std::path::Path;

use serde_json::Value;

use crate::support::{Folder, run, text};

/// What a run leaves behind among the temporary files; there `TMPDIR` is the test's own.
fn torture(env: &[(&str, &str)]) -> (Value, Folder) {
    let folder = Folder::new();
    let temporary = folder.path().display().to_string();
    let args = [
        "torture", "--orders", "60", "--kills", "1", "--buyers", "6", "--seed", "5", "--json",
    ];
    let env: Vec<_> = env
        .iter()
        .copied()
        .chain([("TMPDIR", &*temporary)])
        .collect();
    let done = run(&folder, &args, &env);
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{out}{err}");
    (serde_json::from_str(&out).unwrap(), folder)
}

fn all_held(report: &Value) {
    assert_eq!(
        (&report["ok"], &report["seed"], &report["kills"]),
        (&true.into(), &5.into(), &1.into())
    );
    for figure in [
        "orders",
        "submitted_twice",
        "cancelled_twice",
        "payments",
        "refunds",
        "events_twice",
    ] {
        assert!(report[figure].as_u64() > Some(0), "{figure}: {report}");
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn torture_holds_on_sqlite_and_touches_nothing_of_the_shop() {
    let (report, folder) = torture(&[]);
    all_held(&report);
    assert_eq!(report["engine"], "SQLite");
    assert!(
        is_empty(folder.path()),
        "no shop was opened, nothing is left over"
    );
}

#[test]
fn torture_holds_on_postgres_and_removes_its_database() {
    let set = std::env::vars().find(|(name, _)| name == "CARTWRIGHT_TEST_POSTGRES");
    let (_, url) = set.unwrap_or_else(|| panic!("CARTWRIGHT_TEST_POSTGRES is not set: run ./test"));
    let (report, folder) = torture(&[("DATABASE_URL", &url)]);
    all_held(&report);
    assert_eq!(report["engine"], "PostgreSQL");
    assert!(is_empty(folder.path()), "nothing is left over");
}
