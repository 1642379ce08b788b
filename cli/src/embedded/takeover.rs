//! A server that an earlier life of the folder left behind.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::launch::Launcher;

/// How long a server of an earlier life may take to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns once nobody uses the data any more; a server that still runs is stopped in order. The caller holds the
/// folder's lock, so whoever started that server is gone.
pub(super) fn settle(launcher: &Launcher) -> Result<()> {
    let data = &launcher.data;
    if in_use(data) {
        tracing::info!("Waiting for the Postgres of an earlier run to stop");
        if can_be_stopped(data) {
            // May fail because the server ends at this very moment, which is as good.
            let stop = ["stop", "--mode=fast", "--timeout=60"].map(str::to_owned);
            launcher.run("pg_ctl", &stop).unwrap_or_else(|error| tracing::debug!("pg_ctl: {error:#}"));
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while in_use(data) {
        if Instant::now() > deadline {
            bail!("a Postgres of an earlier run still uses {} and does not stop", data.display());
        }
        thread::sleep(Duration::from_millis(20));
    }
    forget_stale_process_id(data);
    Ok(())
}

/// The processes that work in the folder `data`. A server and its children stay there for life.
pub(super) fn processes_in(data: &Path) -> Vec<u32> {
    let identity = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    let Some(wanted) = identity(data) else { return Vec::new() };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let working_there = entries.filter(|entry| identity(&entry.path().join("cwd")) == Some(wanted));
    working_there.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn in_use(data: &Path) -> bool {
    match knows_processes() {
        true => !processes_in(data).is_empty(),
        false => server_process_id(data).is_some_and(is_alive),
    }
}

/// A number in a file is no proof: after a crash it may be another program's, which must not be signalled.
fn can_be_stopped(data: &Path) -> bool {
    server_process_id(data).is_some_and(|id| !knows_processes() || processes_in(data).contains(&id))
}

/// Postgres refuses to start while a process has the number in its file, though it be another program.
fn forget_stale_process_id(data: &Path) {
    if knows_processes() {
        let _ = fs::remove_file(data.join("postmaster.pid"));
    }
}

fn server_process_id(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

fn knows_processes() -> bool {
    Path::new("/proc/self/cwd").exists()
}

fn is_alive(id: u32) -> bool {
    let probe = Command::new("/bin/sh").args(["-c", "kill -0 \"$0\"", &id.to_string()]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}
