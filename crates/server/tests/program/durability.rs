//! What was answered 2xx is there after the worst: a disk that says no, and kill -9.

use std::{path::PathBuf, process::Command};

use crate::support::{Folder, Shop, cartwright, login, register};

/// Loaded before libc: while the file that `FAIL_FILE` names exists, the disk keeps nothing.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int broken(void) {
    const char *file = getenv("FAIL_FILE");
    return file && access(file, F_OK) == 0;
}

#define SYNC(name)                                             \
    int name(int fd) {                                         \
        if (broken()) { errno = EIO; return -1; }              \
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name); \
        return real(fd);                                       \
    }
SYNC(fsync)
SYNC(fdatasync)
"#;

struct Disk {
    folder: Folder,
    fail_file: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let folder = Folder::new();
        let (source, shim) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        std::fs::write(&source, SHIM).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&shim, &source])
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(built.success());
        Self {
            fail_file: folder.path().join("the-disk-is-broken"),
            folder,
        }
    }

    fn open_shop(&self) -> Shop {
        let mut command = cartwright(&self.folder, &["serve", "--port", "0"]);
        Shop::start(
            command
                .env("LD_PRELOAD", self.folder.path().join("shim.so"))
                .env("FAIL_FILE", &self.fail_file),
        )
    }

    fn breaks(&self) {
        std::fs::write(&self.fail_file, "").unwrap();
    }

    fn works_again(&self) {
        std::fs::remove_file(&self.fail_file).unwrap();
    }
}

#[test]
fn a_disk_that_fails_to_sync_costs_nothing_that_was_acknowledged_and_heals() {
    let disk = Disk::new();
    let shop = disk.open_shop();
    assert_eq!(register(&shop, "before@shop.example").status, 201);

    disk.breaks();
    for _ in 0..3 {
        let refused = register(&shop, "meanwhile@shop.example");
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (503, "dependency_unavailable")
        );
        assert!(
            refused.head.to_lowercase().contains("retry-after:"),
            "{}",
            refused.head
        );
    }
    assert_eq!(shop.get("/api/v1/cart/").status, 200, "reading goes on");

    disk.works_again();
    assert_eq!(
        register(&shop, "after@shop.example").status,
        201,
        "writing works again"
    );
    assert_eq!(
        register(&shop, "meanwhile@shop.example").status,
        201,
        "nothing was kept of what was refused"
    );

    shop.kill();
    let shop = disk.open_shop();
    for email in [
        "before@shop.example",
        "after@shop.example",
        "meanwhile@shop.example",
    ] {
        assert_eq!(login(&shop, email).status, 200, "{email}");
    }
}

#[test]
fn a_crash_while_the_disk_fails_costs_nothing_that_was_acknowledged() {
    let disk = Disk::new();
    let shop = disk.open_shop();
    assert_eq!(register(&shop, "before@shop.example").status, 201);
    disk.breaks();
    assert_eq!(register(&shop, "meanwhile@shop.example").status, 503);
    shop.kill();
    disk.works_again();

    let shop = disk.open_shop();

    assert_eq!(login(&shop, "before@shop.example").status, 200);
    // Its last bytes may have reached the disk all the same, which a crash turns into a fact: whole, or not at all.
    assert!([201, 400].contains(&register(&shop, "meanwhile@shop.example").status));
    assert_eq!(login(&shop, "meanwhile@shop.example").status, 200);
}
