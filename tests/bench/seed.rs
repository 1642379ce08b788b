//! Many rows by few statements.

use anyhow::Result;
use clipmill_shared::db::PgPool;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// Rows that one transaction writes.
const BATCH: i64 = 1_000_000;

/// In which state seeded jobs are: the columns that go with it, and their values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum State {
    /// Waiting, in turns of the accounts.
    Queued,
    /// Completed a while ago.
    Finished,
    /// Completed, with a video whose time is over.
    Due,
}

impl State {
    fn columns(self) -> (&'static str, &'static str) {
        match self {
            State::Queued => ("status", "'queued'"),
            State::Finished => (
                "status, attempt, progress, started_at, finished_at, expires_at, outputs",
                "'completed', 1, 100, now(), now(), now() + interval '1 day', '[]'",
            ),
            State::Due => (
                "status, attempt, progress, started_at, finished_at, expires_at, outputs",
                r#"'completed', 1, 100, now(), now(), now(), '[{"variant": "video", "file_name": "video.mp4", "content_type": "video/mp4",
                    "size_bytes": 1, "sha256": "", "width": 64, "height": 64}]'"#,
            ),
        }
    }
}

/// This many accounts that may queue as much as they like.
pub(crate) async fn accounts(pool: &PgPool, count: usize) -> Result<Vec<Uuid>> {
    let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    sqlx::query(
        "insert into accounts (id, name, webhook_secret, max_queued)
            select id, 'bench', decode(repeat('07', 32), 'hex'), null from unnest($1) as id",
    )
    .bind(&ids)
    .execute(pool)
    .await?;
    Ok(ids)
}

/// Writes `count` jobs of these accounts, whose ids are the numbers from `first` on; every fourth is of the tier Pro.
pub(crate) async fn jobs(pool: &PgPool, state: State, first: i64, count: i64, accounts: &[Uuid]) -> Result<()> {
    let (columns, values) = state.columns();
    let statement = format!(
        "insert into jobs (id, account_id, tier, mode, model, prompt, width, height, seconds, fps, seed,
            retention_seconds, fingerprint, virtual_start, {columns})
        select lpad(to_hex(n), 32, '0')::uuid, ($3::uuid[])[n % cardinality($3::uuid[]) + 1],
            (case n % 4 when 0 then 'pro' else 'fast' end)::tier, 'text_to_video', 'fast', 'A red boat on a calm sea',
            64, 64, 1, 8, 7, 86400, decode(repeat('07', 32), 'hex'), n / cardinality($3::uuid[]), {values}
        from generate_series($1::bigint, $1::bigint + $2::bigint - 1) as n"
    );
    let mut written = 0;
    while written < count {
        let batch = BATCH.min(count - written);
        let mut tx = pool.begin().await?;
        // Neither foreign keys nor the disk are what is measured here.
        sqlx::query("set local session_replication_role = replica").execute(&mut *tx).await?;
        sqlx::query("set local synchronous_commit = off").execute(&mut *tx).await?;
        let insert = sqlx::query(AssertSqlSafe(statement.as_str()));
        insert.bind(first + written).bind(batch).bind(accounts).execute(&mut *tx).await?;
        tx.commit().await?;
        written += batch;
    }
    Ok(())
}

/// Writes `count` completed jobs, each with an event and a delivery that is due.
pub(crate) async fn deliveries(pool: &PgPool, count: i64, account: Uuid) -> Result<()> {
    jobs(pool, State::Finished, 1, count, &[account]).await?;
    for statement in [
        "insert into events (id, account_id, job_id, kind) select id, account_id, id, 'video.completed' from jobs",
        "insert into deliveries (id, account_id, event_id, url)
            select id, account_id, id, 'http://127.0.0.1:1/hook' from events",
    ] {
        sqlx::query(statement).execute(pool).await?;
    }
    Ok(())
}

/// Writes a timer that is due for each of these jobs.
pub(crate) async fn timers(pool: &PgPool, first: i64, count: i64) -> Result<()> {
    let timers = "insert into removals (id, account_id, job_id, reason, prefix, due_at)
        select id, account_id, id, 'expired',
            'acct_' || replace(account_id::text, '-', '') || '/video_' || replace(id::text, '-', '') || '/1/', expires_at
        from jobs where id >= lpad(to_hex($1::bigint), 32, '0')::uuid and id < lpad(to_hex($1::bigint + $2::bigint), 32, '0')::uuid";
    sqlx::query(timers).bind(first).bind(count).execute(pool).await?;
    Ok(())
}

/// Lets Postgres know what is in these tables and write it to disk, as it would after a while by itself.
pub(crate) async fn vacuum(pool: &PgPool, tables: &str) -> Result<()> {
    sqlx::query(AssertSqlSafe(format!("vacuum (analyze) {tables}"))).execute(pool).await?;
    sqlx::query("checkpoint").execute(pool).await?;
    Ok(())
}
