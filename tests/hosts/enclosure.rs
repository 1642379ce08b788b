//! Namespaces of its own for a trial: network, processes, mounts. The kernel removes them, and all that runs in them, with the
//! trial's first process, however that ends; no two trials see each other, and the machine's own network stays as it is.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};
use clipmill_shared::shutdown;
use tokio::process::Command;

/// What a trial is started by.
const UNSHARE: [&str; 7] = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"];

/// A folder that only the trial sees, and that ends with it.
pub(crate) const FOLDER: &str = "/run";

/// Everything in short that a trial asks of the kernel.
const PROBE: &str = "mount -t tmpfs tmpfs /run && ip netns add probe && ip link add name switch type bridge \
    && ip link add name port type veth peer name eth0 netns probe \
    && tc qdisc add dev port root tbf rate 1mbit burst 16kb latency 1s";

/// Why no trial can be made here, if none can: it needs Linux, the rights of root, and the commands `unshare`, `ip` and `tc`.
pub(crate) async fn obstacle() -> Option<String> {
    match Command::new("unshare").args(UNSHARE).args(["sh", "-c", PROBE]).output().await {
        Ok(probe) if probe.status.success() => None,
        Ok(probe) => Some(String::from_utf8_lossy(&probe.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// Runs this program inside, with these arguments. It is killed with all that it has started when this one is told to stop.
///
/// # Errors
/// It could not be started, or somebody wanted it to stop.
pub(crate) async fn run_inside(arguments: impl IntoIterator<Item = OsString>) -> Result<ExitStatus> {
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let mut unshare = Command::new("unshare");
    let unshare = unshare.args(UNSHARE).arg(std::env::current_exe()?).args(arguments).stdin(Stdio::null());
    let mut inside = unshare.kill_on_drop(true).spawn().context("cannot run unshare")?;
    tokio::select! {
        status = inside.wait() => status.context("cannot wait for the trial"),
        () = stop.cancelled() => anyhow::bail!("the trial was broken off"),
    }
}

/// Once inside: folders that nobody else sees, for data and for the memory that Postgres shares.
pub(crate) async fn furnish() -> Result<()> {
    for folder in [FOLDER, "/dev/shm"] {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs", folder]).status().await;
        ensure!(mounted.context("cannot run mount")?.success(), "cannot mount {folder}");
    }
    Ok(())
}
