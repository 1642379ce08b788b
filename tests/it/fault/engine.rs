use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use clipmill_shared::outbound::OutboundConfig;
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::text;
use clipmill_worker::Env;
use clipmill_worker::config::WorkerConfig;
use clipmill_worker::engine::{Engine, EngineError, Frame, FrameSink, Request, Watch};
use reqwest::StatusCode;

/// What the engine does at an attempt.
#[derive(Clone, Copy)]
enum Act {
    Deliver,
    Fail,
    Panic,
    Reject,
    StopShort,
    Overrun,
    Linger,
}

/// An engine that goes through its acts, one an attempt, and repeats the last.
struct Actor {
    acts: Vec<Act>,
    attempts: AtomicU32,
}

impl Engine for Actor {
    fn name(&self) -> &str {
        "actor"
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst) as usize;
        let mut push = |count: u32| (0..count).try_for_each(|_| out.push(Frame::new(request.width, request.height)));
        watch.progress(1, 2);
        match self.acts[attempt.min(self.acts.len() - 1)] {
            Act::Deliver => push(request.frames),
            Act::Fail => push(3).and(Err(EngineError::Transient("out of memory".to_owned()))),
            Act::Panic => panic!("as the test wants it"),
            Act::Reject => Err(EngineError::Rejected("This engine draws no boats.".to_owned())),
            Act::StopShort => push(request.frames - 1),
            Act::Overrun => push(request.frames + 1),
            Act::Linger => {
                while !watch.stopped() {
                    std::thread::yield_now();
                }
                Err(EngineError::Stopped)
            }
        }
    }
}

async fn server(acts: &[Act]) -> Server {
    let engine: Arc<dyn Engine> = Arc::new(Actor { acts: acts.to_vec(), attempts: AtomicU32::new(0) });
    Server::with_engines(Tier::ALL.into_iter().map(|tier| (tier, engine.clone())).collect()).await
}

#[tokio::test]
async fn an_attempt_that_went_wrong_is_made_again_after_a_pause() {
    for act in [Act::Fail, Act::Panic, Act::StopShort, Act::Overrun] {
        let server = server(&[act, Act::Deliver]).await;
        let job = server.submit_small().await;
        server.render().await;
        let waiting = server.video(&job["id"]).await;
        assert_eq!((waiting["status"].as_str(), &waiting["error"]), (Some("queued"), &serde_json::Value::Null));
        assert!(!clipmill_worker::pull::step(&server.env).await.unwrap(), "not before its pause is over");
        server.age_timers().await;
        server.render().await;
        let done = server.video(&job["id"]).await;
        assert_eq!((done["status"].as_str(), done["attempt"].as_i64()), (Some("completed"), Some(2)));
        server.expire().await;
        assert_eq!(server.objects(&job["id"]).await.len(), 5);
    }
}

#[tokio::test]
async fn a_job_whose_attempts_are_spent_fails_in_words_for_the_customer() {
    let server = server(&[Act::Fail]).await;
    let job = server.submit_small().await;
    for _ in 0..3 {
        server.render().await;
        server.age_timers().await;
    }
    assert!(!clipmill_worker::pull::step(&server.env).await.unwrap());
    let failed = server.video(&job["id"]).await;
    assert_eq!((failed["status"].as_str(), failed["error"]["code"].as_str()), (Some("failed"), Some("render_failed")));
    assert!(!failed["error"]["message"].as_str().unwrap().contains("memory"), "what the engine said stays inside");
    let (status, body) = server.get(&format!("/v1/videos/{}/content", text(&job["id"]))).await;
    assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::NOT_FOUND, Some("video_has_no_content")));
}

#[tokio::test]
async fn a_rejected_request_fails_at_once() {
    let server = server(&[Act::Reject]).await;
    let job = server.submit_small().await;
    server.render().await;
    let failed = server.video(&job["id"]).await;
    assert_eq!((failed["error"]["code"].as_str(), failed["attempt"].as_i64()), (Some("rejected_by_engine"), Some(1)));
    assert_eq!(failed["error"]["message"], "This engine draws no boats.");
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_stopped_and_made_again() {
    let server = server(&[Act::Linger, Act::Deliver]).await;
    let config = WorkerConfig { attempt_seconds: 1, ..server.env.config.clone() };
    let outbound = OutboundConfig::unguarded();
    let (engines, stop) = (server.env.engines.clone(), server.env.stop.clone());
    let (pool, storage, vault) = (server.pool.clone(), server.storage.clone(), server.env.vault.clone());
    let hurried = Env::new(pool, storage, vault, engines, config, &outbound, stop).unwrap();
    let job = server.submit_small().await;
    assert!(clipmill_worker::pull::step(&Arc::new(hurried)).await.unwrap());
    assert_eq!(server.video(&job["id"]).await["status"], "queued");
    server.age_timers().await;
    server.render().await;
    assert_eq!(server.video(&job["id"]).await["status"], "completed");
}
