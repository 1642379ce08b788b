//! graphile-worker, in a Node process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// What is installed: a package, and exactly this version of it.
const PACKAGE: (&str, &str) = ("graphile-worker", "0.17.3");
const SCRIPT: &str = include_str!("graphile.mjs");

/// How it is set up, for readers.
pub(crate) const HOW: &str = "graphile-worker 0.17.3 on Node, default settings, unbatched";

/// A folder with graphile-worker and our script.
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs what is not there yet.
    pub(crate) async fn install(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("graphile.mjs"), SCRIPT)?;
        let (name, version) = PACKAGE;
        let installed = std::fs::read_to_string(folder.join("node_modules").join(name).join("package.json"));
        if !installed.is_ok_and(|manifest| manifest.contains(&format!("\"version\": \"{version}\""))) {
            eprintln!("Installing {name} {version}");
            let mut command = Command::new("npm");
            command
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(folder)
                .arg(format!("{name}@{version}"));
            let output = command.output().await.context("cannot run npm")?;
            ensure!(output.status.success(), "npm: {}", String::from_utf8_lossy(&output.stderr));
        }
        let node = Self { folder: folder.to_owned() };
        node.program().await?;
        Ok(node)
    }

    /// Node's own file.
    pub(crate) async fn program(&self) -> Result<PathBuf> {
        let output = Command::new("node").args(["-p", "process.execPath"]).output().await.context("cannot run node")?;
        Ok(String::from_utf8(output.stdout)?.trim().into())
    }

    /// A run of our script on a database.
    pub(crate) fn command(&self, database_url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.arg(self.folder.join("graphile.mjs")).args(arguments).env("DATABASE_URL", database_url);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs our script to its end and reads what it measured.
    pub(crate) async fn run(&self, database_url: &str, arguments: &[&str]) -> Result<Value> {
        let output = self.command(database_url, arguments).output().await.context("cannot run node")?;
        ensure!(output.status.success(), "node: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("the script said something else than JSON")
    }
}
