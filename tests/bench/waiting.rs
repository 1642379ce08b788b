//! Clients that wait: what they cost while nothing happens, how soon they are told, and what others notice of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clipmill_shared::db::PgPool;
use clipmill_shared::id::{AccountId, JobId};
use clipmill_shared::jobs::cancel;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::ledger::{self, PROMPT};
use crate::load::{self, Load};
use crate::seed::{self, State};
use crate::service::Service;
use crate::stats::{median, quantile};

/// Clients that follow one job.
const FOLLOWERS_A_JOB: i64 = 10;
/// Where the ids of jobs that have ended begin.
const FINISHED: i64 = 1_000_000;
/// How long a client waits that asks again in place of waiting.
const POLL_PAUSE_MS: f64 = 1000.0;
/// A connection that rests has what it did counted within ten seconds.
const COUNTED_SECONDS: u64 = 12;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.database("bench_waiting").await?;
    let (account, key) = ledger::account(&database.pool).await?;
    let (crowd, jobs) = (bench.sizes.pick(5_000, 50), bench.sizes.pick(100_000, 1_000));
    seed::jobs(&database.pool, State::Queued, 1, crowd / FOLLOWERS_A_JOB, &[account.uuid()]).await?;
    seed::jobs(&database.pool, State::Finished, FINISHED, jobs, &[account.uuid()]).await?;
    seed::vacuum(&database.pool, "jobs").await?;
    let service = Service::start(bench, &database).await?;
    let mut figures = beside_others(bench, &service, &key, jobs).await?;
    figures.extend(by_themselves(bench, &database, &service, account, &key, crowd).await?);
    Ok(figures)
}

/// What other clients notice of two thousand that wait.
async fn beside_others(bench: &Bench, service: &Service, key: &str, jobs: i64) -> Result<Vec<Figure>> {
    let (crowd, clients) = (bench.sizes.pick(2_000, 20), bench.sizes.pick(200, 4));
    let body = json!({ "prompt": PROMPT, "model": "fast", "seconds": "4", "size": "720x1280", "seed": 7 }).to_string();
    let creates = vec![vec![load::post("/v1/videos", key, &body)]; clients / 2];
    let list = || (0..500).map(|_| load::get(&path(FINISHED + rand::random_range(0..jobs)), key, None)).collect();
    let retrieves: Vec<Vec<Vec<u8>>> = (0..clients / 2).map(|_| list()).collect();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..bench.sizes.rounds() {
        alone.push(both(service.address, &creates, &retrieves, bench.sizes.window()).await?);
        let followers = gather(service.address, key, crowd).await?;
        beside.push(both(service.address, &creates, &retrieves, bench.sizes.window()).await?);
        drop(followers);
    }
    let how = format!(
        "{clients} kept-alive connections, half of them creating and half retrieving, beside {crowd} that follow queued jobs by \
         server-sent events, against the same without those; every answer has to be 200; median of {} alternating runs of {:?}",
        bench.sizes.rounds(),
        bench.sizes.window(),
    );
    let p99 =
        |loads: &[[Load; 2]], which: usize| median(&loads.iter().map(|load| load[which].p99_ms).collect::<Vec<_>>());
    let figure = |name: &str, which: usize| {
        let (value, reference) = (p99(&beside, which), p99(&alone, which));
        Reading { name: name.to_owned(), value, unit: "ms", reference, how: how.clone() }.at_most(2.0)
    };
    Ok(vec![
        figure("create beside clients that wait, 99th percentile", 0),
        figure("retrieve beside clients that wait, 99th percentile", 1),
    ])
}

async fn both(
    address: SocketAddr,
    creates: &[Vec<Vec<u8>>],
    retrieves: &[Vec<Vec<u8>>],
    window: Duration,
) -> Result<[Load; 2]> {
    let (created, retrieved) =
        tokio::try_join!(load::run(address, creates, window, 200), load::run(address, retrieves, window, 200))?;
    Ok([created, retrieved])
}

