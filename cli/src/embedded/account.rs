//! Which Unix account runs the database server.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A Unix account, as numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The account for a server on `data`: `None` for our own, because only root is refused by Postgres. Root lends
    /// the work to whoever owns the data already, else to `postgres`, else to `nobody`.
    pub(super) fn for_server(data: &Path) -> Result<Option<Self>> {
        if id("-u", None)? != 0 {
            return Ok(None);
        }
        if let Ok(owner) = fs::metadata(data)
            && owner.uid() != 0
        {
            return Ok(Some(Self { uid: owner.uid(), gid: owner.gid() }));
        }
        match ["postgres", "nobody"].into_iter().find_map(|name| Self::named(name).ok()) {
            Some(account) => Ok(Some(account)),
            None => bail!("Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as"),
        }
    }

    fn named(name: &str) -> Result<Self> {
        Ok(Self { uid: id("-u", Some(name))?, gid: id("-g", Some(name))? })
    }
}

fn id(what: &str, name: Option<&str>) -> Result<u32> {
    let output = Command::new("id").arg(what).args(name).output().context("cannot run `id`")?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("`id` gave no number")
}
