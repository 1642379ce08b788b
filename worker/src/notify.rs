//! The `notify` worker: tells customers' endpoints what happened, as Standard Webhooks 1.0.0 has it.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::Data;
use clipmill_shared::db;
use clipmill_shared::webhooks::outbox::{self, Delivery, Outcome, Tried};
use clipmill_shared::webhooks::sign;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span, warn};

use crate::env::{Env, WEBHOOK_TIMEOUT};
use crate::feed::{Source, wait};

const BATCH: i64 = 100;
const POLL: Duration = Duration::from_secs(1);
/// In this time a claimed delivery is settled, or it is due again: its batch may wait a few time-outs long.
const PATIENCE: Duration = Duration::from_secs(WEBHOOK_TIMEOUT.as_secs() * 6);
/// How long a delivery under way may go on when the process shall end.
const GRACE: Duration = Duration::from_secs(3);
/// The longest pause that an endpoint may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// The deliveries that are due.
pub(crate) struct Outbox {
    env: Arc<Env>,
    bell: Mutex<watch::Receiver<()>>,
}

impl Outbox {
    /// The deliveries of the whole ledger.
    pub(crate) fn new(env: Arc<Env>) -> Self {
        let bell = Mutex::new(env.bells.outbox());
        Self { env, bell }
    }
}

impl Source for Outbox {
    type Item = Delivery;

    async fn fetch(&self, stop: &CancellationToken) -> Vec<Delivery> {
        let mut bell = self.bell.lock().await;
        loop {
            bell.mark_unchanged();
            match db::within(outbox::claim(&self.env.pool, BATCH, PATIENCE)).await {
                Ok(due) if !due.is_empty() => return due,
                Ok(_) => {}
                Err(error) => warn!(%error, "Could not look for webhooks that are due, trying again"),
            }
            if !wait(&mut bell, POLL, stop).await {
                return Vec::new();
            }
        }
    }

    async fn give_back(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            if let Err(error) = db::within(outbox::release(&self.env.pool, &delivery)).await {
                warn!(delivery.id = %delivery.id, %error, "Could not give a webhook back, it is due again by itself");
            }
        }
    }
}

/// Makes one try and writes down what came of it.
pub(crate) async fn deliver(delivery: Delivery, env: Data<Arc<Env>>) {
    attempt(&env, delivery).await;
}

/// Makes a try of every delivery that is due, and says how many there were. For tests and tools that go a step at a time.
pub async fn step(env: &Arc<Env>) -> anyhow::Result<usize> {
    let due = outbox::claim(&env.pool, BATCH, PATIENCE).await?;
    let count = due.len();
    for delivery in due {
        attempt(env, delivery).await;
    }
    Ok(count)
}

async fn attempt(env: &Env, delivery: Delivery) {
    let span = info_span!("delivery", delivery.id = %delivery.id, delivery.attempt, account.id = %delivery.account_id);
    async {
        let stopping = async {
            env.stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let (outcome, status) = tokio::select! {
            answer = send(env, &delivery) => judge(&delivery, &answer),
            () = stopping => (Outcome::Again(Duration::ZERO), None),
        };
        info!(?outcome, status, "Tried a webhook");
        metrics::counter!("clipmill_webhook_attempts_total", "delivered" => (outcome == Outcome::Delivered).to_string()).increment(1);
        settle(env, &delivery, outcome, status).await;
    }
    .instrument(span)
    .await;
}

/// Why there is no answer.
enum Silence {
    Refused,
    Unreachable,
}

async fn send(env: &Env, delivery: &Delivery) -> Result<Response, Silence> {
    let (id, timestamp, body) = (delivery.id.to_string(), delivery.now().timestamp(), delivery.body.to_string());
    let request = env.outbound.request(Method::POST, &delivery.url).map_err(|_| Silence::Refused)?;
    let request = request
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-signature", sign::signature(&delivery.secret, &id, timestamp, body.as_bytes()))
        .header("webhook-timestamp", timestamp)
        .header("webhook-id", id);
    request.body(body).send().await.map_err(|_| Silence::Unreachable)
}

/// What an answer means: 2xx is success, 410 ends it, everything else is tried again.
fn judge(delivery: &Delivery, answer: &Result<Response, Silence>) -> (Outcome, Option<u16>) {
    match answer {
        Ok(response) if response.status().is_success() => (Outcome::Delivered, Some(response.status().as_u16())),
        Ok(response) if response.status() == StatusCode::GONE => (Outcome::GivenUp, Some(response.status().as_u16())),
        Ok(response) => (again(delivery, retry_after(response)), Some(response.status().as_u16())),
        Err(Silence::Unreachable) => (again(delivery, None), None),
        Err(Silence::Refused) => (Outcome::GivenUp, None),
    }
}

fn again(delivery: &Delivery, asked: Option<Duration>) -> Outcome {
    match sign::retry_pause(delivery.attempt, rand::random()) {
        Some(pause) => Outcome::Again(pause.max(asked.unwrap_or_default())),
        None => Outcome::GivenUp,
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

async fn settle(env: &Env, delivery: &Delivery, outcome: Outcome, status: Option<u16>) {
    let tried = Tried { id: delivery.id, attempt: delivery.attempt, outcome, status };
    if env.tries.ask(tried).await.is_err() {
        warn!(delivery.id = %delivery.id, "Could not settle a webhook, it will be tried again");
    }
}
