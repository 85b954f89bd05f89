//! SQLite on a disk that is full, on files that may not grow, on a file system that turned read-only.

use std::process::Command;

use super::site::{Settings, Site, settings};
use crate::disk::{Broken, Disk};
use crate::support::{Folder, Shop, eventually, register, text};

/// Buyers meet the broken disk until so many were refused; then it works again, and they go on.
async fn breaks_and_works_again(site: &Site, breaks: impl FnOnce(), works_again: impl FnOnce()) {
    site.buyers.order("before", 12).await;

    breaks();
    tokio::select! {
        () = site.buyers.order("meanwhile", usize::MAX) => {}
        () = site.buyers.until(|counts| counts.refused >= 30) => {}
    }
    // Reading goes on.
    for path in ["products/", "categories/", "health/", "readyz/", "cart/"] {
        assert_eq!(
            site.shop.get(&format!("/api/v1/{path}")).status,
            200,
            "{path}"
        );
    }
    site.buyers.audit().await;

    works_again();
    eventually("writing works again", || {
        register(&site.shop, "new@shop.example").status != 503
    });
    site.buyers.order("after", 12).await;
}

#[tokio::test]
async fn on_a_full_disk_and_on_a_read_only_one_reading_goes_on_and_nothing_is_lost() {
    for broken in [Broken::Full, Broken::ReadOnly] {
        let (folder, env) = (Folder::new(), settings(&[]));
        let disk = Disk::new(&folder);
        let mut serve = disk.serve(&folder);
        let site = Site::open(folder, env.clone(), serve.envs(env), 4).await;

        breaks_and_works_again(&site, || disk.is(broken), || disk.is_no_longer(broken)).await;

        site.close().await;
    }
}

#[tokio::test]
async fn where_the_system_lets_no_file_grow_further_nothing_is_lost() {
    let (folder, env) = (Folder::new(), settings(&[]));
    let log = folder.path().join("data/cartwright.db-wal");
    let mut serve = serve_without_a_signal(&folder, &env);
    let site = Site::open(folder, env, &mut serve, 4).await;
    let limit = |size: &str| site.shop.limits_files_to(size);

    let some_more = || {
        let size = std::fs::metadata(&log).unwrap().len();
        limit(&(size + 100_000).to_string());
    };
    breaks_and_works_again(&site, some_more, || limit("unlimited")).await;

    site.close().await;
}

/// Who writes beyond the limit hears it from `write`, as on a full disk, instead of being ended.
fn serve_without_a_signal(folder: &Folder, env: &Settings) -> Command {
    let mut serve = Command::new("/bin/sh");
    serve
        .args(["-c", "trap '' XFSZ; exec \"$0\" serve --port 0"])
        .arg(env!("CARGO_BIN_EXE_cartwright"))
        .current_dir(folder.path())
        .env_clear()
        .envs(env.iter().cloned());
    serve
}

#[test]
fn a_start_where_nothing_can_be_written_says_so_in_three_lines() {
    let folder = Folder::new();
    let disk = Disk::new(&folder);
    drop(Shop::start(&mut disk.serve(&folder)));

    for (broken, words) in [
        (Broken::ReadOnly, "The data folder"),
        (Broken::NotOurs, "cartwright.db cannot be opened"),
    ] {
        disk.is(broken);
        let refused = disk.serve(&folder).output().unwrap();
        disk.is_no_longer(broken);

        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(78), "{message}");
        assert!(message.contains(words), "{message}");
        assert!((1..=3).contains(&message.lines().count()), "{message}");
    }
}
