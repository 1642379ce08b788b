//! What is told of running the service: settings that there are, and units that expose little.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tidy::{root, sources};

/// How exposed a unit may be, in tenths: from 0 to 100 in the words of `systemd-analyze security`.
const EXPOSURE_MAX: &str = "20";

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The words of a text that are names of settings of ours.
fn settings(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
    words.filter(|word| word.starts_with("CLIPMILL_")).collect()
}

#[test]
fn every_setting_that_is_named_is_one_that_there_is() {
    let sources = sources();
    let is_there = |name: &str| sources.iter().any(|(_, text)| text.contains(&format!("env = \"{name}\"")));
    let mut found = 0;
    for file in files(&root().join(".deploy")) {
        let text = fs::read_to_string(&file).unwrap();
        for name in settings(&text) {
            assert!(is_there(name), "{name} in {}", file.display());
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn every_unit_exposes_little() {
    let folder = tempfile::tempdir().unwrap();
    let units: Vec<_> = files(&root().join(".deploy/systemd")).into_iter().filter(|file| is_service(file)).collect();
    assert_eq!(units.len(), 4);
    for unit in units {
        // A template is looked at as one of its instances.
        let name = unit.file_name().unwrap().to_str().unwrap().replace("@.", "@0.");
        fs::copy(&unit, folder.path().join(&name)).unwrap();
        let mut analyze = Command::new("systemd-analyze");
        let analyze = analyze.args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE_MAX]);
        let Ok(said) = analyze.arg(format!("./{name}")).current_dir(folder.path()).output() else {
            eprintln!("Not looked at: there is no systemd-analyze here");
            return;
        };
        assert!(said.status.success(), "{name}: {}", String::from_utf8_lossy(&said.stdout));
    }
}

fn is_service(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "service")
}
