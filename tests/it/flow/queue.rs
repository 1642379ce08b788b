use clipmill_shared::jobs::lease;
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{answer, small, text};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

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
        let lease = lease::claim(&server.pool, &Tier::ALL, "test", LEASE).await.unwrap().unwrap();
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
async fn a_worker_takes_only_the_tiers_that_it_serves() {
    let server = Server::start().await;
    let mut pro = small();
    pro["model"] = json!("pro");
    server.submit(pro).await;
    assert!(lease::claim(&server.pool, &[Tier::Fast], "test", LEASE).await.unwrap().is_none());
    let lease = lease::claim(&server.pool, &[Tier::Fast, Tier::Pro], "test", LEASE).await.unwrap().unwrap();
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
        clipmill_tests::process::until("a completed job", async || {
            server.video(&job["id"]).await["status"] == "completed"
        })
        .await;
    }
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_running_job_frees_its_gpu() {
    let server = Server::start().await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let job =
        server.submit(json!({ "prompt": "a long walk", "model": "pro", "size": "1920x1080", "seconds": 6 })).await;
    clipmill_tests::process::until("a running job", async || server.video(&job["id"]).await["progress"] != 0).await;
    assert_eq!(server.env.idle_gpus(), 0);
    let (_, cancelled) = answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])))).await;
    assert_eq!(cancelled["status"], "cancelled");
    clipmill_tests::process::until("an idle GPU", async || server.env.idle_gpus() == 1).await;
    let next = server.submit_small().await;
    clipmill_tests::process::until("the next job", async || server.video(&next["id"]).await["status"] == "completed")
        .await;
    assert_eq!(server.video(&job["id"]).await["status"], "cancelled");
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
    server.age_timers().await;
    server.expire().await;
    assert!(server.objects(&job["id"]).await.is_empty());
}
