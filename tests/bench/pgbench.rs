//! pgbench, which comes with Postgres: what the server itself can do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::load::Load;
use crate::service::CONNECTIONS;
use crate::stats::quantile;

/// How the reference is taken, for readers.
pub(crate) const HOW: &str = "pgbench -M prepared -c 16 -j 2";

/// A script that pgbench repeats.
pub(crate) struct Pgbench {
    program: PathBuf,
    folder: tempfile::TempDir,
    url: String,
}

impl Pgbench {
    /// Repeats `script` on a database.
    pub(crate) async fn new(url: &str, script: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("script.sql"), script)?;
        Ok(Self { program: program().await?, folder, url: url.to_owned() })
    }

    /// Runs for `window`.
    pub(crate) async fn run(&self, window: Duration) -> Result<Load> {
        let (clients, seconds) = (CONNECTIONS.to_string(), window.as_secs().to_string());
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.folder.path())
            .args(["-n", "-M", "prepared", "-c", &clients, "-j", "2", "-T", &seconds]);
        command.args(["-f", "script.sql", "--log", "--log-prefix=times", &self.url]);
        let output = command.output().await.context("cannot run pgbench")?;
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        let per_second = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        let per_second = per_second.with_context(|| format!("pgbench said no rate:\n{said}"))?;
        Ok(Load { per_second, p99_ms: quantile(&times_ms(self.folder.path())?, 0.99) })
    }
}

/// Reads and removes the logs of a run; the third word of each line is what a transaction took, in microseconds.
fn times_ms(folder: &Path) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("times.")) {
            let text = std::fs::read_to_string(&path)?;
            let micros = text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok());
            times.extend(micros.map(|micros| micros / 1e3));
            std::fs::remove_file(path)?;
        }
    }
    Ok(times)
}

/// pgbench on the PATH, else the newest where Debian puts it.
async fn program() -> Result<PathBuf> {
    let look = "command -v pgbench || ls -d /usr/lib/postgresql/*/bin/pgbench /usr/pgsql-*/bin/pgbench 2>/dev/null | sort -V | tail -1";
    let output = Command::new("/bin/sh").args(["-c", look]).output().await.context("cannot run sh")?;
    let path = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(!path.is_empty(), "pgbench is not installed (Debian, Ubuntu: apt-get install postgresql)");
    Ok(path.into())
}
