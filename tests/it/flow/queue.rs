use std::sync::Arc;
use std::time::Duration;

use clipmill_shared::jobs::lease::{self, Ability};
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::endless::Endless;
use clipmill_tests::process::until;
use clipmill_tests::server::{answer, small, text};
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::Connection as _;

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_account_with_one_job_waits_for_one_turn_of_an_account_with_many() {
    let server = Server::start().await;
    for _ in 0..10 {
        server.submit_small().await;
    }
    let stranger = server.stranger().await;
    let (_, theirs) = answer(server.anonymous(Method::POST, "/v1/videos").bearer_auth(stranger).json(&small())).await;
    assert!(theirs["queue_position"].as_i64().unwrap() <= 1, "{theirs}");
    let mut turns = Vec::new();
    for _ in 0..2 {
        let lease = lease::claim(&server.pool, Ability::of(&Tier::ALL), "test", LEASE).await.unwrap().unwrap();
        turns.push(lease.job().id.to_string());
        lease.release(&server.pool).await.unwrap();
        sqlx::query("update jobs set run_at = now() + interval '1 hour' where released > 0")
            .execute(&server.pool)
            .await
            .unwrap();
    }
    assert!(turns.contains(&text(&theirs["id"]).to_owned()), "{turns:?}");
}

#[tokio::test]
async fn neither_what_an_account_had_before_nor_another_tier_pushes_it_back() {
    let server = Server::start().await;
    for _ in 0..3 {
        server.completed().await;
    }
    let stranger = server.stranger().await;
    for _ in 0..10 {
        let mut body = small();
        body["model"] = json!("pro");
        answer(server.anonymous(Method::POST, "/v1/videos").bearer_auth(&stranger).json(&body)).await;
    }
    let mine = server.submit_small().await;
    let mut turns = Vec::new();
    for _ in 0..2 {
        let lease = lease::claim(&server.pool, Ability::of(&Tier::ALL), "test", LEASE).await.unwrap().unwrap();
        turns.push(lease.job().id.to_string());
        lease.retry(&server.pool, Duration::from_secs(3600)).await.unwrap();
    }
    assert!(turns.contains(&text(&mine["id"]).to_owned()), "an idle system and another tier start from one clock");
}

#[tokio::test]
async fn a_worker_takes_only_the_tiers_that_it_serves() {
    let server = Server::start().await;
    let mut pro = small();
    pro["model"] = json!("pro");
    server.submit(pro).await;
    assert!(lease::claim(&server.pool, Ability::of(&[Tier::Fast]), "test", LEASE).await.unwrap().is_none());
    let lease =
        lease::claim(&server.pool, Ability::of(&[Tier::Fast, Tier::Pro]), "test", LEASE).await.unwrap().unwrap();
    lease.release(&server.pool).await.unwrap();
}

#[tokio::test]
async fn jobs_of_one_account_go_in_the_order_of_their_submits() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(server.submit_small().await["id"].clone());
    }
    for id in made {
        server.render().await;
        assert_eq!(server.video(&id).await["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_worker_hears_of_a_submit_and_works_through_everything() {
    let server = Server::start().await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let jobs = [server.submit_small().await, server.submit_small().await, server.submit_small().await];
    for job in &jobs {
        until("a completed job", async || server.video(&job["id"]).await["status"] == "completed").await;
    }
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_or_deleting_a_running_job_frees_its_gpu() {
    let mut engines = clipmill_worker::preview_engines();
    engines.insert(Tier::Pro, Arc::new(Endless));
    let server = Server::with_engines(engines).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    for (method, below) in [(Method::POST, "/cancel"), (Method::DELETE, "")] {
        let mut body = small();
        body["model"] = json!("pro");
        let endless = server.submit(body).await;
        until("a running job", async || server.video(&endless["id"]).await["status"] == "in_progress").await;
        let next = server.submit_small().await;
        let (status, _) = answer(server.request(method, &format!("/v1/videos/{}{below}", text(&endless["id"])))).await;
        assert_eq!(status, StatusCode::OK);
        until("the next job on the same GPU", async || server.video(&next["id"]).await["status"] == "completed").await;
    }
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn plans_that_were_made_for_an_empty_queue_serve_a_long_one() {
    const LONG: i64 = 20_000;
    let server = Server::start().await;
    let take_turns = async || {
        for _ in 0..5 {
            server.submit_small().await;
            let lease = lease::claim(&server.pool, Ability::of(&Tier::ALL), "test", LEASE).await.unwrap().unwrap();
            lease.retry(&server.pool, Duration::from_secs(3600)).await.unwrap();
        }
    };
    sqlx::query("update accounts set max_queued = null, max_running = null").execute(&server.pool).await.unwrap();
    take_turns().await;
    let first = server.submit_small().await;
    let copies = "insert into jobs select (jsonb_populate_record(job, jsonb_build_object('id', gen_random_uuid(),
            'virtual_start', job.virtual_start + turn))).*
        from jobs as job, generate_series(1, $2) as turn where job.id = $1";
    let id: uuid::Uuid = text(&first["id"]).parse::<clipmill_shared::id::JobId>().unwrap().uuid();
    sqlx::query(copies).bind(id).bind(LONG).execute(&server.pool).await.unwrap();
    take_turns().await;
    let mut later = sqlx::PgConnection::connect(&server.database_url).await.unwrap();
    // The index that an empty queue made look as good as the right one.
    let read = "select n_tup_ins, idx_tup_read from pg_stat_user_tables as jobs
        join pg_stat_user_indexes as index on index.relid = jobs.relid and indexrelname = 'jobs_order'";
    // A session writes down what it has read when it ends.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(end).execute(&mut later).await.unwrap();
    until("what was read", async || {
        let (written, read): (i64, i64) = sqlx::query_as(read).fetch_one(&mut later).await.unwrap();
        assert!(read < LONG, "{read} rows of {LONG} were read for a few turns");
        written > LONG
    })
    .await;
}
