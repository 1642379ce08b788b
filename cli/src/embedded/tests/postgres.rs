//! Starting and stopping the private Postgres.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sqlx::{Connection, PgConnection};

use crate::embedded::{Options, Postgres};

/// The tests throw their data away.
pub(super) const FAST: Options = Options { fsync: false };

#[tokio::test]
async fn data_and_password_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = Postgres::start(folder.path(), Options::default()).await.unwrap();
    write_mark(first.url()).await;
    let first_url = first.url().to_owned();
    first.stop().await.unwrap();

    let second = Postgres::start(folder.path(), Options::default()).await.unwrap();
    assert_eq!(read_mark(second.url()).await, 42);
    assert_eq!(password_of(second.url()), password_of(&first_url));
    second.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_password_opens_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::start(folder.path(), FAST).await.unwrap();
    let guess = postgres.url().replace(password_of(postgres.url()), "guess");
    let error = PgConnection::connect(&guess).await.expect_err("a guessed password was accepted");
    assert!(error.to_string().contains("password authentication failed"), "{error}");

    let password_file = folder.path().join("postgres.password");
    assert_eq!(fs::metadata(password_file).unwrap().permissions().mode() & 0o777, 0o600);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_password_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let first = Postgres::start(folder.path(), FAST).await.unwrap();
    write_mark(first.url()).await;
    first.stop().await.unwrap();
    fs::remove_file(folder.path().join("postgres.password")).unwrap();

    let second = Postgres::start(folder.path(), FAST).await.unwrap();
    assert_eq!(read_mark(second.url()).await, 42);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_live_user_of_the_folder_gets_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let first = Postgres::start(folder.path(), FAST).await.unwrap();
    let error = Postgres::start(folder.path(), FAST).await.expect_err("two servers on one folder");
    assert!(error.to_string().contains("is in use by another clipmill"), "{error}");
    write_mark(first.url()).await;
    first.stop().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_creation_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = folder.path().join("postgres.new-0123");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15").unwrap();

    let postgres = Postgres::start(folder.path(), FAST).await.unwrap();
    assert!(!unfinished.exists());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_start_is_explained_by_its_log() {
    let folder = tempfile::tempdir().unwrap();
    Postgres::start(folder.path(), FAST).await.unwrap().stop().await.unwrap();
    let settings = folder.path().join("postgres/postgresql.conf");
    writeln!(fs::File::options().append(true).open(settings).unwrap(), "no_such_setting = 1").unwrap();

    let error = Postgres::start(folder.path(), FAST).await.expect_err("a nonsense setting was accepted");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn data_of_another_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("postgres")).unwrap();
    fs::write(folder.path().join("postgres/PG_VERSION"), "3\n").unwrap();
    let error = Postgres::start(folder.path(), FAST).await.expect_err("Postgres 3 is installed");
    assert!(error.to_string().contains("written by Postgres 3"), "{error}");
    assert_eq!(fs::read_dir(folder.path().join("postgres")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_ctrl_c_at_the_terminal_does_not_reach_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::start(folder.path(), FAST).await.unwrap();
    let server = server_process_id(folder.path());
    assert_ne!(process_group(&server.to_string()), process_group("self"));
    postgres.stop().await.unwrap();
}

pub(super) async fn write_mark(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("create table mark (value int4 not null); insert into mark values (42)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

pub(super) async fn read_mark(url: &str) -> i32 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let value = sqlx::query_scalar("select value from mark").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    value
}

pub(super) fn server_process_id(folder: &Path) -> u32 {
    let text = fs::read_to_string(folder.join("postgres/postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

fn password_of(url: &str) -> &str {
    url.split_once("clipmill:").unwrap().1.split_once('@').unwrap().0
}

/// Field 5 of a process' line; the name before it, in brackets, may hold blanks.
fn process_group(process: &str) -> u32 {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    line.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap().parse().unwrap()
}
