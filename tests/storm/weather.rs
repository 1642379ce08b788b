//! The storm itself: strikes one after the other, on workers, on Postgres, and on jobs.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clipmill_tests::Server;
use clipmill_tests::cluster::Cluster;
use clipmill_tests::server::{answer, text};
use reqwest::Method;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::clients::Clients;
use crate::fleet::{self, Fleet};
use crate::plan::{Fault, KINDS, Strike};

/// How long a neighbour holds its snapshot.
const SNAPSHOT: Duration = Duration::from_secs(5);
/// Connections that a greedy neighbour takes; the server has 200.
const GREED: usize = 170;
/// How long it keeps them.
const GREED_LASTS: Duration = Duration::from_secs(1);

/// A storm over a service.
pub(crate) struct Weather<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) server: &'a Server,
    pub(crate) clients: &'a Clients<'a>,
    pub(crate) fleet: Fleet<'a>,
    /// How often each thing happened.
    pub(crate) tally: BTreeMap<Fault, usize>,
    /// Jobs that somebody wanted deleted, whatever the answer was.
    pub(crate) unwanted: HashSet<String>,
    /// The job whose workers are killed again and again.
    victim: Option<uuid::Uuid>,
    neighbours: JoinSet<()>,
}

impl<'a> Weather<'a> {
    /// Fair weather.
    pub(crate) fn new(cluster: &'a Cluster, server: &'a Server, clients: &'a Clients<'a>, fleet: Fleet<'a>) -> Self {
        let (tally, unwanted, neighbours) = (BTreeMap::new(), HashSet::new(), JoinSet::new());
        Self { cluster, server, clients, fleet, tally, unwanted, victim: None, neighbours }
    }

    /// Lets everything of the plan happen until `end`, and every kind of fault at least once.
    pub(crate) async fn rage(&mut self, plan: impl Iterator<Item = Strike>, end: Instant) -> Result<()> {
        for strike in plan {
            self.fleet.tend().await?;
            self.strike(strike).await?;
            *self.tally.entry(strike.fault).or_default() += 1;
            tokio::time::sleep(strike.pause).await;
            if Instant::now() >= end && self.tally.len() == KINDS {
                break;
            }
        }
        self.fleet.wake().await?;
        while self.neighbours.join_next().await.is_some() {}
        Ok(())
    }

    /// Waits until every job has ended, and says how long that took.
    pub(crate) async fn calm(&mut self, patience: Duration) -> Result<Duration> {
        let started = Instant::now();
        while started.elapsed() < patience {
            self.fleet.tend().await?;
            let left = "select count(*) from jobs where status in ('queued', 'in_progress')";
            if sqlx::query_scalar::<_, i64>(left).fetch_one(&self.server.pool).await.ok() == Some(0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(started.elapsed())
    }

    async fn strike(&mut self, Strike { fault, index, .. }: Strike) -> Result<()> {
        match fault {
            Fault::KillWorker => self.fleet.replace(index, "-KILL").await,
            Fault::KillWorkerOfOneJobAgain => self.kill_worker_of_victim().await,
            Fault::TerminateWorker => self.fleet.replace(index, "-TERM").await,
            Fault::PauseWorker => self.fleet.pause(index).await,
            Fault::CutConnections => self.cut_connections().await,
            Fault::CrashPostgres => self.crash_postgres().await,
            Fault::RestartPostgres => {
                self.cluster.restart().await;
                Ok(())
            }
            Fault::HoldSnapshot => {
                self.neighbours.spawn(hold_snapshot(self.server.database_url.clone()));
                Ok(())
            }
            Fault::TakeConnections => {
                self.neighbours.spawn(take_connections(self.server.database_url.clone()));
                Ok(())
            }
            Fault::Cancel => self.ask(Method::POST, index, "/cancel").await,
            Fault::Delete => self.ask(Method::DELETE, index, "").await,
        }
    }

    async fn ask(&mut self, method: Method, index: usize, below: &str) -> Result<()> {
        let jobs = self.clients.jobs();
        let Some(job) = jobs.get(index % jobs.len().max(1)) else { return Ok(()) };
        if method == Method::DELETE {
            self.unwanted.insert(text(job).to_owned());
        }
        answer(self.server.request(method, &format!("/v1/videos/{}{below}", text(job)))).await;
        Ok(())
    }

    /// The same job's worker is killed until that job has ended; then it is another's turn.
    async fn kill_worker_of_victim(&mut self) -> Result<()> {
        let running =
            "select id, worker from jobs where status = 'in_progress' order by id = $1 desc nulls last, id limit 1";
        let running = sqlx::query_as(running).bind(self.victim).fetch_optional(&self.server.pool).await;
        // Postgres may be away at the moment.
        let Ok(Some((id, worker))) = running else { return Ok(()) };
        let worker: Option<String> = worker;
        self.victim = Some(id);
        self.fleet.kill(&worker.unwrap_or_default()).await.map(drop)
    }

    async fn cut_connections(&self) -> Result<()> {
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
        // The statement's own connection may be among those that were just cut by another fault.
        let _ = sqlx::query(cut).execute(&self.server.pool).await;
        Ok(())
    }

    /// A backend that dies takes all others with it: Postgres restarts itself and recovers.
    async fn crash_postgres(&self) -> Result<()> {
        let Ok(pid) = sqlx::query_scalar::<_, i32>("select pg_backend_pid()").fetch_one(&self.server.pool).await else {
            return Ok(());
        };
        fleet::signal("-KILL", u32::try_from(pid).context("a process id")?).await
    }
}

/// A neighbour that looked once and forgot to end its transaction: nothing that goes meanwhile can be cleared away.
async fn hold_snapshot(url: String) {
    let Ok(mut connection) = PgConnection::connect(&url).await else { return };
    let look = "begin isolation level repeatable read; select count(*) from jobs, removals";
    if sqlx::raw_sql(look).execute(&mut connection).await.is_ok() {
        tokio::time::sleep(SNAPSHOT).await;
    }
}

/// A neighbour that takes most of the connections which the server has.
async fn take_connections(url: String) {
    let mut taking = JoinSet::new();
    for _ in 0..GREED {
        let url = url.clone();
        taking.spawn(async move { PgConnection::connect(&url).await });
    }
    let taken = taking.join_all().await;
    tokio::time::sleep(GREED_LASTS).await;
    drop(taken);
}
