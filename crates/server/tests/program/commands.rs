//! The verbs beside serve.

use serde_json::{Value, json};

use crate::support::{Folder, Shop, run, text};

#[test]
fn createsuperuser_makes_an_admin_from_settings_or_flags_without_asking() {
    let folder = Folder::new();
    let env = [
        ("CARTWRIGHT_SUPERUSER_EMAIL", "root@shop.example"),
        ("CARTWRIGHT_SUPERUSER_PASSWORD", "correct horse battery"),
    ];

    let by_settings = run(&folder, &["createsuperuser", "--no-input"], &env);
    let by_flags = run(
        &folder,
        &[
            "createsuperuser",
            "--no-input",
            "--json",
            "--email",
            "boss@shop.example",
            "--password",
            "correct horse battery",
        ],
        &[],
    );

    assert!(
        by_settings.status.success(),
        "{}",
        text(&by_settings.stderr)
    );
    assert!(text(&by_settings.stdout).contains("root@shop.example is an admin"));
    let made: Value = serde_json::from_slice(&by_flags.stdout).unwrap();
    assert_eq!(made["email"], "boss@shop.example");
    let shop = Shop::open(&folder, &[]);
    for email in ["root@shop.example", "boss@shop.example"] {
        let login = shop.post(
            "/api/v1/auth/login/",
            &json!({"email": email, "password": "correct horse battery"}),
        );
        assert_eq!(login.json()["user"]["role"], "admin");
    }
}

#[test]
fn createsuperuser_says_what_is_missing_or_wrong() {
    let folder = Folder::new();
    let fails = |args: &[&str], words: &[&str]| {
        let refused = run(
            &folder,
            &[&["createsuperuser", "--no-input"], args].concat(),
            &[],
        );
        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{message}");
        assert!(
            message.lines().count() <= 3 && words.iter().all(|w| message.contains(w)),
            "{message}"
        );
    };

    fails(&[], &["email", "CARTWRIGHT_SUPERUSER_EMAIL"]);
    fails(
        &["--email", "a@shop.example"],
        &["password", "CARTWRIGHT_SUPERUSER_PASSWORD"],
    );
    fails(
        &["--email", "nobody", "--password", "correct horse battery"],
        &["email:"],
    );
    fails(
        &["--email", "a@shop.example", "--password", "short"],
        &["password:"],
    );
}

#[test]
fn migrate_prints_its_plan_and_then_does_it_once() {
    let folder = Folder::new();
    let migrate = |args: &[&str]| text(&run(&folder, &[&["migrate"], args].concat(), &[]).stdout);

    let plan = migrate(&["--plan"]);
    assert!(plan.contains("pending 0001_foundation"), "{plan}");
    assert!(!folder.path().join("data").exists(), "a plan makes nothing");

    assert!(migrate(&[]).contains("applied 0001_foundation"));
    assert!(migrate(&[]).contains("up to date"));
    assert_eq!(
        serde_json::from_str::<Value>(&migrate(&["--plan", "--json"])).unwrap(),
        json!({"pending": []})
    );
}

#[test]
fn check_finds_nothing_in_a_sound_shop_and_makes_none() {
    let folder = Folder::new();
    let absent = run(&folder, &["check"], &[]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(text(&absent.stderr).contains("There is no shop"));
    assert!(!folder.path().join("data").exists());

    let _shop = Shop::open(&folder, &[]);
    let beside = run(&folder, &["check", "--json"], &[]);

    assert_eq!(
        serde_json::from_slice::<Value>(&beside.stdout).unwrap(),
        json!({"ok": true, "findings": []})
    );
    assert!(beside.status.success());
}

#[test]
fn every_verb_has_help_with_an_example() {
    let folder = Folder::new();
    for verb in [
        &["serve"][..],
        &["migrate"],
        &["createsuperuser"],
        &["import", "products"],
        &["import", "orders"],
        &["check"],
        &["bench"],
        &["openapi"],
        &["config"],
    ] {
        let help = text(&run(&folder, &[verb, &["--help"]].concat(), &[]).stdout);
        assert!(
            help.contains(&format!("Example: cartwright {}", verb.join(" "))),
            "{verb:?}: {help}"
        );
    }
    let help = text(&run(&folder, &["--help"], &[]).stdout);
    assert!(
        help.lines().count() <= 50 && help.contains("Exit codes"),
        "{help}"
    );
}

#[test]
fn import_takes_good_rows_in_names_the_faulty_ones_and_doubles_nothing() {
    let folder = Folder::new();
    let file = "Code,Title,Price,Qty\nA-1,Apple,1.20,5\nA-2,Pear,many,5\nA-3,Plum,0.80,7\n";
    std::fs::write(folder.path().join("fruit.csv"), file).unwrap();
    let columns = "sku=Code,name=Title,price=Price,stock=Qty";
    let import = |more: &[&str]| {
        run(
            &folder,
            &[
                &["import", "products", "fruit.csv", "--columns", columns],
                more,
            ]
            .concat(),
            &[],
        )
    };

    let strict = import(&["--strict"]);
    let plan = text(&import(&["--dry-run"]).stdout);
    let first = import(&[]);
    let again: Value = serde_json::from_slice(&import(&["--json"]).stdout).unwrap();

    assert_eq!(strict.status.code(), Some(1));
    assert!(
        text(&strict.stderr).contains("Line 3"),
        "{}",
        text(&strict.stderr)
    );
    assert!(plan.contains("2 products would be imported"), "{plan}");
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let said = text(&first.stdout);
    assert!(
        said.contains("line 3: ") && said.contains("3 rows read: 2 products imported"),
        "{said}"
    );
    assert_eq!(
        (&again["imported"], &again["unchanged"], &again["skipped"]),
        (&json!(0), &json!(2), &json!(1))
    );
    assert_eq!(again["faults"][0]["line"], 3);
}
