//! Where the compiler is asked to trust us: as often as is written down, and with the reason beside it.

use std::collections::BTreeMap;
use std::fs;

use proc_macro2::{TokenStream, TokenTree};

use crate::tidy::{root, sources};

/// How often `unsafe` stands in which file. Whoever adds one changes this table, and so says that it was meant.
const COUNTED: &str = include_str!("../../golden/unsafe.json");

/// The lines on which `unsafe` stands as a word of the language: in blocks, functions, impls, attributes and inside of macros,
/// but not in comments and texts.
fn lines(tokens: TokenStream) -> Vec<usize> {
    let each = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => lines(group.stream()),
        TokenTree::Ident(word) if word == "unsafe" => vec![word.span().start().line],
        _ => Vec::new(),
    });
    each.flatten().collect()
}

/// Whether the comment that ends just above a line says why it is sound.
fn is_explained(text: &str, line: usize) -> bool {
    let above: Vec<&str> = text.lines().take(line - 1).collect();
    let comment = above.iter().rev().map(|line| line.trim()).take_while(|line| line.starts_with("//"));
    comment.into_iter().any(|line| line.starts_with("// SAFETY:") || line == "/// # Safety")
}

#[test]
fn every_unsafe_is_counted_and_says_why_it_is_sound() {
    let mut found = BTreeMap::new();
    for (name, text) in sources() {
        let lines = lines(text.parse().unwrap());
        for line in &lines {
            assert!(is_explained(&text, *line), "{name}:{line} has no comment that begins with SAFETY: above it");
        }
        if !lines.is_empty() {
            found.insert(name, lines.len());
        }
    }
    let counted: BTreeMap<String, usize> = serde_json::from_str(COUNTED).unwrap();
    assert_eq!(found, counted, "tests/golden/unsafe.json says otherwise");
}

#[test]
fn unsafe_is_found_wherever_it_hides_and_only_there() {
    let text = "// unsafe\nconst A: &str = \"unsafe\";\nunsafe impl Send for B {}\nvec![unsafe { c() }];\n#[unsafe(no_mangle)]\nfn unsafe_code() {}";
    assert_eq!(lines(text.parse().unwrap()), [3, 4, 5]);
    assert!(is_explained("// SAFETY: so,\n// and so.\nunsafe {}", 3));
    assert!(!is_explained("// SAFETY: so.\n\nunsafe {}", 3), "a comment of something else");
}

#[test]
fn every_crate_of_ours_takes_the_lints_that_deny_unsafe_code() {
    let workspace: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("deny"));
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let file = root().join(member.as_str().unwrap()).join("Cargo.toml");
        let member: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        assert_eq!(member["lints"]["workspace"].as_bool(), Some(true), "{}", file.display());
    }
}
