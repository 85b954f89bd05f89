//! The JavaScript that a requirement document prints, run by Node against the program.

use std::process::Command;

use crate::support::{Folder, Shop, text};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/system_002.mjs");

#[test]
fn the_javascript_of_the_third_document_runs_as_printed() {
    for required in ["false", "true"] {
        let folder = Folder::new();
        let shop = Shop::open(&folder, &[("REQUIRE_EMAIL_VERIFICATION", required)]);
        let outbox = folder.path().join("data/outbox");
        let ran = Command::new("node")
            .arg(SCRIPT)
            .arg(format!("http://{}", shop.address))
            .args([outbox.to_str().unwrap(), required])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{required}: {}", text(&ran.stderr));
    }
}
