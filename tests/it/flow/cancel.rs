//! How long a GPU goes on after a cancel.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::process::until;
use clipmill_tests::server::{answer, text};
use clipmill_worker::engine::{Engine, EngineError, FrameSink, Request, Watch};
use reqwest::{Method, StatusCode};

/// How long one step of the engine takes.
const STEP: Duration = Duration::from_millis(50);
/// What may come on top: the request, the transaction, the bell, the look at the lease.
const NEWS: Duration = Duration::from_millis(200);

/// An engine that never ends by itself, and notes when it began and when it saw that it shall stop.
#[derive(Default)]
struct Stepper {
    running: Mutex<bool>,
    stopped: Mutex<Vec<Instant>>,
}

impl Engine for Stepper {
    fn name(&self) -> &str {
        "stepper"
    }

    fn render(&self, _: &Request, watch: &Watch, _: &mut dyn FrameSink) -> Result<(), EngineError> {
        *self.running.lock().unwrap() = true;
        while !watch.stopped() {
            std::thread::sleep(STEP);
        }
        self.stopped.lock().unwrap().push(Instant::now());
        *self.running.lock().unwrap() = false;
        Err(EngineError::Stopped)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_stops_the_engine_within_a_step_and_a_fifth_of_a_second() {
    let engine = Arc::new(Stepper::default());
    let engines = Tier::ALL.into_iter().map(|tier| (tier, engine.clone() as Arc<dyn Engine>)).collect();
    let server = Server::with_engines(engines).await;
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    let mut delays = Vec::new();
    for number in 0..10 {
        let job = server.submit_small().await;
        until("a render under way", async || *engine.running.lock().unwrap()).await;
        let asked = Instant::now();
        let cancel = server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])));
        assert_eq!(answer(cancel).await.0, StatusCode::OK);
        until("the engine's stop", async || engine.stopped.lock().unwrap().len() > number).await;
        delays.push(engine.stopped.lock().unwrap()[number].duration_since(asked));
    }
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
    delays.sort();
    eprintln!("from cancel to stop: {delays:?}");
    assert!(delays[delays.len() / 2] <= STEP + NEWS, "the median of {delays:?}");
}
