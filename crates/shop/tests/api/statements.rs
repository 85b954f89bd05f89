//! Both engines understand every statement that the features run, and have the same tables.

use db::Engine;

use crate::support::TestShop;

both! {
    async fn every_statement_is_understood(shop: TestShop) {
        let of_this_engine = shop::statements_of(shop.app.db.engine());
        for sql in shop::statements().into_iter().chain(of_this_engine) {
            if let Err(error) = shop.app.db.prepare(&sql).await {
                panic!("{error}\n{sql}");
            }
        }
    }
}

/// Table, column, type, may be NULL. What the engines do not share: the text index, tables
/// or columns of facts, and what a copy of it follows.
async fn columns(engine: Engine) -> Vec<(String, String, String, bool)> {
    let sql = match engine {
        Engine::Sqlite => {
            "SELECT t.name, c.name, CASE c.type WHEN 'INTEGER' THEN 'BIGINT' WHEN 'BLOB' THEN 'BYTEA' ELSE c.type END,
                c.\"notnull\" = 0 AND c.pk = 0
             FROM sqlite_schema t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'product_search%'
               AND NOT (t.name = 'product_facts' AND c.name = 'in_stock')
             ORDER BY 1, 2"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), UPPER(data_type), is_nullable = 'YES'
             FROM information_schema.columns
             WHERE table_schema = 'public' AND NOT (table_name = 'product_facts' AND column_name = 'words')
               AND table_name NOT IN ('product_changes', 'product_stock') ORDER BY 1, 2"
        }
    };
    let shop = TestShop::on(engine).await;
    let conn = shop.app.db.read().await.unwrap();
    let mut columns: Vec<_> = conn.all(sql, &[]).await.unwrap();
    // The engines sort `_` differently.
    columns.sort();
    columns
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_tables_and_columns() {
    let (sqlite, postgres) = (
        columns(Engine::Sqlite).await,
        columns(Engine::Postgres).await,
    );
    assert!(sqlite.len() > 150, "{} columns", sqlite.len());
    assert_eq!(sqlite, postgres);
}
