//! Where the installed Postgres server programs are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// Where packages put one folder per version: in (parent), folders that begin so, the programs in (folder below).
const USUAL_PLACES: [(&str, &str, &str); 10] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/lib64", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// One installed version of the server.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    /// The folder of `initdb`, `postgres` and `pg_ctl`.
    pub(super) folder: PathBuf,
    /// The major version, which decides who can read whose data.
    pub(super) major: u32,
}

impl Binaries {
    /// The newest version that is installed; with `wanted`, only that one will do.
    pub(super) fn find(wanted: Option<u32>) -> Result<Self> {
        let installed = on_path().into_iter().chain(usual_folders()).filter_map(|folder| Self::inspect(&folder));
        let found = installed.filter(|found| wanted.is_none_or(|major| major == found.major));
        match (found.max_by_key(|found| found.major), wanted) {
            (Some(found), _) => Ok(found),
            (None, None) => bail!(
                "no Postgres server is installed here: `initdb` and `postgres` are neither on the PATH nor in a usual \
                 place. Install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; \
                 macOS: brew install postgresql), or give DATABASE_URL"
            ),
            (None, Some(major)) => bail!(
                "the data was written by Postgres {major}, which is not installed here (Debian, Ubuntu: apt-get \
                 install postgresql-{major}). Install it, or start with another folder"
            ),
        }
    }

    fn inspect(folder: &Path) -> Option<Self> {
        let complete = ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).is_file());
        let output = complete.then(|| Command::new(folder.join("postgres")).arg("--version").output())?.ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder: folder.to_owned(), major })
    }
}

/// The folder that `postgres` on the PATH really lives in. The shell knows the PATH.
fn on_path() -> Option<PathBuf> {
    let output = Command::new("/bin/sh").args(["-c", "command -v postgres"]).output().ok()?;
    let program = fs::canonicalize(String::from_utf8(output.stdout).ok()?.trim()).ok()?;
    Some(program.parent()?.to_owned())
}

fn usual_folders() -> impl Iterator<Item = PathBuf> {
    USUAL_PLACES.into_iter().flat_map(|(parent, prefix, below)| {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let named = entries.filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix));
        named.map(move |entry| entry.path().join(below))
    })
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_spelling() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("postgres (EnterpriseDB) x"), None);
    }

    #[test]
    fn a_version_that_is_not_installed_is_named_in_the_error() {
        let error = Binaries::find(Some(3)).expect_err("Postgres 3 is installed");
        assert!(error.to_string().contains("written by Postgres 3"), "{error}");
    }
}
