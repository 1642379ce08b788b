//! The customers: they know both APIs, and ask the other one when one does not answer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clipmill_shared::db::PgPool;
use clipmill_tests::Receiver;
use clipmill_tests::server::text;
use futures::future::try_join_all;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::site::Site;

/// How long a customer waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// Customers that submit at the same time.
const CUSTOMERS: usize = 3;
/// They submit while fewer jobs wait, so that a worker always finds one.
const WAITING: i64 = 6;

/// Customers, and what they have submitted.
pub(crate) struct Clients {
    http: Client,
    pool: PgPool,
    addresses: [String; 2],
    key: String,
    webhook_url: String,
    next: AtomicUsize,
    unanswered: AtomicUsize,
    /// The id that each submit was answered with.
    jobs: Mutex<BTreeMap<usize, String>>,
}

impl Clients {
    /// Customers of a site, who want to be told there.
    pub(crate) fn new(site: &Site, receiver: &Receiver) -> Result<Self> {
        Ok(Self {
            http: Client::builder().timeout(PATIENCE).build()?,
            pool: site.pool.clone(),
            addresses: site.addresses(),
            key: site.key.reveal().to_owned(),
            webhook_url: receiver.url().to_owned(),
            next: AtomicUsize::default(),
            unanswered: AtomicUsize::default(),
            jobs: Mutex::default(),
        })
    }

    /// The id that each submit was answered with.
    pub(crate) fn jobs(&self) -> BTreeMap<usize, String> {
        self.jobs.lock().expect("the lock").clone()
    }

    /// How often a customer got no answer, and asked the other API.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::SeqCst)
    }

    /// Submits at least so many jobs, and goes on until it is over.
    pub(crate) async fn submit(&self, at_least: usize, over: &CancellationToken) -> Result<()> {
        try_join_all((0..CUSTOMERS).map(|_| self.go_on_submitting(at_least, over))).await.map(drop)
    }

    async fn go_on_submitting(&self, at_least: usize, over: &CancellationToken) -> Result<()> {
        loop {
            let waiting = "select count(*) from jobs where status = 'queued'";
            let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&self.pool).await?;
            if waiting >= WAITING {
                tokio::time::sleep(PAUSE).await;
            } else if over.is_cancelled() && self.next.load(Ordering::SeqCst) >= at_least {
                return Ok(());
            } else {
                let number = self.next.fetch_add(1, Ordering::SeqCst);
                let id = self.submit_one(number, number).await?;
                self.jobs.lock().expect("the lock").insert(number, id);
            }
        }
    }

    /// Submits everything once more, at the other API first: each answer has to be the same job.
    pub(crate) async fn submit_again(&self) -> Result<()> {
        for (number, job) in self.jobs() {
            let again = self.submit_one(number, number + 1).await?;
            ensure!(again == job, "submit {number} gave {job}, and then {again}");
        }
        Ok(())
    }

    /// Fetches every video.
    pub(crate) async fn download(&self) -> Result<()> {
        for (number, job) in self.jobs() {
            let answer = self.ask(number, |api| self.http.get(format!("{api}/v1/videos/{job}/content"))).await?;
            ensure!(answer.bytes().await?.get(4..8) == Some(b"ftyp"), "{job} is no MP4 file");
        }
        Ok(())
    }

    async fn submit_one(&self, number: usize, first: usize) -> Result<String> {
        let body = json!({
            "prompt": format!("a lighthouse, take {number}"), "model": "fast", "size": "640x360", "seconds": 1,
            "webhook_url": self.webhook_url,
        });
        let submit = |api: &str| {
            let request = self.http.post(format!("{api}/v1/videos")).header("idempotency-key", number.to_string());
            request.json(&body)
        };
        let video: Value = self.ask(first, submit).await?.json().await.context("an answer broke off")?;
        Ok(text(&video["id"]).to_owned())
    }

    /// Asks one API and the other in turns until one answers.
    async fn ask(&self, first: usize, request: impl Fn(&str) -> RequestBuilder) -> Result<Response> {
        let mut turn = first;
        loop {
            match request(&self.addresses[turn % 2]).bearer_auth(&self.key).send().await {
                Ok(answer) if !answer.status().is_server_error() => return Ok(answer.error_for_status()?),
                Ok(_) | Err(_) => self.unanswered.fetch_add(1, Ordering::SeqCst),
            };
            turn += 1;
        }
    }
}
