//! Store and ledger compared, both ways.

use std::process::Stdio;
use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};
use clipmill_shared::id::{AccountId, FileId, JobId};
use clipmill_shared::reconcile as ledger;
use clipmill_shared::storage::{Storage, StorageConfig};
use clipmill_tests::process::binary;
use clipmill_tests::server::text;
use clipmill_tests::shared::shared;
use clipmill_tests::{Server, picture};
use clipmill_worker::reconcile::{self, Found, Wish};
use serde_json::Value;
use tokio::process::Command;

use super::stock::{Stock, count, forget};

const DAY: TimeDelta = TimeDelta::days(1);

async fn compare(server: &Server, grace: TimeDelta, dry_run: bool) -> Found {
    // Other tests have objects in the same bucket.
    let wish = Wish { grace, dry_run, account: Some(server.account) };
    reconcile::run(&server.env.pool, &server.storage, &wish).await.unwrap().expect("nobody else compares")
}

#[tokio::test]
async fn objects_without_a_row_go_after_the_grace_time_and_no_others() {
    let server = Server::start().await;
    let (video, file) = (server.completed().await, server.put_up(picture::COFFEE, "cup.jpg").await);
    let own = server.objects_of_account().await;
    let (account, id) = (server.account, text(&video["id"]));
    let due = JobId::new();
    let timer = "insert into removals (id, account_id, job_id, reason, prefix, due_at)
        values (gen_random_uuid(), $1, $2, 'deleted', $3, now() + interval '1 day')";
    let prefix = format!("{account}/{due}/");
    sqlx::query(timer).bind(account.uuid()).bind(due.uuid()).bind(&prefix).execute(&server.pool).await.unwrap();
    let kept = [format!("{prefix}1/video.mp4"), format!("{account}/of another version")];
    let orphans = [
        format!("{account}/{}/1/video.mp4", JobId::new()),
        format!("{account}/{}/source/first.png", JobId::new()),
        format!("{account}/files/{}/image.png", FileId::new()),
        format!("{account}/{id}/7/video.mp4"),
    ];
    for key in kept.iter().chain(&orphans) {
        server.storage.put(key, "text/plain", "x".into()).await.unwrap();
    }
    for (grace, dry_run, old) in [(DAY, false, 0), (TimeDelta::zero(), true, 4)] {
        let Found { report, missing } = compare(&server, grace, dry_run).await;
        assert_eq!((report.orphans, report.young_orphans, report.unknown), (old, 4 - old, 1), "{report:?}");
        assert_eq!((report.orphan_bytes, report.rows, missing.len()), (old, 2, 0), "{report:?}");
        assert_eq!(server.objects_of_account().await.len(), own.len() + 6, "nothing goes yet");
    }
    assert_eq!(compare(&server, TimeDelta::zero(), false).await.report.orphans, 4);
    let mut all: Vec<String> = own.iter().chain(&kept).cloned().collect();
    all.sort();
    assert_eq!(server.objects_of_account().await, all);
    assert_eq!(compare(&server, TimeDelta::zero(), false).await.report.orphans, 0, "a second time finds nothing");
    assert_eq!(count(&server.pool, "select count(*) from reconciliations where report is not null").await, 3);
    assert_eq!(server.video(&video["id"]).await["status"], "completed");
    assert_eq!(server.file_objects(&file["id"]).await.len(), 1);
    server.storage.remove(&kept).await.unwrap();
}

#[tokio::test]
async fn what_a_job_that_has_ended_left_behind_goes_too() {
    let server = Server::start().await;
    let video = server.completed().await;
    let left = format!("{}/{}/1/left behind", server.account, text(&video["id"]));
    server.storage.put(&left, "text/plain", "x".into()).await.unwrap();
    assert_eq!(compare(&server, TimeDelta::zero(), false).await.report.orphans, 0, "it lies among what is live");
    server.age_timers().await;
    assert_eq!(server.expire().await, 1);
    assert_eq!(server.objects(&video["id"]).await, [left]);
    assert_eq!(compare(&server, TimeDelta::zero(), false).await.report.orphans, 1);
    assert!(server.objects(&video["id"]).await.is_empty());
}

#[tokio::test]
async fn rows_without_objects_are_marked_until_the_objects_are_back() {
    let server = Server::start().await;
    let (whole, broken) = (server.completed().await, server.completed().await);
    let file = server.put_up(picture::COFFEE, "cup.jpg").await;
    let lost = [server.objects(&broken["id"]).await.remove(0), server.file_objects(&file["id"]).await.remove(0)];
    let bytes = [
        server.storage.read(&lost[0], 10_000_000).await.unwrap(),
        server.storage.read(&lost[1], 10_000_000).await.unwrap(),
    ];
    server.storage.remove(&lost).await.unwrap();
    let marked = "select (select count(*) from jobs where missing_at is not null) + (select count(*) from files where missing_at is not null)";
    for (dry_run, marks) in [(true, 0), (false, 2)] {
        let Found { report, missing } = compare(&server, DAY, dry_run).await;
        assert_eq!((report.missing_videos, report.missing_files, report.missing_exports), (1, 1, 0), "{report:?}");
        assert!(missing.iter().any(|place| place.contains(text(&broken["id"]))), "{missing:?}");
        assert_eq!(count(&server.pool, marked).await, marks);
    }
    for (key, bytes) in lost.iter().zip(bytes) {
        server.storage.put(key, "application/octet-stream", bytes).await.unwrap();
    }
    let report = compare(&server, DAY, false).await.report;
    assert_eq!((report.missing_videos, report.missing_files, report.rows), (0, 0, 3), "{report:?}");
    assert_eq!(count(&server.pool, marked).await, 0);
    assert_eq!(server.video(&whole["id"]).await["status"], "completed");
}

