//! The files of the private cluster: made once, whole or not at all.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;

use anyhow::{Context, Result};

use super::account::Account;
use super::binaries::Binaries;
use super::launch::Launcher;
use super::{credential, takeover};

/// The name of both the database and its owner.
pub(super) const NAME: &str = "clipmill";

/// Who may connect: whoever knows the password, from this machine.
const WHO_MAY_CONNECT: &str = "host all all 127.0.0.1/32 scram-sha-256\n";

/// A half-made cluster has this prefix before its random name.
const UNFINISHED: &str = "postgres.new-";

/// Opens the cluster below `folder`, creating it and its password when they are not there. The caller holds the
/// folder's lock.
pub(super) fn open(folder: &Path, fsync: bool) -> Result<(Launcher, String)> {
    let data = folder.join("postgres");
    let binaries = Binaries::find(major_of(&data)?)?;
    let account = Account::for_server(&data)?;
    let launcher = Launcher { programs: binaries.folder, log: folder.join("postgres.log"), data, account };
    launcher.trim_log()?;
    let password_file = folder.join("postgres.password");
    let kept = credential::read(&password_file)?;
    let password = kept.clone().unwrap_or_else(credential::random);
    if launcher.data.exists() {
        takeover::settle(&launcher)?;
        if kept.is_none() {
            set_password(&launcher, &password, "")?;
        }
    } else {
        create(&launcher, folder, &password, fsync)?;
    }
    if kept.is_none() {
        credential::save(&password_file, &password)?;
    }
    Ok((launcher, password))
}

/// The major version that wrote the data; `None` without data.
fn major_of(data: &Path) -> Result<Option<u32>> {
    if !data.exists() {
        return Ok(None);
    }
    let path = data.join("PG_VERSION");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} is not a Postgres data folder", data.display()))?;
    text.trim().parse().map(Some).with_context(|| format!("{} holds no version", path.display()))
}

/// Makes the cluster beside its place and moves it there when it is ready, so a kill leaves nothing half-made.
fn create(launcher: &Launcher, folder: &Path, password: &str, fsync: bool) -> Result<()> {
    tracing::info!("Creating a private Postgres cluster");
    remove_unfinished(folder);
    let unfinished = folder.join(format!("{UNFINISHED}{:016x}", rand::random::<u64>()));
    make_owned_folder(&unfinished, launcher.account)?;
    let draft = Launcher { data: unfinished.clone(), ..launcher.clone() };
    let mut options =
        ["--username", NAME, "--auth=reject", "--locale=C", "--encoding=UTF8"].map(str::to_owned).to_vec();
    options.extend((!fsync).then(|| "--no-sync".to_owned()));
    draft.run("initdb", &options)?;
    fs::write(unfinished.join("pg_hba.conf"), WHO_MAY_CONNECT)?;
    set_password(&draft, password, &format!("create database {NAME}\n"))?;
    fs::rename(&unfinished, &launcher.data).context("cannot put the new cluster in its place")
}

/// Without a network, so there is no moment in which the server is open to anybody. `password` has no quotes.
fn set_password(launcher: &Launcher, password: &str, then: &str) -> Result<()> {
    launcher.run_single_user(&format!("alter role {NAME} password '{password}'\n{then}"))
}

fn make_owned_folder(path: &Path, account: Option<Account>) -> Result<()> {
    DirBuilder::new().mode(0o700).create(path).with_context(|| format!("cannot create {}", path.display()))?;
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid))
            .with_context(|| format!("cannot give {} to the user that runs Postgres", path.display()))?;
    }
    Ok(())
}

fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
