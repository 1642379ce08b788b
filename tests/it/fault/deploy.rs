//! Two versions side by side: the statements of the version before, word for word, on the schema of this one.
//!
//! `tests/golden/statements/NNNN.json` holds all statements of the version whose newest migration was NNNN. Whoever adds a
//! migration keeps those of the version before it there: the schema may only grow until nobody runs them any more.

use std::collections::HashSet;
use std::time::Duration;

use clipmill_shared::db::{self, MIGRATIONS};
use clipmill_shared::jobs::lease::{self, Ability};
use clipmill_shared::tier::Tier;
use clipmill_tests::{Receiver, Server};
use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqlSafeStr as _};
use uuid::Uuid;

const BEFORE: &str = include_str!("../../golden/statements/0014.json");
const BEFORE_VERSION: i64 = 14;
const LEASE: Duration = Duration::from_secs(30);

fn statements() -> Vec<String> {
    serde_json::from_str(BEFORE).unwrap()
}

/// The statement of the version before that has these words in it.
fn statement(words: &str) -> AssertSqlSafe<String> {
    let found: Vec<_> = statements().into_iter().filter(|statement| statement.contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}");
    AssertSqlSafe(found[0].clone())
}

/// Claims as the version before did.
async fn claim(connection: &mut PgConnection) -> Option<(Uuid, i32)> {
    let claim = sqlx::query(statement("set status = 'in_progress', attempt = attempt + 1"));
    let row = claim
        .bind(&Tier::ALL[..])
        .bind(&Tier::ALL[..0])
        .bind("before")
        .bind(30.0)
        .fetch_optional(connection)
        .await
        .unwrap();
    row.map(|row| (row.get(0), row.get("attempt")))
}

/// Renews and completes as the version before did.
async fn finish(connection: &mut PgConnection, (id, attempt): (Uuid, i32)) {
    let renew =
        sqlx::query(statement("update jobs set lease_until = now()")).bind(id).bind(attempt).bind(30.0).bind(50_i16);
    assert_eq!(renew.execute(&mut *connection).await.unwrap().rows_affected(), 1);
    let complete = sqlx::query(statement("set status = 'completed', progress = 100")).bind(id).bind(attempt);
    let complete = complete.bind(json!([])).bind(Uuid::now_v7()).bind("x".repeat(40));
    let complete = complete.bind(Uuid::now_v7()).bind("y".repeat(40)).bind(Uuid::now_v7()).bind("video.completed");
    let completed = complete.bind(Uuid::now_v7()).bind("clipmill_outbox").fetch_all(&mut *connection).await.unwrap();
    assert_eq!(completed.len(), 1);
}

#[tokio::test]
async fn every_statement_of_the_version_before_means_something_to_this_schema() {
    let server = Server::start().await;
    let mut connection = server.pool.acquire().await.unwrap();
    for statement in statements() {
        let prepared = connection.prepare(AssertSqlSafe(statement.clone()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}");
    }
}

#[tokio::test]
async fn workers_of_two_versions_share_a_queue_and_take_no_job_twice() {
    let server = Server::start().await;
    let mut before = server.pool.acquire().await.unwrap();
    for _ in 0..10 {
        server.submit_small().await;
    }
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        old.push(claim(&mut before).await.expect("a job for the old one"));
        new.push(
            lease::claim(&server.pool, Ability::of(&Tier::ALL), "now", LEASE)
                .await
                .unwrap()
                .expect("one for the new one"),
        );
    }
    let new_ids = new.iter().map(|lease| lease.job().id.uuid());
    assert_eq!(old.iter().map(|job| job.0).chain(new_ids).collect::<HashSet<_>>().len(), 10);
    for lease in new {
        lease.renew(&server.pool, 50).await.unwrap();
        lease.release(&server.pool).await.unwrap();
    }
    for job in old {
        finish(&mut before, job).await;
    }
    for _ in 0..5 {
        server.render().await;
    }
    assert!(claim(&mut before).await.is_none());
    // What the old one stored lies in no store.
    sqlx::query("delete from jobs where worker = 'before'").execute(&mut *before).await.unwrap();
}

