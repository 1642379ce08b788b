use std::time::Duration;

use clipmill_shared::jobs::Failure;
use clipmill_shared::jobs::lease::{self, Ability, Lease, LeaseError};
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::Method;

const LEASE: Duration = Duration::from_secs(30);

async fn claim(server: &Server, worker: &str) -> Lease {
    lease::claim(&server.pool, Ability::of(&Tier::ALL), worker, LEASE).await.unwrap().expect("a job")
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_cannot_change_the_job() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    let failure = Failure { code: "render_failed", message: "never".to_owned() };
    for end in ["renew", "complete", "fail", "retry", "release"] {
        let old = claim(&server, "old").await;
        server.age_leases().await;
        server.expire().await;
        server.age_timers().await;
        sqlx::query("update jobs set max_attempts = max_attempts + 1").execute(&server.pool).await.unwrap();
        let new = claim(&server, "new").await;
        assert!(new.job().attempt > old.job().attempt);
        let lost = match end {
            "renew" => old.renew(&server.pool, 50).await,
            "complete" => old.complete(&server.pool, &[]).await,
            "fail" => old.fail(&server.pool, &failure).await,
            "retry" => old.retry(&server.pool, Duration::ZERO).await,
            _ => old.release(&server.pool).await,
        };
        assert!(matches!(lost, Err(LeaseError::Lost)), "{end}");
        assert_eq!(server.video(&job["id"]).await["status"], "in_progress", "{end}");
        new.renew(&server.pool, 10).await.unwrap();
        new.release(&server.pool).await.unwrap();
    }
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
}

#[tokio::test]
async fn a_lapsed_lease_goes_back_with_a_pause_and_fails_when_its_attempts_are_spent() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    for attempt in 1..=3 {
        let _lapses = claim(&server, "dies").await;
        server.expire().await;
        assert_eq!(server.video(&job["id"]).await["status"], "in_progress", "a live lease is left alone");
        server.age_leases().await;
        server.expire().await;
        let status = server.video(&job["id"]).await["status"].clone();
        assert_eq!(status, if attempt < 3 { "queued" } else { "failed" });
        assert!(lease::claim(&server.pool, Ability::of(&Tier::ALL), "early", LEASE).await.unwrap().is_none());
        server.age_timers().await;
    }
    assert_eq!(server.video(&job["id"]).await["error"]["code"], "worker_lost");
}

#[tokio::test]
async fn a_released_attempt_does_not_count() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    for _ in 0..5 {
        claim(&server, "drains").await.release(&server.pool).await.unwrap();
    }
    server.render().await;
    let job = server.video(&job["id"]).await;
    assert_eq!((job["status"].as_str(), job["attempt"].as_i64()), (Some("completed"), Some(6)));
}

#[tokio::test]
async fn completing_again_after_the_answer_was_lost_is_no_loss() {
    let server = Server::start().await;
    let job = server.submit_small().await;
    server.render().await;
    let id: clipmill_shared::id::JobId = text(&job["id"]).parse().unwrap();
    let row = clipmill_shared::jobs::read::find(&server.pool, server.account, id).await.unwrap().unwrap();
    clipmill_shared::jobs::removal::discard(&server.pool, &row).await.unwrap();
    server.expire().await;
    assert_eq!(server.objects(&job["id"]).await.len(), 5, "what completed the job is not discarded");
}

#[tokio::test]
async fn a_job_that_is_cancelled_or_deleted_is_lost_to_its_worker() {
    let server = Server::start().await;
    for (method, below) in [(Method::POST, "/cancel"), (Method::DELETE, "")] {
        let job = server.submit_small().await;
        let lease = claim(&server, "works").await;
        answer(server.request(method, &format!("/v1/videos/{}{below}", text(&job["id"])))).await;
        assert!(matches!(lease.complete(&server.pool, &[]).await, Err(LeaseError::Lost)));
    }
}
