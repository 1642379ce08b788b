//! The `notify` worker: tells customers' endpoints what happened, as Standard Webhooks 1.0.0 has it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apalis::prelude::Data;
use clipmill_shared::db;
use clipmill_shared::secret::WebhookSecret;
use clipmill_shared::vault::VaultError;
use clipmill_shared::webhooks::log::{Entry, Silence};
use clipmill_shared::webhooks::message::{self, Message};
use clipmill_shared::webhooks::outbox::{self, Delivery, Outcome, Tried};
use clipmill_shared::webhooks::sign;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::env::{Env, WEBHOOK_TIMEOUT};
use crate::feed::{Source, wait};

const BATCH: i64 = 100;
const POLL: Duration = Duration::from_secs(1);
/// In this time a claimed delivery is settled, or it is due again: its batch may wait a few time-outs long.
const PATIENCE: Duration = Duration::from_secs(WEBHOOK_TIMEOUT.as_secs() * 6);
/// How long a delivery under way may go on when the process shall end.
const GRACE: Duration = Duration::from_secs(3);
/// How long a delivery rests that cannot be signed: as long as the event is ago, but within this.
const UNSIGNED_PAUSE: RangeInclusive<Duration> = Duration::from_secs(30)..=Duration::from_secs(600);
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
            release(&self.env, &delivery, Duration::ZERO).await;
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
        match delivery.secrets(&env.vault) {
            Ok(secrets) => try_to_tell(env, delivery, &secrets).await,
            Err(error) => postpone(env, &delivery, &error).await,
        }
    }
    .instrument(span)
    .await;
}

async fn try_to_tell(env: &Env, delivery: Delivery, secrets: &[WebhookSecret]) {
    let (message, started) = (delivery.message(), Instant::now());
    let answer = tokio::select! {
        answer = send(env, &delivery, &message, secrets) => answer,
        () = stopping(env) => Err(Silence::Interrupted),
    };
    let duration = started.elapsed();
    let (outcome, status) = judge(&delivery, &answer);
    info!(?outcome, status, "Tried a webhook");
    metrics::counter!("clipmill_webhook_attempts_total", "delivered" => (outcome == Outcome::Delivered).to_string())
        .increment(1);
    let entry = entry(env, &delivery, &message, duration, answer).await.map(Box::new);
    settle(env, Tried { id: delivery.id, attempt: delivery.attempt, outcome, status, entry }).await;
}

/// A delivery that cannot be signed waits until it can be: neither it nor its endpoint is at fault.
async fn postpone(env: &Env, delivery: &Delivery, error: &VaultError) {
    let pause = delivery.age().clamp(*UNSIGNED_PAUSE.start(), *UNSIGNED_PAUSE.end());
    error!(%error, ?pause, "Could not sign a webhook, it waits");
    release(env, delivery, pause).await;
}

/// Gives a delivery back; the try does not count.
async fn release(env: &Env, delivery: &Delivery, pause: Duration) {
    if let Err(error) = db::within(outbox::release(&env.pool, delivery, pause)).await {
        warn!(delivery.id = %delivery.id, %error, "Could not give a webhook back, it is due again by itself");
    }
}

/// Ends a while after the wish to stop.
async fn stopping(env: &Env) {
    env.stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

async fn send(
    env: &Env,
    delivery: &Delivery,
    message: &Message,
    secrets: &[WebhookSecret],
) -> Result<Response, Silence> {
    let signatures = message.signatures(secrets, env.config.signing.webhook_signing_key.as_ref());
    let request = message.request(&env.outbound, &delivery.url, signatures).map_err(|_| Silence::Refused)?;
    request.send().await.map_err(Silence::from)
}

/// What an answer means: 2xx is success, 410 ends it, everything else is tried again.
fn judge(delivery: &Delivery, answer: &Result<Response, Silence>) -> (Outcome, Option<u16>) {
    match answer {
        Ok(response) if response.status().is_success() => (Outcome::Delivered, Some(response.status().as_u16())),
        Ok(response) if response.status() == StatusCode::GONE => (Outcome::GivenUp, Some(response.status().as_u16())),
        Ok(response) => (again(delivery, retry_after(response)), Some(response.status().as_u16())),
        Err(Silence::Unreachable | Silence::TimedOut) => (again(delivery, None), None),
        Err(Silence::Interrupted) => (Outcome::Again(Duration::ZERO), None),
        Err(Silence::Refused) => (Outcome::GivenUp, None),
    }
}

fn again(delivery: &Delivery, asked: Option<Duration>) -> Outcome {
    match sign::retry_pause(delivery.round, rand::random()) {
        Some(pause) => Outcome::Again(pause.max(asked.unwrap_or_default())),
        None => Outcome::GivenUp,
    }
}

/// What the log keeps, for an endpoint of the account: the `webhook_url` of a single job has no log.
async fn entry(
    env: &Env,
    delivery: &Delivery,
    message: &Message,
    duration: Duration,
    answer: Result<Response, Silence>,
) -> Option<Entry> {
    let entry = Entry::new(delivery.endpoint_id?, &delivery.url, message, duration);
    Some(match answer {
        Ok(response) => entry.answered(tokio::select! {
            body = message::read_excerpt(response) => body,
            () = stopping(env) => String::new(),
        }),
        Err(silence) => entry.unanswered(silence),
    })
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

async fn settle(env: &Env, tried: Tried) {
    let id = tried.id;
    if env.tries.ask(tried).await.is_err() {
        warn!(delivery.id = %id, "Could not settle a webhook, it will be tried again");
    }
}
