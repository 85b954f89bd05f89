pub mod import;
pub mod migrations;
