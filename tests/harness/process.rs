//! Workers as processes of their own, to be killed.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::puppet;
use crate::server::Server;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the worker's binary on a test's database. It is killed when the value is dropped.
pub async fn worker(server: &Server, arguments: &[&str]) -> Child {
    Command::new(binary("clipmill-worker"))
        .args(arguments)
        .envs(server.environment().await)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the worker starts")
}

/// Sends a signal to a process that lives.
pub async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args([name, &pid]).status().await.expect("kill runs").success());
}

/// A worker process whose engine does what prompts say. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Puppet {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Puppet {
    /// Starts one with this environment and these arguments.
    pub fn start(environment: Vec<(&'static str, String)>, arguments: &[&str]) -> Self {
        Self::spawn(Command::new(binary("puppet")).args(arguments), environment)
    }

    /// Starts one that cannot write a file of more than two KiB, as on a disk that is full.
    pub fn without_room(environment: Vec<(&'static str, String)>, arguments: &[&str]) -> Self {
        // Without the trap the kernel would kill it in place of refusing the write.
        let limited = r#"trap '' XFSZ; ulimit -f 4; exec "$0" "$@""#;
        let mut shell = Command::new("/bin/sh");
        Self::spawn(shell.args(["-c", limited]).arg(binary("puppet")).args(arguments), environment)
    }

    fn spawn(command: &mut Command, environment: Vec<(&'static str, String)>) -> Self {
        let command = command.envs(environment).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the puppet starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, lines }
    }

    /// Waits until its engine holds.
    pub async fn held(&mut self) {
        self.says(puppet::HELD).await;
    }

    /// Waits until it prints this line.
    ///
    /// # Panics
    /// When it has not after a minute.
    pub async fn says(&mut self, line: &str) {
        let reading = async { while self.lines.next_line().await.expect("its output").expect("it lives") != line {} };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("never said: {line}"));
    }

    /// Lets an engine that holds go on.
    pub async fn go_on(&mut self) {
        self.child.stdin.as_mut().expect("its input").write_all(b"\n").await.expect("it listens");
    }

    /// Sends it a signal.
    pub async fn signal(&self, name: &str) {
        signal(&self.child, name).await;
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        self.child.wait().await.expect("it can be waited for")
    }

    /// Tells it to stop and waits until what it does is done.
    ///
    /// # Panics
    /// When it does not end well.
    pub async fn finish(&mut self) {
        self.signal("-TERM").await;
        let status = self.ended().await;
        assert!(status.success(), "a puppet that was told to stop ended with {status}");
    }
}

/// Where `cargo build` puts a program of ours: beside the folder of this test's.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let folder = test.ancestors().find(|folder| folder.join(name).is_file());
    folder.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace --bins`")).join(name)
}

/// Asks `question` until it says yes.
///
/// # Panics
/// When it has not after a minute.
pub async fn until(what: &str, mut question: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !question().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never came: {what}"));
}
