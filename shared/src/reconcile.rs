//! The store compared with the ledger, both ways: what the ledger says of what a page of the store holds, and of what it should hold.
//!
//! Whoever compares lists a page first and asks the ledger then: what the ledger does not know by that time did not come in between.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, NaiveTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::id::{AccountId, ExportId, FileId, JobId};
use crate::jobs::JobStatus;
use crate::storage::key::{Owner, Part, Place};

mod expected;

pub use expected::{Expected, Kind, Range, clear, expected, mark};

/// What a comparison came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether it only looked.
    pub dry_run: bool,
    /// Objects that were looked at.
    pub objects: u64,
    /// Objects without a row, older than the grace time: they were removed, or would have been.
    pub orphans: u64,
    /// Their size together, in bytes.
    pub orphan_bytes: u64,
    /// Objects without a row that are younger than that.
    pub young_orphans: u64,
    /// Objects whose keys are none of ours: they are left alone.
    pub unknown: u64,
    /// Objects of accounts that this ledger never had, as those of another service in the same bucket: they are left alone.
    pub foreign: u64,
    /// Uploads older than the grace time that were begun and not finished: they were given up, or would have been. None where the
    /// store cannot list them.
    pub uploads: Option<u64>,
    /// Finished videos, files and archives that were looked for.
    pub rows: u64,
    /// Finished videos of which an object is missing.
    pub missing_videos: u64,
    /// Files whose object is missing.
    pub missing_files: u64,
    /// Archives whose object is missing.
    pub missing_exports: u64,
}

/// What the ledger knows of the owners of some keys.
#[derive(Debug)]
pub struct Known {
    /// The moment, by the ledger's clock.
    pub now: DateTime<Utc>,
    accounts: HashSet<AccountId>,
    jobs: HashMap<JobId, (AccountId, JobStatus, i32)>,
    others: HashSet<Place>,
    prefixes: HashMap<Uuid, Vec<String>>,
}

impl Known {
    /// Whether the ledger has the account, if only as one that was deleted.
    pub fn has(&self, account: AccountId) -> bool {
        self.accounts.contains(&account)
    }

    /// Whether a row stands for the object, or will take it away.
    pub fn covers(&self, key: &str, place: &Place, part: Part) -> bool {
        let owner = match place.owner {
            Owner::Job(job) => self.jobs.get(&job).is_some_and(|(account, status, attempt)| {
                let is_live = matches!(status, JobStatus::InProgress | JobStatus::Completed);
                *account == place.account && (part == Part::Source || is_live && part == Part::Attempt(*attempt))
            }),
            Owner::File(_) | Owner::Export(_) => self.others.contains(place),
        };
        let goes = |owner: Uuid| self.prefixes.get(&owner).into_iter().flatten().any(|prefix| key.starts_with(prefix));
        owner || goes(place.owner.uuid()) || goes(place.account.uuid())
    }
}

