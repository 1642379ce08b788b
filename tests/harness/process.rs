//! Workers as processes of their own, to be killed.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::server::Server;
use crate::shared::shared;

/// Starts the worker's binary on a test's database. It is killed when the value is dropped.
pub async fn worker(server: &Server, arguments: &[&str]) -> Child {
    Command::new(binary("clipmill-worker"))
        .args(arguments)
        .envs(shared().await.environment(&server.database_url))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the worker starts")
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
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), asking)
        .await
        .unwrap_or_else(|_| panic!("never came: {what}"));
}
