//! What becomes of a folder whose process was killed.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::postgres::{FAST, read_mark, server_process_id, write_mark};
use super::wait_until;
use crate::embedded::Postgres;
use crate::embedded::takeover::processes_in;

#[tokio::test]
async fn a_killed_process_takes_its_server_along_and_leaves_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let (mut holder, url) = spawn_holder(folder.path());
    write_mark(&url).await;
    let data = folder.path().join("postgres");
    assert!(!processes_in(&data).is_empty());

    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_until("the end of the server", || processes_in(&data).is_empty()).await;

    let next = Postgres::start(folder.path(), FAST).await.unwrap();
    assert_eq!(read_mark(next.url()).await, 42);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_still_stopping_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (mut holder, url) = spawn_holder(folder.path());
    write_mark(&url).await;
    holder.kill().unwrap();
    holder.wait().unwrap();

    let next = Postgres::start(folder.path(), FAST).await.unwrap();
    assert_eq!(read_mark(next.url()).await, 42);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_whose_watcher_was_killed_too_is_stopped_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (mut holder, url) = spawn_holder(folder.path());
    write_mark(&url).await;
    let orphan = server_process_id(folder.path());
    let shell = parent_of(orphan);
    let watchers: Vec<_> = children_of(shell).into_iter().filter(|child| *child != orphan).collect();
    assert_eq!(watchers.len(), 1);
    kill(&[watchers[0], shell]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(processes_in(&folder.path().join("postgres")).contains(&orphan));

    let next = Postgres::start(folder.path(), FAST).await.unwrap();
    assert_ne!(server_process_id(folder.path()), orphan);
    assert_eq!(read_mark(next.url()).await, 42);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn a_crashed_server_is_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let first = Postgres::start(folder.path(), FAST).await.unwrap();
    write_mark(first.url()).await;
    kill(&[server_process_id(folder.path())]);
    first.stop().await.expect_err("a killed server ended well");

    let next = Postgres::start(folder.path(), FAST).await.unwrap();
    assert_eq!(read_mark(next.url()).await, 42);
    next.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_process_id_that_is_now_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Postgres::start(folder.path(), FAST).await.unwrap().stop().await.unwrap();
    let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let stale = format!("{}\n/data\n1\n5432\n\n127.0.0.1\n1 1\nready\n", other.id());
    fs::write(folder.path().join("postgres/postmaster.pid"), stale).unwrap();

    Postgres::start(folder.path(), FAST).await.unwrap().stop().await.unwrap();
    assert!(other.try_wait().unwrap().is_none(), "another program was stopped");
    drop(other.stdin.take());
    other.wait().unwrap();
}

#[tokio::test]
async fn a_dropped_server_ends() {
    let folder = tempfile::tempdir().unwrap();
    drop(Postgres::start(folder.path(), FAST).await.unwrap());
    let data = folder.path().join("postgres");
    wait_until("the end of the server", || processes_in(&data).is_empty()).await;
}

/// Runs [`hold_a_server`] in a process of its own; gives that process and the server's URL.
fn spawn_holder(folder: &Path) -> (Child, String) {
    let mut holder = Command::new("/proc/self/exe")
        .args(["--ignored", "--exact", "--nocapture"])
        .arg(concat!(module_path!(), "::hold_a_server").split_once("::").unwrap().1)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.into_iter().find(|line| line.starts_with("postgres://")).expect("the holder failed");
    (holder, url)
}

#[tokio::test]
#[ignore = "the other tests run it as a process to be killed"]
async fn hold_a_server() {
    let postgres = Postgres::start(Path::new("."), FAST).await.unwrap();
    println!("\n{}", postgres.url());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn parent_of(process: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap()
}

fn children_of(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    children.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

fn kill(processes: &[u32]) {
    let killed = Command::new("kill").arg("-9").args(processes.iter().map(u32::to_string)).status().unwrap();
    assert!(killed.success());
}
