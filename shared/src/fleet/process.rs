//! Worker processes: where they run, on what, and what they do.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use crate::tier::Tier;

/// Most processes that a list shows.
const LIST_MAX: i64 = 1000;

/// How far a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its engine gets ready.
    WarmingUp,
    /// It works.
    Ready,
    /// Its GPU is busy with a render that nobody wants any more and that cannot be stopped.
    Occupied,
    /// It takes nothing new and will end.
    Stopping,
    /// It has said nothing for half a minute.
    Silent,
}

/// What renders a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// The tier.
    pub tier: Tier,
    /// The engine's name.
    pub engine: String,
    /// The model, if it has one.
    pub model: Option<String>,
}

/// A GPU, as its driver sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// What it is called.
    pub name: String,
    /// Its memory, in bytes.
    pub memory_bytes: u64,
    /// How much of that is taken, by whomever.
    pub memory_used_bytes: u64,
    /// How much of the last moments it was at work, 0 to 100; none where the driver does not say.
    pub utilization_percent: Option<u32>,
    /// How warm it is; none where the driver does not say.
    pub temperature_celsius: Option<u32>,
}

/// Which process of the operating system one is: enough to tell later whether it still lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The boot of the machine and the namespace in which the number means this process.
    pub machine: String,
    /// Its number.
    pub pid: i32,
    /// Ticks from the boot to its start: a number that was given out again has another.
    pub started: i64,
}

/// What a process says of itself.
#[derive(Debug, Clone)]
pub struct Process {
    /// Unique for each start.
    pub name: String,
    /// The machine's name.
    pub host: String,
    /// The version of Clipmill.
    pub version: String,
    /// How far it is.
    pub state: State,
    /// What it renders with.
    pub engines: Vec<Engine>,
    /// What it encodes with, by codec.
    pub encoders: Value,
    /// What it renders on.
    pub gpus: Vec<Gpu>,
    /// Which process it is, where the operating system says so.
    pub identity: Option<Identity>,
}

/// A job that a process has in hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    /// The job.
    pub id: Uuid,
    /// Its tier.
    pub tier: Tier,
    /// Which try this is.
    pub attempt: i32,
    /// How far it is, 0 to 100.
    pub progress: i16,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

/// A process as an operator sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it said of itself last.
    pub process: Process,
    /// Whether it shall take no job.
    pub draining: bool,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it was heard of last.
    pub seen_at: DateTime<Utc>,
    /// What it has in hand.
    pub jobs: Vec<Work>,
}

/// Says that a process lives, and how.
pub async fn report(pool: &PgPool, process: &Process) -> Result<(), sqlx::Error> {
    let (state, identity) = (serde_json::to_value(process.state).unwrap_or_default(), process.identity.as_ref());
    sqlx::query!(
        r#"
        insert into worker_processes (name, host, version, state, engines, encoders, gpus, machine, pid, pid_started)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (name) do update set state = excluded.state, gpus = excluded.gpus, seen_at = now()
        "#,
        process.name,
        process.host,
        process.version,
        state.as_str().unwrap_or("ready"),
        Json(&process.engines) as _,
        process.encoders,
        Json(&process.gpus) as _,
        identity.map(|identity| &identity.machine),
        identity.map(|identity| identity.pid),
        identity.map(|identity| identity.started),
    )
    .execute(pool)
    .await
    .map(drop)
}

/// The processes that have the configured name `name` and whose numbers mean something on this machine: names, and which they are.
pub async fn of_machine(pool: &PgPool, name: &str, machine: &str) -> Result<Vec<(String, Identity)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select name, machine as "machine!", pid as "pid!", pid_started as "started!" from worker_processes
        where machine = $2 and left(name, -33) = $1 and pid is not null and pid_started is not null
        order by name limit $3
        "#,
        name,
        machine,
        LIST_MAX,
    );
    let known = rows.fetch_all(pool).await?.into_iter().map(|row| {
        let identity = Identity { machine: row.machine, pid: row.pid, started: row.started };
        (row.name, identity)
    });
    Ok(known.collect())
}

/// Says that a process has ended.
pub async fn leave(pool: &PgPool, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from worker_processes where name = $1", name).execute(pool).await.map(drop)
}

/// Forgets processes that fell silent a day ago.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from worker_processes where seen_at < now() - interval '1 day'").execute(pool).await.map(drop)
}

/// The processes, by name.
pub async fn list(pool: &PgPool) -> Result<Vec<Seen>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select process.name, host, version, engines as "engines: Json<Vec<Engine>>", encoders, gpus as "gpus: Json<Vec<Gpu>>",
            case when seen_at < now() - interval '30 seconds' then 'silent' else state end as "state!",
            exists (select from drains where drains.name in (process.name, left(process.name, -33))) as "draining!",
            started_at, seen_at, coalesce(jobs, '[]') as "jobs!: Json<Vec<Work>>"
        from worker_processes as process
        left join lateral (
            select jsonb_agg(jsonb_build_object('id', id, 'tier', tier, 'attempt', attempt,
                'progress', progress, 'since', claimed_at) order by claimed_at, id) as jobs
            from jobs where status = 'in_progress' and worker = process.name
        ) as work on true
        order by process.name limit $1
        "#,
        LIST_MAX,
    );
    let seen = rows.fetch_all(pool).await?.into_iter().map(|row| Seen {
        process: Process {
            name: row.name,
            host: row.host,
            version: row.version,
            state: serde_json::from_value(row.state.into()).unwrap_or(State::Ready),
            engines: row.engines.0,
            encoders: row.encoders,
            gpus: row.gpus.0,
            identity: None,
        },
        draining: row.draining,
        started_at: row.started_at,
        seen_at: row.seen_at,
        jobs: row.jobs.0,
    });
    Ok(seen.collect())
}
