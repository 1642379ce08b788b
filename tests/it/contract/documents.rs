//! What the documents promise: every promise names tests that exist, and every column of the database is accounted for.

use std::collections::BTreeSet;
use std::fs;

use clipmill_tests::Server;
use syn::visit::Visit;

use crate::tidy::{root, sources};

const THREATS: &str = ".github/THREAT_MODEL.md";
const PRIVACY: &str = ".github/PRIVACY.md";

/// A table of a document: the titles of its columns, and its rows.
struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Which column has this title.
    fn column(&self, title: &str) -> Option<usize> {
        self.titles.iter().position(|found| found == title)
    }
}

fn tables(name: &str) -> Vec<Table> {
    let text = fs::read_to_string(root().join(name)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let of_tables = lines.split(|line| !line.starts_with('|')).filter(|lines| !lines.is_empty());
    of_tables
        .map(|lines| {
            let mut rows = lines.iter().map(|line| cells(line));
            // Below the titles stands a line of dashes.
            Table { titles: rows.next().unwrap(), rows: rows.skip(1).collect() }
        })
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// What stands in back-ticks.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names of all tests in the tree.
struct Tests(BTreeSet<String>);

impl Tests {
    fn find() -> Self {
        let mut tests = Self(BTreeSet::new());
        for (_, text) in sources() {
            tests.visit_file(&syn::parse_file(&text).unwrap());
        }
        tests
    }
}

impl<'a> Visit<'a> for Tests {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        let ends_in_test = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "test");
        if item.attrs.iter().any(|attribute| ends_in_test(attribute.path())) {
            self.0.insert(item.sig.ident.to_string());
        }
        syn::visit::visit_item_fn(self, item);
    }
}

/// What is wrong with the cell that names the tests of a promise.
fn fault(cell: &str, tests: &Tests) -> Option<String> {
    let named = names(cell);
    let missing: Vec<_> = named.iter().filter(|name| !tests.0.contains(**name)).collect();
    let says_why = cell.strip_prefix("none: ").is_some_and(|why| !why.is_empty());
    if !missing.is_empty() {
        Some(format!("there are no tests {missing:?}"))
    } else if cell.contains("TODO") {
        Some(format!("{cell} is yet to be written"))
    } else {
        (named.is_empty() && !says_why).then(|| format!("{cell:?} names no test and does not say why"))
    }
}

#[test]
fn every_promise_names_the_tests_that_show_it_or_says_that_none_can() {
    let tests = Tests::find();
    let mut faults = Vec::new();
    for name in [THREATS, PRIVACY] {
        let mut promises = 0;
        for table in tables(name) {
            let Some(column) = table.column("test") else { continue };
            promises += table.rows.len();
            let found = table
                .rows
                .iter()
                .filter_map(|row| Some(format!("{name}: {}: {}", row[0], fault(&row[column], &tests)?)));
            faults.extend(found);
        }
        assert!(promises > 10, "{name}: {promises}");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Every column that PRIVACY.md accounts for, with its table.
fn documented() -> BTreeSet<(String, String)> {
    let mut columns = BTreeSet::new();
    for table in tables(PRIVACY) {
        let (Some(of), Some(column)) = (table.column("table"), table.column("columns")) else { continue };
        for row in &table.rows {
            let [owner] = names(&row[of])[..] else { panic!("{row:?} is of one table") };
            columns.extend(names(&row[column]).into_iter().map(|name| (owner.to_owned(), name.to_owned())));
        }
    }
    columns
}

#[tokio::test]
async fn every_column_of_the_database_is_accounted_for_in_the_privacy_document() {
    let server = Server::start().await;
    let stored: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns join information_schema.tables \
         using (table_schema, table_name) \
         where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&server.pool)
    .await
    .unwrap();
    let (stored, documented) = (BTreeSet::from_iter(stored), documented());
    let unknown: Vec<_> = stored.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&stored).collect();
    assert!(unknown.is_empty() && gone.is_empty(), "not in {PRIVACY}: {unknown:?}; not in the database: {gone:?}");
    assert!(stored.len() > 100);
}
