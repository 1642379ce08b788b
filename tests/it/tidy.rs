//! The layout of the code as a test: what stands where, and how long it may be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clipmill_shared::jobs::failure::CODES;
use syn::spanned::Spanned as _;
use syn::visit::Visit;

const FUNCTION_MAX_LINES: usize = 70;
const FILE_MAX_LINES: usize = 400;

/// What lies at the top. Tools' files begin with a dot.
const TOP: [&str; 12] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "api",
    "cli",
    "migrations",
    "shared",
    "tests",
    "worker",
];

/// Words that have one home: the word, and where it may stand.
const HOMES: [(&str, &[&str]); 12] = [
    ("sqlx::", &["shared/", "tests/", "cli/src/embedded/tests/"]),
    (
        "apalis",
        &[
            "shared/src/telemetry.rs",
            "tests/bench/",
            "tests/it/bench.rs",
            "worker/src/lib.rs",
            "worker/src/feed.rs",
            "worker/src/pull.rs",
            "worker/src/notify.rs",
            "worker/src/expire.rs",
            "worker/src/export/mod.rs",
        ],
    ),
    // A BEGIN that is given up on its way leaves a transaction open in the pool.
    ("pool.begin()", &["shared/src/db.rs", "tests/"]),
    ("candle_", &["worker/wan/"]),
    ("ffmpeg_next", &["worker/src/postprocess/"]),
    ("aws_sdk_s3", &["shared/src/storage/", "cli/src/embedded/tests/", "shared/src/telemetry.rs"]),
    ("reqwest::Client::builder", &["tests/"]),
    ("Client::builder()", &["shared/src/outbound.rs", "tests/"]),
    ("StatusCode::BAD_REQUEST", &["api/src/problem.rs", "tests/", "cli/"]),
    ("std::env::", &["tests/", "worker/src/postprocess/tests"]),
    // The time is the database's. Only who stands outside, as a customer does, has a clock of its own.
    ("Utc::now", &["cli/src/demo/", "tests/"]),
    ("SystemTime", &["tests/", "cli/src/embedded/tests/"]),
];

/// The top of the tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The project's Rust files, with their text.
pub(crate) fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = ["api", "cli", "shared", "tests", "worker"].map(|folder| root().join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    files
}

#[test]
fn the_top_of_the_tree_holds_what_it_says() {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut top: Vec<&str> =
        listed.lines().map(|path| path.split('/').next().unwrap()).filter(|name| !name.starts_with('.')).collect();
    top.dedup();
    assert!(top.iter().all(|name| TOP.contains(name)), "{top:?}");
}

#[test]
fn words_stay_in_their_homes() {
    let own = "tests/it/tidy.rs";
    for (name, text) in sources().iter().filter(|(name, _)| name != own) {
        for (word, homes) in HOMES {
            let at_home = homes.iter().any(|home| name.starts_with(home));
            assert!(at_home || !text.contains(word), "{word} in {name}, which is not one of its homes: {homes:?}");
        }
    }
}

#[test]
fn every_code_that_a_job_can_fail_with_is_explained() {
    let mut found = 0;
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("worker/src/")) {
        let faults = ["Fault::transient(", "Fault::permanent("].map(|call| text.split(call).skip(1));
        for after in faults.into_iter().flatten() {
            let Some(rest) = after.trim_start().strip_prefix('"') else { continue };
            let word = rest.split('"').next().unwrap();
            assert!(CODES.iter().any(|(code, _)| *code == word), "{word} in {name} is not in the table of codes");
            found += 1;
        }
    }
    assert!(found > 5, "{found}");
}

#[test]
fn no_file_and_no_function_is_longer_than_a_reader_bears() {
    for (name, text) in sources() {
        assert!(text.lines().count() <= FILE_MAX_LINES, "{name} has {} lines", text.lines().count());
        let mut functions = Functions { name: &name };
        functions.visit_file(&syn::parse_file(&text).unwrap());
    }
}

struct Functions<'a> {
    name: &'a str,
}

impl Functions<'_> {
    fn measure(&self, name: &syn::Ident, block: &syn::Block) {
        let lines = block.span().end().line - block.span().start().line + 1;
        assert!(lines <= FUNCTION_MAX_LINES, "{name} in {} has {lines} lines", self.name);
    }
}

impl<'a> Visit<'a> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.measure(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.measure(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn the_api_links_neither_ffmpeg_nor_an_engine() {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let tree = Command::new(cargo)
        .args(["tree", "--package", "clipmill-api", "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    for word in ["ffmpeg", "clipmill-worker", "candle", "apalis"] {
        assert!(!tree.contains(word), "{word}");
    }
    assert!(tree.contains("clipmill-shared"));
}
