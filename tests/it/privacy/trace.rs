//! Where something can be found: in the database, and in the store.

use clipmill_tests::Server;
use sqlx::AssertSqlSafe;

/// The tables in which a text stands, in whichever column and form.
pub(super) async fn tables_with(server: &Server, text: &str) -> Vec<String> {
    let tables = "select table_name::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&server.pool).await.unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        // Bytes are shown in hexadecimal: a text may stand there too.
        let any = format!("select exists (select from {table} as held where held::text like $1 or held::text like $2)");
        let (as_text, as_bytes) = (format!("%{text}%"), format!("%{}%", hex(text.as_bytes())));
        let is_there: bool =
            sqlx::query_scalar(AssertSqlSafe(any)).bind(as_text).bind(as_bytes).fetch_one(&server.pool).await.unwrap();
        if is_there {
            found.push(table);
        }
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
