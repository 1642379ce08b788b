//! The way to the database or to the store breaks while a render is under way.

use std::sync::Arc;

use clipmill_tests::Server;
use clipmill_tests::gate::Gate;
use clipmill_tests::process::until;
use clipmill_tests::proxy::{Proxy, Way};
use clipmill_worker::Env;
use serde_json::Value;

/// A running worker whose ways can be broken, and its job, half rendered.
struct Scene {
    server: Server,
    gate: Arc<Gate>,
    database: Proxy,
    store: Proxy,
    env: Arc<Env>,
    job: Value,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Scene {
    async fn half_rendered() -> Self {
        let server = Server::start().await;
        let (database, store) = server.proxies().await;
        let gate = Gate::closed();
        let env = server.env_behind(&database, &store, gate.engines()).await;
        let running = tokio::spawn(clipmill_worker::run(env.clone()));
        let job = server.submit_small().await;
        until("a render at the gate", async || gate.is_reached()).await;
        Self { server, gate, database, store, env, job, running }
    }

    async fn until_completed(&self) -> Value {
        let done = async || self.server.video(&self.job["id"]).await["status"] == "completed";
        until("a completed job", done).await;
        self.server.video(&self.job["id"]).await
    }

    async fn end(self) {
        self.env.stop.cancel();
        self.running.await.unwrap().unwrap();
        sqlx::query("update removals set due_at = now() where reason <> 'expired'")
            .execute(&self.server.pool)
            .await
            .unwrap();
        self.server.expire().await;
        assert_eq!(self.server.objects(&self.job["id"]).await.len(), 5, "one attempt's files and no other's");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_outlives_a_database_that_is_away_for_a_while() {
    for way in [Way::Cut, Way::Stalled] {
        let scene = Scene::half_rendered().await;
        scene.database.set(way);
        scene.gate.open();
        // The files are uploaded although the end cannot be written down yet.
        until("uploaded files", async || scene.server.objects(&scene.job["id"]).await.len() == 5).await;
        scene.database.set(Way::Open);
        let video = scene.until_completed().await;
        assert_eq!(video["attempt"], 1, "{way:?}: nothing was rendered twice");
        scene.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_outlives_the_end_of_every_database_connection() {
    let scene = Scene::half_rendered().await;
    let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                  where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(others).execute(&scene.server.pool).await.unwrap();
    scene.gate.open();
    assert_eq!(scene.until_completed().await["attempt"], 1);
    let next = scene.server.submit_small().await;
    until("the next job", async || scene.server.video(&next["id"]).await["status"] == "completed").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_cut_off_costs_an_attempt_and_no_video() {
    let scene = Scene::half_rendered().await;
    scene.store.set(Way::Cut);
    scene.gate.open();
    until("a second attempt to come", async || scene.server.video(&scene.job["id"]).await["status"] == "queued").await;
    scene.store.set(Way::Open);
    assert_eq!(scene.until_completed().await["attempt"], 2);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_is_waited_for_while_the_gpu_takes_the_next_job() {
    let scene = Scene::half_rendered().await;
    scene.store.set(Way::Stalled);
    let next = scene.server.submit_small().await;
    scene.gate.open();
    until("the next job", async || scene.server.video(&next["id"]).await["status"] == "in_progress").await;
    assert_eq!(scene.server.video(&scene.job["id"]).await["status"], "in_progress", "it is still being uploaded");
    scene.store.set(Way::Open);
    assert_eq!(scene.until_completed().await["attempt"], 1);
    until("the next job", async || scene.server.video(&next["id"]).await["status"] == "completed").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_keeps_no_lapsed_lease_waiting() {
    let scene = Scene::half_rendered().await;
    scene.gate.open();
    scene.until_completed().await;
    scene.store.set(Way::Stalled);
    // More removals than can be under way at once, none of which comes to an end.
    let due = "insert into removals (id, account_id, job_id, reason, prefix, due_at)
               select gen_random_uuid(), $1, gen_random_uuid(), 'superseded', repeat('nothing', 5) || n, now() from generate_series(1, 20) as n";
    sqlx::query(due).bind(scene.server.account.uuid()).execute(&scene.server.pool).await.unwrap();
    let taken = "select count(*) from removals where reason = 'superseded' and attempt > 0";
    until("removals under way", async || {
        sqlx::query_scalar::<_, i64>(taken).fetch_one(&scene.server.pool).await.unwrap() > 0
    })
    .await;
    let lost = scene.server.submit_small().await;
    until("a job at work", async || scene.server.video(&lost["id"]).await["status"] == "in_progress").await;
    sqlx::query("update jobs set attempt = attempt + 1, lease_until = now() where status = 'in_progress'")
        .execute(&scene.server.pool)
        .await
        .unwrap();
    until("a rescue", async || scene.server.video(&lost["id"]).await["status"] == "queued").await;
    scene.store.set(Way::Open);
    until("the job", async || scene.server.video(&lost["id"]).await["status"] == "completed").await;
    scene.end().await;
}