#[tokio::test]
async fn a_worker_of_the_version_before_finds_what_is_due_to_endpoints() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    server.endpoint(json!({ "name": "new", "url": receiver.url() })).await;
    let mut before = server.pool.acquire().await.unwrap();
    server.submit_small().await;
    let job = claim(&mut before).await.unwrap();
    finish(&mut before, job).await;
    let due = sqlx::query(statement("set attempt = deliveries.attempt + case")).bind(100_i64).bind(120.0);
    assert_eq!(due.fetch_all(&mut *before).await.unwrap().len(), 1);
    // What the old one stored lies in no store.
    sqlx::query("delete from jobs where worker = 'before'").execute(&mut *before).await.unwrap();
}

#[tokio::test]
async fn what_a_worker_of_the_version_before_finishes_is_charged_and_what_it_may_not_take_up_waits() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let account = format!("/v1/admin/accounts/{}", server.account);
    server.ask_as(&operator, Method::PATCH, &account, json!({ "metered": true })).await;
    server.ask_as(&operator, Method::POST, &format!("{account}/credits"), json!({ "credits": 5 })).await;
    let mut before = server.pool.acquire().await.unwrap();
    server.submit_small().await;
    server.submit_small().await;
    let job = claim(&mut before).await.unwrap();
    finish(&mut before, job).await;
    let (_, credits) = server.get("/v1/account/credits").await;
    assert_eq!((&credits["charged"], &credits["reserved"]), (&json!(1), &json!(1)));
    server.ask(Method::PATCH, "/v1/account", json!({ "processing_limited": true })).await;
    assert!(claim(&mut before).await.is_none());
    // What the old one stored lies in no store.
    sqlx::query("delete from jobs where worker = 'before'").execute(&mut *before).await.unwrap();
}

#[tokio::test]
async fn a_job_that_is_under_way_during_a_migration_is_finished_by_the_worker_that_has_it() {
    let server = Server::start().await;
    let (url, _) = server.database_url.rsplit_once('/').unwrap();
    let name = format!("clipmill_{}", Uuid::now_v7().simple());
    let mut admin = PgConnection::connect(&server.database_url).await.unwrap();
    admin.execute(AssertSqlSafe(format!("create database {name} template template0"))).await.unwrap();
    let pool = sqlx::PgPool::connect(&format!("{url}/{name}")).await.unwrap();
    MIGRATIONS.run_to(BEFORE_VERSION, &pool).await.unwrap();

    let mut before = pool.acquire().await.unwrap();
    let account = Uuid::now_v7();
    let insert =
        sqlx::query(statement("insert into accounts")).bind(account).bind("before").bind(vec![0_u8; 32]).bind(false);
    insert.execute(&mut *before).await.unwrap();
    for virtual_start in 0..2 {
        let job = "insert into jobs (id, account_id, tier, mode, model, prompt, width, height, seconds, fps, seed, retention_seconds,
                   fingerprint, virtual_start) values ($1, $2, 'fast', 'text_to_video', 'fast', 'a fox', 256, 144, 1, 24, 7, 60, '', $3)";
        sqlx::query(job)
            .bind(Uuid::now_v7())
            .bind(account)
            .bind(f64::from(virtual_start))
            .execute(&mut *before)
            .await
            .unwrap();
    }
    let under_way = claim(&mut before).await.unwrap();
    assert!(db::check(&pool).await.is_err(), "a worker of this version does not start before the migration");

    db::migrate(&pool).await.unwrap();
    db::check(&pool).await.unwrap();
    finish(&mut before, under_way).await;
    let lease = lease::claim(&pool, Ability::of(&Tier::ALL), "now", LEASE).await.unwrap().expect("the job that waited");
    lease.complete(&pool, &[]).await.unwrap();
    let completed = "select count(*) from jobs where status = 'completed'";
    assert_eq!(sqlx::query_scalar::<_, i64>(completed).fetch_one(&mut *before).await.unwrap(), 2);
}
