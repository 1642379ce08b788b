//! Random secrets, each in a file that only its owner may read.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// A new secret of 256 random bits, in hexadecimal digits.
pub(super) fn random() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// The secret kept in `path`; `None` when there is no such file, or nothing in it.
pub(super) fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|secret| !secret.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Keeps `secret` in `path`, whole or not at all.
pub(super) fn save(path: &Path, secret: &str) -> Result<()> {
    let fresh = path.with_added_extension("new");
    let write = || {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{secret}")?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The secret kept in `path`, made up and kept there at first use.
pub(super) fn read_or_create(path: &Path, make: impl FnOnce() -> String) -> Result<String> {
    if let Some(secret) = read(path)? {
        return Ok(secret);
    }
    let secret = make();
    save(path, &secret)?;
    Ok(secret)
}
