//! `bench compare` with a system of two answers, twice: what it needs of a system, and what it says.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn compare(args: &[&str], scratch: &Path) -> Output {
    let systems = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare");
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .arg("compare")
        .args(args)
        .args(["--rounds", "2", "--secs", "0.2", "--warmup", "0.1"])
        .args(["--conns", "4", "--products", "400", "--json"])
        .arg("--folder")
        .arg(systems)
        .arg("--scratch")
        .arg(scratch)
        .output()
        .unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("bench-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn two_systems_are_measured_by_turns_and_nothing_is_left_over() {
    let scratch = folder("by-turns");

    let done = compare(&["bare", "bare:again"], &scratch);

    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    for workload in ["list", "detail"] {
        let of = &report["workloads"][workload];
        for system in ["bare", "bare:again"] {
            let figures = &of["systems"][system];
            assert_eq!(figures["rounds"].as_array().map(Vec::len), Some(2));
            assert!(figures["per_second"].as_f64() > Some(0.0), "{figures}");
            assert_eq!(figures["failed"], 0, "{figures}");
        }
        let ratio = &of["ratio_of_the_first_to"]["bare:again"];
        let [low, median, high] = ["low", "median", "high"].map(|of| ratio[of].as_f64().unwrap());
        assert!(0.0 < low && low <= median && median <= high, "{ratio}");
    }
    let measured = report["workloads"].as_object().unwrap();
    assert_eq!(measured.len(), 2, "what a system cannot do is left out");
    assert_eq!(report["answers"][0]["items"], 20);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    std::fs::remove_dir(&scratch).unwrap();
}

#[test]
fn a_system_that_is_not_there_is_named() {
    let scratch = folder("absent");
    let done = compare(&["bare", "nobody"], &scratch);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("no system nobody"));
    std::fs::remove_dir(&scratch).unwrap();
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_starts() {
    let scratch = folder("refused");
    for (args, why) in [
        (&["bare", "bare"][..], "bare is named twice"),
        (
            &["bare", "bare:again", "--workloads", "list,hot"],
            "hot cannot be compared",
        ),
    ] {
        let done = compare(args, &scratch);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(1) && said.contains(why),
            "{said}"
        );
    }
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    std::fs::remove_dir(&scratch).unwrap();
}
