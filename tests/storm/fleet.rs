//! The worker processes of a storm.

use anyhow::{Context as _, Result, ensure};
use clipmill_tests::Server;
use clipmill_tests::process::worker;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::process::{Child, Command};

/// Leases are short, so that much can happen to them.
const ARGUMENTS: [&str; 6] = ["--lease-seconds", "2", "--grace-seconds", "1", "--log", "off"];

/// Some worker processes, of which a few may be stopped for a while.
pub(crate) struct Fleet<'a> {
    server: &'a Server,
    workers: Vec<Child>,
    paused: Vec<u32>,
}

impl<'a> Fleet<'a> {
    /// Starts this many workers.
    pub(crate) async fn start(server: &'a Server, count: usize) -> Self {
        let mut workers = Vec::new();
        for _ in 0..count {
            workers.push(worker(server, &ARGUMENTS).await);
        }
        Self { server, workers, paused: Vec::new() }
    }

    /// Sends a worker a signal that ends it, and starts another in its place at once.
    pub(crate) async fn replace(&mut self, random: &mut StdRng, name: &'static str) -> Result<&'static str> {
        let index = random.random_range(0..self.workers.len());
        let fresh = worker(self.server, &ARGUMENTS).await;
        let mut old = std::mem::replace(&mut self.workers[index], fresh);
        if let Some(pid) = old.id() {
            signal(name, pid).await?;
            // A paused process takes note of a signal when it goes on.
            self.paused.retain(|paused| *paused != pid);
            signal("-CONT", pid).await?;
        }
        old.wait().await.context("cannot wait for a worker")?;
        Ok(if name == "-KILL" { "kill worker" } else { "terminate worker" })
    }

    /// Stops a worker until the next one is stopped, mostly for longer than its lease, and lets those before go on.
    pub(crate) async fn pause(&mut self, random: &mut StdRng) -> Result<&'static str> {
        self.wake().await?;
        if let Some(pid) = self.workers[random.random_range(0..self.workers.len())].id() {
            signal("-STOP", pid).await?;
            self.paused.push(pid);
        }
        Ok("pause worker")
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
        for mut worker in self.workers.drain(..) {
            if let Some(pid) = worker.id() {
                signal("-TERM", pid).await?;
            }
            let status = worker.wait().await.context("cannot wait for a worker")?;
            ensure!(status.success(), "a worker that was told to stop ended with {status}");
        }
        Ok(())
    }
}

/// Sends a signal to a process.
pub(crate) async fn signal(name: &str, pid: u32) -> Result<()> {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().await.context("cannot run kill")?;
    ensure!(sent.success(), "cannot send {name} to {pid}");
    Ok(())
}