/// What a crowd costs while nothing happens, and how soon each of it is told when something does.
async fn by_themselves(
    bench: &Bench,
    database: &Database,
    service: &Service,
    account: AccountId,
    key: &str,
    crowd: i64,
) -> Result<Vec<Figure>> {
    let followers = gather(service.address, key, crowd).await?;
    let listening =
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    let connections: i64 = sqlx::query_scalar(listening).fetch_one(&database.pool).await?;
    let window = bench.sizes.window() * 2;
    tokio::time::sleep(Duration::from_secs(bench.sizes.pick(COUNTED_SECONDS, 1))).await;
    let before = statements(&database.pool).await?;
    tokio::time::sleep(window).await;
    // One of them is the question itself.
    let asked = (statements(&database.pool).await? - before).max(1);
    let told_ms = tell(&database.pool, account, followers, crowd / FOLLOWERS_A_JOB).await?;

    let how = |what: &str| {
        format!("{crowd} clients that follow {} queued jobs by server-sent events; {what}", crowd / FOLLOWERS_A_JOB)
    };
    let listen = Reading {
        name: format!("{crowd} waiting clients, connections that listen"),
        value: connections as f64,
        unit: "connections",
        reference: 1.0,
        how: how("backends whose last statement is LISTEN"),
    };
    let quiet = Reading {
        name: format!("{crowd} waiting clients, statements while nothing happens"),
        value: asked as f64 / window.as_secs_f64(),
        unit: "statements/s",
        reference: crowd as f64 * 1000.0 / POLL_PAUSE_MS,
        how: how(&format!(
            "transactions that Postgres counted in {window:?}, one of which is this question, against as many that poll once a second"
        )),
    };
    let told = Reading {
        name: format!("{crowd} waiting clients, told of the end, 99th percentile"),
        value: quantile(&told_ms, 0.99),
        unit: "ms",
        reference: POLL_PAUSE_MS,
        how: how(
            "all jobs are cancelled one after the other; from the commit of a job's cancel to each of its clients having \
                  the event, against the usual pause between polls",
        ),
    };
    Ok(vec![listen.at_most(1.0), quiet.at_most(0.001), told.at_most(1.0)])
}

async fn statements(pool: &PgPool) -> Result<i64> {
    let counted = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()";
    Ok(sqlx::query_scalar(counted).fetch_one(pool).await?)
}

/// Cancels the jobs and says how long each follower took to know.
async fn tell(pool: &PgPool, account: AccountId, followers: Vec<Follower>, jobs: i64) -> Result<Vec<f64>> {
    let mut waiting = JoinSet::new();
    for follower in followers {
        waiting.spawn(follower.end());
    }
    let mut cancelled = Vec::new();
    for number in 1..=jobs {
        cancel::cancel(pool, account, job(number)).await?;
        cancelled.push(Instant::now());
    }
    let mut told_ms = Vec::new();
    while let Some(ended) = waiting.join_next().await {
        let (number, at) = ended??;
        let since = cancelled.get(number as usize - 1).context("a job that was cancelled")?;
        told_ms.push(at.saturating_duration_since(*since).as_secs_f64() * 1e3);
    }
    Ok(told_ms)
}

fn job(number: i64) -> JobId {
    JobId::from(Uuid::from_u128(number as u128))
}

fn path(number: i64) -> String {
    format!("/v1/videos/{}", job(number))
}

/// So many clients, each of which has been told how its job stands.
async fn gather(address: SocketAddr, key: &str, crowd: i64) -> Result<Vec<Follower>> {
    let mut followers = Vec::new();
    for number in 0..crowd {
        followers.push(Follower::open(address, key, number / FOLLOWERS_A_JOB + 1).await?);
    }
    Ok(followers)
}

/// A client that follows a job.
struct Follower {
    number: i64,
    stream: TcpStream,
}

impl Follower {
    async fn open(address: SocketAddr, key: &str, number: i64) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&load::get(&format!("{}/events", path(number)), key, None)).await?;
        let mut follower = Self { number, stream };
        follower.read_to("event: status").await?;
        Ok(follower)
    }

    /// Which job has ended, and when it was told so.
    async fn end(mut self) -> Result<(i64, Instant)> {
        self.read_to("event: video.").await?;
        Ok((self.number, Instant::now()))
    }

    async fn read_to(&mut self, words: &str) -> Result<()> {
        let mut text = Vec::new();
        while !text.windows(words.len()).any(|window| window == words.as_bytes()) {
            if self.stream.read_buf(&mut text).await? == 0 {
                bail!("the stream ended: {}", String::from_utf8_lossy(&text));
            }
        }
        Ok(())
    }
}
