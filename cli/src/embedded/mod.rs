//! What the service needs from outside, inside this process: a private Postgres and an S3 server.
//!
//! Both keep everything in one folder, survive restarts, and refuse a folder that another live process uses.

mod account;
mod binaries;
mod cluster;
mod credential;
mod gate;
mod launch;
mod lock;
mod postgres;
mod serve;
mod store;
mod sweep;
mod takeover;
#[cfg(test)]
mod tests;

pub use postgres::{Options, Postgres};
pub use store::Store;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clipmill_shared::vault::MasterKey;
use clipmill_worker::postprocess::provenance::{SelfMade, self_made};

/// The file of the master key for secrets in the database, which is made at first use.
pub fn master_key_file(folder: &Path) -> Result<PathBuf> {
    let file = open_folder(folder)?.join("master-key");
    credential::read_or_create(&file, || MasterKey::generate().reveal())?;
    Ok(file)
}

/// The certificate that signs media where nobody set one up, which is made at first use.
pub fn certificate(folder: &Path) -> Result<SelfMade> {
    self_made(&open_folder(folder)?)
}

/// Creates `folder`, closed to other users, unless it is there, and gives its absolute path.
fn open_folder(folder: &Path) -> Result<PathBuf> {
    let create = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    create.and_then(|()| folder.canonicalize()).with_context(|| format!("cannot use the folder {}", folder.display()))
}
