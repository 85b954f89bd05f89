//! What was answered 2xx is there after the worst: a disk that says no, and kill -9.

use crate::disk::{Broken::UnableToSync, Disk};
use crate::support::{Folder, Shop, login, register};

#[test]
fn a_disk_that_fails_to_sync_costs_nothing_that_was_acknowledged_and_heals() {
    let folder = Folder::new();
    let disk = Disk::new(&folder);
    let shop = Shop::start(&mut disk.serve(&folder));
    assert_eq!(register(&shop, "before@shop.example").status, 201);

    disk.is(UnableToSync);
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

    disk.is_no_longer(UnableToSync);
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
    let shop = Shop::start(&mut disk.serve(&folder));
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
    let folder = Folder::new();
    let disk = Disk::new(&folder);
    let shop = Shop::start(&mut disk.serve(&folder));
    assert_eq!(register(&shop, "before@shop.example").status, 201);
    disk.is(UnableToSync);
    assert_eq!(register(&shop, "meanwhile@shop.example").status, 503);
    shop.kill();
    disk.is_no_longer(UnableToSync);

    let shop = Shop::start(&mut disk.serve(&folder));

    assert_eq!(login(&shop, "before@shop.example").status, 200);
    // Its last bytes may have reached the disk all the same, which a crash turns into a fact: whole, or not at all.
    assert!([201, 400].contains(&register(&shop, "meanwhile@shop.example").status));
    assert_eq!(login(&shop, "meanwhile@shop.example").status, 200);
}
