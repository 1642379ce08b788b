//! A model server that this worker runs: started, watched, started anew with a growing pause when it ends by itself, and ended
//! with the worker.

use std::collections::HashMap;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clipmill_shared::jobs::retry;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::section::{Owned, Section};
use super::{orphan, output};
use crate::config::Cli;

/// A server that ran for so long was well: its next end is the first again.
const STEADY: Duration = Duration::from_secs(600);

/// A server's process, and who looks after it.
#[derive(Debug)]
pub struct Server {
    owned: Owned,
    url: String,
    handle: Handle,
    is_started: AtomicBool,
    is_running: AtomicBool,
    /// Counts the wishes for another process in place of the one that runs.
    restarts: watch::Sender<u64>,
    /// Counts the processes that have ended.
    ends: watch::Sender<u64>,
    stop: CancellationToken,
    gone: CancellationToken,
}

/// The servers that a worker runs, by their addresses: tiers that share an address share the process.
pub type Servers = HashMap<String, Arc<Server>>;

/// The servers of all tiers. None is started yet.
///
/// # Errors
/// Two tiers that want the server at one address run differently, or no runtime.
pub fn servers<'a>(sections: impl Iterator<Item = &'a Section>) -> anyhow::Result<Servers> {
    let mut servers = Servers::new();
    for section in sections {
        let Some(owned) = &section.server else { continue };
        match servers.get(&section.url) {
            Some(known) => ensure!(known.owned == *owned, "two tiers run the server at {} differently", section.url),
            None => {
                servers.insert(section.url.clone(), Arc::new(Server::new(owned, &section.url)?));
            }
        }
    }
    Ok(servers)
}

impl Server {
    fn new(owned: &Owned, url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            owned: owned.clone(),
            url: url.to_owned(),
            handle: Handle::try_current().context("a model server is watched on a runtime")?,
            is_started: AtomicBool::new(false),
            is_running: AtomicBool::new(false),
            restarts: watch::Sender::new(0),
            ends: watch::Sender::new(0),
            stop: CancellationToken::new(),
            gone: CancellationToken::new(),
        })
    }

    /// Whether it is restarted to be rid of a render.
    pub(super) fn restarts_to_cancel(&self) -> bool {
        self.owned.restart_to_cancel
    }

    /// Sees to it that it runs from now on.
    pub(super) fn start(self: &Arc<Self>) {
        if !self.is_started.swap(true, Ordering::AcqRel) {
            self.handle.spawn(self.clone().keep());
        }
    }

    /// Ends the process that runs, so that another takes its place. Comes back when it is gone.
    pub(super) async fn restart(&self) {
        let mut ends = self.ends.subscribe();
        if self.is_running.load(Ordering::Acquire) {
            self.restarts.send_modify(|wishes| *wishes += 1);
            // The sender is there for as long as this is.
            let _ = ends.changed().await;
        }
    }

    /// Ends it for good. Comes back when it is gone.
    pub(super) fn close(&self) {
        self.stop.cancel();
        if self.is_started.load(Ordering::Acquire) {
            let patience = self.patience() * 2 + Duration::from_secs(5);
            let gone = self.handle.block_on(async { tokio::time::timeout(patience, self.gone.cancelled()).await });
            if gone.is_err() {
                warn!("The model server has not ended in time");
            }
        }
    }

    async fn keep(self: Arc<Self>) {
        orphan::end(&self.url, self.patience()).await;
        let mut failures = 0;
        while !self.stop.is_cancelled() {
            let begun = Instant::now();
            let ended_by_itself = match self.spawn() {
                Ok(child) => self.attend(child).await,
                Err(error) => {
                    warn!(%error, "Could not start the model server");
                    true
                }
            };
            failures = match (ended_by_itself, begun.elapsed() > STEADY) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => failures + 1,
            };
            if failures > 0 {
                let pause = retry::back_off(failures, rand::random());
                self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        }
        self.gone.cancel();
    }

    /// Starts a process in a group of its own, so that its children end with it. It gets none of the variables by which the
    /// worker is configured: keys are among them.
    fn spawn(&self) -> io::Result<Child> {
        let (program, arguments) = self.owned.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        let cli = Cli::command();
        for variable in cli.get_arguments().filter_map(|argument| argument.get_env()) {
            command.env_remove(variable);
        }
        command.args(arguments).envs(&self.owned.env).envs(orphan::mark(&self.url)).process_group(0);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        self.is_running.store(true, Ordering::Release);
        info!(server.pid = child.id(), "Started the model server");
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(output::read(stdout, self.owned.log));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(output::read(stderr, self.owned.log));
        }
        Ok(child)
    }

    /// Watches a process to its end. Says whether that came by itself.
    async fn attend(&self, mut child: Child) -> bool {
        let group = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let mut restarts = self.restarts.subscribe();
        let ended_by_itself = tokio::select! {
            ended = child.wait() => {
                warn!(status = ended.map(|status| status.to_string()).unwrap_or_default(), "The model server ended by itself");
                true
            }
            _ = restarts.changed() => false,
            () = self.stop.cancelled() => false,
        };
        if let Some(group) = group {
            self.end(&mut child, group).await;
        }
        self.is_running.store(false, Ordering::Release);
        self.ends.send_modify(|ends| *ends += 1);
        ended_by_itself
    }

    /// Asks a process and its children to end, and kills what is left of them.
    async fn end(&self, child: &mut Child, group: Pid) {
        // A group without members is gone already.
        let _ = kill_process_group(group, Signal::TERM);
        if tokio::time::timeout(self.patience(), child.wait()).await.is_err() {
            warn!("The model server does not end when it is asked to, and is killed");
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.wait().await;
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.owned.stop_seconds)
    }
}
