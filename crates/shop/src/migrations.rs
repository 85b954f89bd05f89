//! The steps of the schema, built into the program. A new step gets the next number and is never changed again.

use db::Migration;

macro_rules! both {
    ($name:literal) => {
        Migration {
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/", $name, ".sql")),
            postgres: include_str!(concat!("../../../migrations/", $name, ".sql")),
        }
    };
}

/// For the few that the engines cannot share.
macro_rules! each {
    ($name:literal) => {
        Migration {
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/", $name, ".sqlite.sql")),
            postgres: include_str!(concat!("../../../migrations/", $name, ".postgres.sql")),
        }
    };
}

/// All of them, in order.
pub const ALL: &[Migration] = &[
    both!("0001_foundation"),
    both!("0002_accounts"),
    both!("0003_catalog"),
    each!("0004_search"),
    both!("0005_inventory"),
    both!("0006_cart"),
    both!("0007_orders"),
    both!("0008_security"),
    both!("0009_newest_orders"),
    both!("0010_mail"),
    both!("0011_addresses"),
    both!("0012_two_factor"),
    both!("0013_orders"),
    both!("0014_reports"),
    both!("0015_payments"),
    both!("0016_media"),
    both!("0017_search"),
    each!("0018_ledger"),
    both!("0019_image_url"),
    both!("0020_late_refunds"),
    each!("0021_product_facts"),
    each!("0022_product_changes"),
    each!("0023_faster_search"),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_of_the_folder_is_listed_once_and_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| name.split('.').next().unwrap().to_owned())
            .collect();
        files.sort();
        files.dedup();
        assert_eq!(files, super::ALL.iter().map(|m| m.name).collect::<Vec<_>>());
    }
}
