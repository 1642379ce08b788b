//! A private Postgres server from the installed programs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::spawn_blocking;

use super::cluster::{self, NAME};
use super::launch::Launcher;
use super::lock::Lock;
use super::open_folder;

/// How long a server may take until it accepts connections; recovery after a crash is part of it.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long a server may take to end after its clients were sent away: it writes what is in memory to disk.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Another program may take the chosen port before the server does.
const PORT_ATTEMPTS: u32 = 5;

const POLL: Duration = Duration::from_millis(10);

/// How the server treats its data.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether a commit outlives a power failure. Off only where the data is thrown away, for speed; a commit still
    /// outlives a crash of the server.
    pub fsync: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { fsync: true }
    }
}

/// A running server on a port of its own on 127.0.0.1, reached with a random password, because another local user
/// can reach any loopback port. It ends with this value, and with this process however that ends.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    launcher: Launcher,
    // Field order is drop order: the pipe to the watching shell closes before the folder is free for others.
    server: Child,
    _lock: Lock,
}

impl Postgres {
    /// Starts a server on the cluster in `folder`, which is created at first use. A server that an earlier, killed
    /// process left there is stopped first. Data, password and log are `postgres/`, `postgres.password` and
    /// `postgres.log` below `folder`.
    ///
    /// # Errors
    /// When no server is installed, another live process uses the folder, or the server does not come up within 30
    /// seconds; the message says what to do, with the log's last lines.
    pub async fn start(folder: &Path, options: Options) -> Result<Self> {
        let folder = folder.to_owned();
        spawn_blocking(move || start(&folder, options)).await.context("starting Postgres was interrupted")?
    }

    /// `postgres://…`, with the password, to the database `clipmill`, whose owner is a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends the clients away, writes everything to disk and returns when the server has ended.
    ///
    /// # Errors
    /// When the server does not end within a minute, or ended by a failure of its own.
    pub async fn stop(self) -> Result<()> {
        spawn_blocking(move || stop(self)).await.context("stopping Postgres was interrupted")?
    }
}

fn start(folder: &Path, options: Options) -> Result<Postgres> {
    let folder = open_folder(folder)?;
    let lock = Lock::take(&folder, "postgres")?;
    let (launcher, password) = cluster::open(&folder, options.fsync)?;
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port()?;
        if let Some(server) = start_on(&launcher, port, options)? {
            let url = format!("postgres://{NAME}:{password}@127.0.0.1:{port}/{NAME}");
            return Ok(Postgres { url, launcher, server, _lock: lock });
        }
    }
    bail!("Postgres found no free port on 127.0.0.1 in {PORT_ATTEMPTS} attempts")
}

/// `None` when somebody else took the port in between.
fn start_on(launcher: &Launcher, port: u16, options: Options) -> Result<Option<Child>> {
    let stale = status_file(launcher);
    let log_from = launcher.log_size_bytes();
    let mut server = launcher.spawn("postgres", &settings(port, options))?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let now = status_file(launcher);
        if now != stale && is_ready(&now, port) {
            return Ok(Some(server));
        }
        if let Some(status) = server.try_wait()? {
            let log = launcher.log_tail(log_from);
            if log.contains("Address already in use") {
                return Ok(None);
            }
            bail!("Postgres did not start ({status}). Its log, {}, ends with:\n{log}", launcher.log.display());
        }
        if Instant::now() > deadline {
            let log = launcher.log_tail(log_from);
            let waited = START_LIMIT.as_secs();
            bail!("Postgres was not ready after {waited} s. Its log, {}, ends with:\n{log}", launcher.log.display());
        }
        thread::sleep(POLL);
    }
}

fn stop(mut postgres: Postgres) -> Result<()> {
    let log_from = postgres.launcher.log_size_bytes();
    drop(postgres.server.stdin.take());
    let deadline = Instant::now() + STOP_LIMIT;
    loop {
        match postgres.server.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("Postgres ended with {status}:\n{}", postgres.launcher.log_tail(log_from)),
            None if Instant::now() > deadline => bail!("Postgres did not stop within {} s", STOP_LIMIT.as_secs()),
            None => thread::sleep(POLL),
        }
    }
}

fn free_port() -> Result<u16> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(socket.local_addr()?.port())
}

fn settings(port: u16, options: Options) -> Vec<String> {
    let durable = if options.fsync { "on" } else { "off" };
    let mut settings = vec![format!("port={port}"), format!("fsync={durable}"), format!("full_page_writes={durable}")];
    // The terse log leaves out what a failing row contains, which is the customers' business.
    let fixed = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "shared_buffers=128MB",
        "max_connections=200",
        "logging_collector=off",
        "log_destination=stderr",
        "log_error_verbosity=terse",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    settings.extend(fixed.map(str::to_owned));
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// What the server tells about itself, line by line: process, folder, start time, port, …, readiness.
fn status_file(launcher: &Launcher) -> String {
    fs::read_to_string(launcher.data.join("postmaster.pid")).unwrap_or_default()
}

fn is_ready(status: &str, port: u16) -> bool {
    let mut lines = status.lines();
    lines.nth(3).is_some_and(|line| line.trim().parse() == Ok(port)) && lines.nth(3).map(str::trim) == Some("ready")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_it_says_so_for_our_port() {
        let status = |state: &str| format!("4021\n/data\n1795485675\n5433\n\n127.0.0.1\n 100 5\n{state}\n");
        assert!(is_ready(&status("ready   "), 5433));
        assert!(!is_ready(&status("starting"), 5433));
        assert!(!is_ready(&status("ready   "), 5434));
        assert!(!is_ready("", 5433));
    }

    #[test]
    fn a_port_that_was_taken_in_between_asks_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let (launcher, _) = cluster::open(folder.path(), false).unwrap();
        let occupant = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = occupant.local_addr().unwrap().port();
        assert!(start_on(&launcher, port, Options { fsync: false }).unwrap().is_none());
    }
}