/// What the ledger knows of these owners, as of now.
pub async fn known(pool: &PgPool, places: &[Place]) -> Result<Known, sqlx::Error> {
    let now = sqlx::query_scalar!(r#"select now() as "now!""#).fetch_one(pool).await?;
    let ids: Vec<Uuid> = places.iter().map(|place| place.owner.uuid()).collect();
    let jobs = sqlx::query!(
        r#"
        select id as "id: JobId", account_id as "account_id: AccountId", status as "status: JobStatus", attempt
        from jobs where id = any($1)
        "#,
        &ids,
    );
    let jobs = jobs.fetch_all(pool).await?.into_iter();
    let files = sqlx::query!(
        r#"select id as "id: FileId", account_id as "account_id: AccountId" from files where id = any($1)"#,
        &ids,
    );
    let files = files.fetch_all(pool).await?.into_iter();
    let exports = sqlx::query!(
        r#"
        select id as "id: ExportId", account_id as "account_id: AccountId" from exports
        where id = any($1) and state in ('queued', 'in_progress', 'completed')
        "#,
        &ids,
    );
    let exports = exports.fetch_all(pool).await?.into_iter();
    let files = files.map(|row| Place { account: row.account_id, owner: Owner::File(row.id) });
    let exports = exports.map(|row| Place { account: row.account_id, owner: Owner::Export(row.id) });
    let owners: Vec<Uuid> =
        places.iter().map(|place| place.account.uuid()).collect::<HashSet<_>>().into_iter().collect();
    let accounts = sqlx::query_scalar!(r#"select id as "id: AccountId" from accounts where id = any($1)"#, &owners);
    Ok(Known {
        now,
        accounts: accounts.fetch_all(pool).await?.into_iter().collect(),
        jobs: jobs.map(|row| (row.id, (row.account_id, row.status, row.attempt))).collect(),
        others: files.chain(exports).collect(),
        prefixes: prefixes(pool, [ids, owners].concat()).await?,
    })
}

/// What is to be removed anyway, by the owner of the timer: a job, a file, an archive, or the account as a whole.
async fn prefixes(pool: &PgPool, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Vec<String>>, sqlx::Error> {
    let rows = sqlx::query!("select job_id, prefix from removals where job_id = any($1)", &ids).fetch_all(pool).await?;
    let mut prefixes: HashMap<Uuid, Vec<String>> = HashMap::new();
    for row in rows {
        prefixes.entry(row.job_id).or_default().push(row.prefix);
    }
    Ok(prefixes)
}

/// Keeps everybody else from comparing until it ends, in whatever way.
pub struct Turn(PgConnection);

impl Turn {
    /// Lets the next one compare at once.
    pub async fn end(mut self) -> Result<(), sqlx::Error> {
        let unlock = sqlx::query_scalar!("select pg_advisory_unlock(hashtextextended('reconcile', 0))");
        unlock.fetch_one(&mut self.0).await.map(drop)
    }
}

/// Takes the turn to compare. None while somebody else has it.
pub async fn take_turn(pool: &PgPool) -> Result<Option<Turn>, sqlx::Error> {
    // Not given back to the pool: when it is closed, in whatever way, Postgres lets go of the lock.
    let mut connection = pool.acquire().await?.detach();
    let taken = sqlx::query_scalar!(r#"select pg_try_advisory_lock(hashtextextended('reconcile', 0)) as "taken!""#);
    let taken = taken.fetch_one(&mut connection).await?;
    Ok(taken.then_some(Turn(connection)))
}

/// Whether it is the time of day, in UTC, or not longer past it than `slack`, and nobody has compared since.
pub async fn is_due(pool: &PgPool, at: NaiveTime, slack: Duration) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        with today as (select date_trunc('day', now() at time zone 'UTC') + $1::time as at),
        latest as (
            select case when at <= now() at time zone 'UTC' then at else at - interval '1 day' end at time zone 'UTC' as at from today
        )
        select now() < at + make_interval(secs => $2)
            and not exists (select from reconciliations where started_at >= at) as "is_due!"
        from latest
        "#,
        at,
        slack.as_secs_f64(),
    )
    .fetch_one(pool)
    .await
}

/// Notes that a comparison begins, and forgets those of more than a month ago.
pub async fn begin(pool: &PgPool) -> Result<Uuid, sqlx::Error> {
    sqlx::query!("delete from reconciliations where started_at < now() - interval '31 days'").execute(pool).await?;
    sqlx::query_scalar!("insert into reconciliations (id) values (uuid_v7()) returning id").fetch_one(pool).await
}

/// Notes what it came to.
pub async fn finish(pool: &PgPool, id: Uuid, report: &Report) -> Result<(), sqlx::Error> {
    let report = serde_json::to_value(report).unwrap_or_default();
    sqlx::query!("update reconciliations set finished_at = now(), report = $2 where id = $1", id, report)
        .execute(pool)
        .await
        .map(drop)
}

/// Nothing came of a comparison: another may be made in the same night.
pub async fn give_up(pool: &PgPool, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from reconciliations where id = $1", id).execute(pool).await.map(drop)
}
