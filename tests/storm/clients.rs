//! The customers of a storm: they submit until they get an answer.

use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use clipmill_tests::server::answer;
use clipmill_tests::{Receiver, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const PAUSE: Duration = Duration::from_millis(50);

/// Customers, and the ids of what they have submitted.
pub(crate) struct Clients<'a> {
    server: &'a Server,
    receiver: &'a Receiver,
    jobs: Mutex<Vec<Value>>,
    /// Submits whose repetition gave another job.
    doubled: Mutex<usize>,
}

impl<'a> Clients<'a> {
    /// Customers of a service, who want to be told there.
    pub(crate) fn new(server: &'a Server, receiver: &'a Receiver) -> Self {
        Self { server, receiver, jobs: Mutex::default(), doubled: Mutex::default() }
    }

    /// The ids of what was submitted so far.
    pub(crate) fn jobs(&self) -> Vec<Value> {
        self.jobs.lock().expect("the lock").clone()
    }

    /// How many submits gave two jobs.
    pub(crate) fn doubled(&self) -> usize {
        *self.doubled.lock().expect("the lock")
    }

    /// Submits the jobs of these numbers, each twice, as a client does that got no answer.
    pub(crate) async fn submit(&self, numbers: Range<usize>) {
        for number in numbers {
            let (first, again) = (self.submit_one(number).await, self.submit_one(number).await);
            *self.doubled.lock().expect("the lock") += usize::from(first != again);
            self.jobs.lock().expect("the lock").push(first);
        }
    }

    async fn submit_one(&self, number: usize) -> Value {
        let body = json!({
            "prompt": format!("storm over the sea, take {number}"), "size": "256x144", "seconds": 2,
            "webhook_url": self.receiver.url(),
        });
        loop {
            let request = self.server.request(Method::POST, "/v1/videos").header("idempotency-key", number.to_string());
            match answer(request.json(&body)).await {
                (StatusCode::OK, video) => return video["id"].clone(),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