#[tokio::test]
async fn what_a_worker_is_removing_at_the_moment_is_not_missing() {
    let server = Server::start().await;
    let video = server.completed().await;
    server.age_timers().await;
    let claimed = clipmill_shared::jobs::removal::claim(&server.env.pool, 10, Duration::from_secs(300)).await.unwrap();
    server.storage.remove_prefix(&claimed[0].prefix).await.unwrap();
    let report = compare(&server, DAY, false).await.report;
    assert_eq!((report.missing_videos, report.rows), (0, 0), "{report:?}");
    clipmill_shared::jobs::removal::settle(&server.env.pool, &[&claimed[0]]).await.unwrap();
    assert_eq!(server.video(&video["id"]).await["status"], "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_many_pages_is_compared_page_by_page() {
    let (server, videos, objects) = (Server::start().await, 700, 3);
    let stock = Stock::write(&server, videos, objects, 0).await;
    let lost: Vec<i64> = vec![1, 333, 334, 667, 700];
    for number in &lost {
        stock.keys(*number, objects).for_each(|key| stock.lose(&key));
    }
    stock.stray(&format!("{}/{}/1/video.mp4", server.account, JobId::new()));
    let foreign = format!("{}/{}/1/video.mp4", AccountId::new(), JobId::new());
    stock.stray(&foreign);
    let wish = Wish { grace: TimeDelta::zero(), dry_run: false, account: None };
    let found = reconcile::run(&server.env.pool, &stock.storage().await, &wish).await.unwrap().unwrap();
    let objects = (videos - lost.len() as i64) as u64 * objects as u64 + 2;
    assert_eq!((found.report.objects, found.report.rows), (objects, videos as u64), "{found:?}");
    assert_eq!((found.report.orphans, found.report.missing_videos), (1, lost.len() as u64), "{found:?}");
    assert_eq!(found.report.foreign, 1, "{found:?}");
    assert!(stock.listed().await.contains(&foreign), "what may be another service's is left alone");
    let marked: Vec<i64> =
        sqlx::query_scalar("select virtual_start::bigint from jobs where missing_at is not null order by 1")
            .fetch_all(&server.pool)
            .await
            .unwrap();
    assert_eq!(marked, lost);
    forget(&server.pool).await;
}

#[tokio::test]
async fn one_compares_at_a_time_and_once_a_night() {
    let server = Server::start().await;
    let turn = ledger::take_turn(&server.pool).await.unwrap().expect("it is free");
    let wish = Wish { grace: DAY, dry_run: true, account: Some(server.account) };
    assert!(reconcile::run(&server.env.pool, &server.storage, &wish).await.unwrap().is_none());
    drop(turn);
    clipmill_tests::process::until("the lock to be let go", async || {
        reconcile::run(&server.env.pool, &server.storage, &wish).await.unwrap().is_some()
    })
    .await;

    let slack = Duration::from_secs(3600);
    let at = |shift: &'static str| {
        let time = sqlx::AssertSqlSafe(format!("select (now() at time zone 'UTC' + interval '{shift}')::time"));
        sqlx::query_scalar::<_, NaiveTime>(time).fetch_one(&server.pool)
    };
    let (before, long_before, later) =
        (at("-1 minute").await.unwrap(), at("-2 hours").await.unwrap(), at("1 hour").await.unwrap());
    let is_due = async |at: NaiveTime| ledger::is_due(&server.env.pool, at, slack).await.unwrap();
    assert!(is_due(before).await);
    assert!(!is_due(long_before).await, "a night that was missed is left to the next one");
    assert!(!is_due(later).await);
    let wrong = StorageConfig { secret_access_key: Some("wrong".to_owned().into()), ..shared().await.storage() };
    let wish = Wish { dry_run: false, ..wish };
    assert!(reconcile::run(&server.env.pool, &Storage::open(&wrong).await, &wish).await.is_err());
    assert!(is_due(before).await, "a comparison that came to nothing costs no night");
    ledger::begin(&server.env.pool).await.unwrap();
    assert!(!is_due(before).await, "another worker did it");
}

#[tokio::test]
async fn the_command_reports_in_json() {
    let server = Server::start().await;
    server.completed().await;
    let mut command = Command::new(binary("clipmill-worker"));
    command.args(["reconcile", "--json", "--dry-run", "--account", &server.account.to_string()]);
    let output = command.envs(server.environment().await).stdin(Stdio::null()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["report"]["objects"], &said["report"]["dry_run"]), (&5.into(), &true.into()), "{said}");
    assert_eq!(said["report"]["uploads"], Value::Null, "this store cannot list them");
}
