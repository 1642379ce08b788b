//! The worker processes of a storm.

use anyhow::{Context as _, Result, ensure};
use clipmill_tests::Server;
use clipmill_tests::process::worker;
use tokio::process::{Child, Command};

/// Leases are short, so that much can happen to them.
const ARGUMENTS: [&str; 6] = ["--lease-seconds", "2", "--grace-seconds", "1", "--log", "off"];

/// Some worker processes, of which a few may be stopped for a while.
pub(crate) struct Fleet<'a> {
    server: &'a Server,
    workers: Vec<Member>,
    paused: Vec<u32>,
    started: usize,
}

struct Member {
    /// What the names that it has in the ledger start with.
    name: String,
    child: Child,
}

impl<'a> Fleet<'a> {
    /// Starts this many workers.
    pub(crate) async fn start(server: &'a Server, count: usize) -> Self {
        let mut fleet = Self { server, workers: Vec::new(), paused: Vec::new(), started: 0 };
        for _ in 0..count {
            let member = fleet.hire().await;
            fleet.workers.push(member);
        }
        fleet
    }

    /// How many processes were started so far.
    pub(crate) fn started(&self) -> usize {
        self.started
    }

    /// Starts another in the place of each that has ended by itself, as a supervisor does: one that comes up while
    /// Postgres is away gives up.
    pub(crate) async fn tend(&mut self) -> Result<()> {
        for index in 0..self.workers.len() {
            if self.workers[index].child.try_wait().context("cannot look after a worker")?.is_some() {
                self.workers[index] = self.hire().await;
            }
        }
        Ok(())
    }

    async fn hire(&mut self) -> Member {
        self.started += 1;
        let name = format!("w{}", self.started);
        let child = worker(self.server, &[&ARGUMENTS[..], &["--worker-name", &name]].concat()).await;
        Member { name, child }
    }

    /// Sends a worker a signal that ends it, and starts another in its place at once.
    pub(crate) async fn replace(&mut self, index: usize, signal_name: &str) -> Result<()> {
        let index = index % self.workers.len();
        let fresh = self.hire().await;
        let mut old = std::mem::replace(&mut self.workers[index], fresh);
        if let Some(pid) = old.child.id() {
            signal(signal_name, pid).await?;
            // A paused process takes note of a signal when it goes on.
            self.paused.retain(|paused| *paused != pid);
            signal("-CONT", pid).await?;
        }
        old.child.wait().await.context("cannot wait for a worker")?;
        Ok(())
    }

    /// Kills the worker that has this name in the ledger, and starts another in its place. Says whether it was here.
    pub(crate) async fn kill(&mut self, name: &str) -> Result<bool> {
        let is_it = |member: &Member| name.split('-').next() == Some(&member.name);
        match self.workers.iter().position(is_it) {
            Some(index) => self.replace(index, "-KILL").await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Stops a worker, and lets all that were stopped before go on: they slept longer than their leases.
    pub(crate) async fn pause(&mut self, index: usize) -> Result<()> {
        self.wake().await?;
        let index = index % self.workers.len();
        if let Some(pid) = self.workers[index].child.id() {
            signal("-STOP", pid).await?;
            self.paused.push(pid);
        }
        Ok(())
    }

    /// Lets every worker go on.
    pub(crate) async fn wake(&mut self) -> Result<()> {
        for pid in self.paused.drain(..) {
            signal("-CONT", pid).await?;
        }
        Ok(())
    }

    /// Ends every worker in order.
    pub(crate) async fn stop(mut self) -> Result<()> {
        for mut member in self.workers.drain(..) {
            if let Some(pid) = member.child.id() {
                signal("-TERM", pid).await?;
            }
            let status = member.child.wait().await.context("cannot wait for a worker")?;
            ensure!(status.success(), "a worker that was told to stop ended with {status}");
        }
        Ok(())
    }
}

/// Sends a signal to a process, if it still lives.
pub(crate) async fn signal(name: &str, pid: u32) -> Result<()> {
    let kill = Command::new("kill").args([name, &pid.to_string()]).stderr(std::process::Stdio::null()).status();
    kill.await.map(drop).context("cannot run kill")
}
