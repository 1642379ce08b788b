//! Polls over HTTP, against Postgres reading the same rows and nothing else.

use std::net::SocketAddr;

use anyhow::Result;
use clipmill_shared::id::JobId;
use rand::RngExt as _;
use uuid::Uuid;

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::ledger;
use crate::load::{self, Connection, Load};
use crate::pgbench::{self, Pgbench};
use crate::seed::{self, State};
use crate::service::{CONNECTIONS, Service};
use crate::stats::median;

/// Jobs that each connection asks for in turn.
const JOBS_A_CONNECTION: usize = 500;

/// What is asked for: a name, the requests of each connection, the status of every answer.
struct Question {
    name: String,
    lists: Vec<Vec<Vec<u8>>>,
    status: u16,
    loads: Vec<Load>,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let jobs: i64 = bench.sizes.pick(100_000, 1_000);
    let database = bench.database("bench_poll").await?;
    let key = fill(&database, jobs).await?;
    let service = Service::start(bench, &database).await?;
    let script =
        format!("\\set n random(1, {jobs})\nselect * from jobs where id = lpad(to_hex(:n::bigint), 32, '0')::uuid;\n");
    let pgbench = Pgbench::new(&database.url, &script).await?;
    let mut questions = vec![
        Question::new("poll, finished jobs".to_owned(), lists(&key, 1, jobs), 200),
        Question::new(format!("poll, queued jobs, {jobs} in the queue"), lists(&key, jobs + 1, jobs), 200),
    ];
    match unchanged(service.address, &key, jobs).await? {
        Some(lists) => questions.push(Question::new("poll, finished jobs, unchanged (304)".to_owned(), lists, 304)),
        None => eprintln!("Polls that find nothing new are left out: answers carry no ETag"),
    }
    let (window, mut bare) = (bench.sizes.window(), Vec::new());
    load::run(service.address, &questions[0].lists, window / 5, 200).await?;
    for _ in 0..bench.sizes.rounds() {
        bare.push(pgbench.run(window).await?.per_second);
        for question in &mut questions {
            question.loads.push(load::run(service.address, &question.lists, window, question.status).await?);
        }
    }
    Ok(questions.into_iter().map(|question| question.figure(median(&bare), bench)).collect())
}

/// As many finished as queued jobs of one account, whose key it gives.
async fn fill(database: &Database, jobs: i64) -> Result<String> {
    let (account, key) = ledger::account(&database.pool).await?;
    let accounts = [account.uuid()];
    seed::jobs(&database.pool, State::Finished, 1, jobs, &accounts).await?;
    seed::jobs(&database.pool, State::Queued, jobs + 1, jobs, &accounts).await?;
    seed::vacuum(&database.pool, "jobs").await?;
    Ok(key)
}

fn path(number: i64) -> String {
    format!("/v1/videos/{}", JobId::from(Uuid::from_u128(number as u128)))
}

/// Random ones of the jobs from `first` on, for each connection.
fn lists(key: &str, first: i64, jobs: i64) -> Vec<Vec<Vec<u8>>> {
    let mut random = rand::rng();
    let mut request = || load::get(&path(random.random_range(first..first + jobs)), key, None);
    (0..CONNECTIONS).map(|_| (0..JOBS_A_CONNECTION).map(|_| request()).collect()).collect()
}

/// The same with the ETag of an answer before, if answers have one.
async fn unchanged(address: SocketAddr, key: &str, jobs: i64) -> Result<Option<Vec<Vec<Vec<u8>>>>> {
    let mut connection = Connection::open(address).await?;
    let mut requests = Vec::new();
    for number in 1..=jobs.min(JOBS_A_CONNECTION as i64) {
        connection.ask(&load::get(&path(number), key, None)).await?;
        let Some(etag) = connection.header("etag") else { return Ok(None) };
        requests.push(load::get(&path(number), key, Some(etag)));
    }
    Ok(Some(vec![requests; CONNECTIONS as usize]))
}

impl Question {
    fn new(name: String, lists: Vec<Vec<Vec<u8>>>, status: u16) -> Self {
        Self { name, lists, status, loads: Vec::new() }
    }

    fn figure(self, reference: f64, bench: &Bench) -> Figure {
        let how = format!(
            "GET /v1/videos/{{id}} on {CONNECTIONS} kept-alive connections to the API in this process, random ids, p99 {:.1} ms, \
             against {} reading one whole row of jobs by its key; median of {} alternating runs of {:?}",
            median(&self.loads.iter().map(|load| load.p99_ms).collect::<Vec<_>>()),
            pgbench::HOW,
            bench.sizes.rounds(),
            bench.sizes.window(),
        );
        let value = median(&self.loads.iter().map(|load| load.per_second).collect::<Vec<_>>());
        Reading { name: self.name, value, unit: "polls/s", reference, how }.at_least(0.8)
    }
}
