//! What comes from others: from where, and under which licences. `make audit` looks further.

use std::collections::HashMap;
use std::env::consts::ARCH;
use std::fs;
use std::process::Command;
use std::str::SplitWhitespace;

use serde_json::Value;

use crate::tidy::root;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The words of a licence expression, one after the other.
type Words<'a> = std::iter::Peekable<SplitWhitespace<'a>>;

/// A file of the tree in TOML.
fn read(name: &str) -> toml::Table {
    fs::read_to_string(root().join(name)).unwrap().parse().unwrap()
}

/// What `.deny.toml` says of licences.
struct Licences {
    allowed: Vec<String>,
    exceptions: HashMap<String, Vec<String>>,
    clarified: HashMap<String, String>,
}

impl Licences {
    fn read() -> Self {
        let table = read(".deny.toml")["licenses"].clone();
        let crates = |list: &str| table[list].as_array().unwrap().clone();
        let named = |entry: &toml::Value| entry["crate"].as_str().unwrap().to_owned();
        Self {
            allowed: texts(&table["allow"]),
            exceptions: crates("exceptions").iter().map(|entry| (named(entry), texts(&entry["allow"]))).collect(),
            clarified: crates("clarify")
                .iter()
                .map(|entry| (named(entry), entry["expression"].as_str().unwrap().to_owned()))
                .collect(),
        }
    }

    /// Whether the crate may be used, by what it or we say of its licence.
    fn allow(&self, name: &str, expression: Option<&str>) -> bool {
        let further = self.exceptions.get(name);
        let allowed =
            |licence: &str| self.allowed.iter().chain(further.into_iter().flatten()).any(|entry| entry == licence);
        let expression = self.clarified.get(name).map(String::as_str).or(expression);
        expression.is_some_and(|expression| satisfied(expression, &allowed))
    }
}

fn texts(list: &toml::Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

/// Whether an SPDX expression leaves a way that consists of allowed licences. A slash is the old way to write OR.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let answer = any_of(&mut words, allowed);
    assert_eq!(words.next(), None, "{expression}");
    answer
}

fn any_of(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut any = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        any |= all_of(words, allowed);
    }
    any
}

fn all_of(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut all = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        all &= one(words, allowed);
    }
    all
}

fn one(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let word = words.next().expect("a licence");
    if word == "(" {
        let inside = any_of(words, allowed);
        assert_eq!(words.next(), Some(")"));
        return inside;
    }
    match words.next_if_eq(&"WITH") {
        Some(_) => allowed(&format!("{word} WITH {}", words.next().expect("an exception"))),
        None => allowed(word),
    }
}

#[test]
fn an_expression_of_licences_means_what_spdx_says() {
    let allowed = |licence: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
    let good = ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "MIT AND (ISC OR GPL-3.0)", "Apache-2.0 WITH LLVM-exception"];
    let bad =
        ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR ISC) AND GPL-3.0", "MIT WITH LLVM-exception", "MITX"];
    assert!(good.iter().all(|expression| satisfied(expression, &allowed)));
    assert!(bad.iter().all(|expression| !satisfied(expression, &allowed)));
    assert!(satisfied("GPL-3.0 AND ISC OR MIT", &allowed), "AND binds closer than OR");
}

#[test]
fn every_dependency_comes_from_the_one_registry_with_a_checksum() {
    let lock = read("Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    let ours: Vec<&str> = packages.iter().filter(|package| package.get("source").is_none()).map(name).collect();
    assert!(ours.iter().all(|name| name.starts_with("clipmill")), "{ours:?}");
    for package in packages.iter().filter(|package| !ours.contains(&name(package))) {
        assert_eq!(package["source"].as_str(), Some(REGISTRY), "{}", name(package));
        assert_eq!(package["checksum"].as_str().map(str::len), Some(64), "{}", name(package));
    }
    assert!(packages.len() > 100);
}

fn name(package: &toml::Value) -> &str {
    package["name"].as_str().unwrap()
}

#[test]
fn every_dependency_has_a_licence_that_may_be() {
    // Of other systems' crates nothing is there to look at.
    let system = format!("{ARCH}-unknown-linux-gnu");
    let metadata = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &system])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let licences = Licences::read();
    for package in metadata["packages"].as_array().unwrap() {
        let (name, expression) = (package["name"].as_str().unwrap(), package["license"].as_str());
        assert!(licences.allow(name, expression), "{name}: {expression:?} is not on the list in .deny.toml");
    }
    assert!(!licences.allow("unknown", None), "a crate that names no licence may not be");
}
