//! What is held about an account: the one place that knows every table.
//!
//! A table with an `account_id` is among [`TABLES`], with what its owner gets of it, and goes with the account (see `erasure`) unless
//! [`KEPT`] says why not.

use chrono::NaiveDate;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::db::{self, Transaction};
use crate::id::AccountId;
use crate::tier::Tier;

/// What stays of a deleted account, why, and for how long after the deletion.
pub const KEPT: [(&str, &str, &str); 5] = [
    (
        "usage",
        "accounting: what invoices rest on, without prompts, images or names",
        "10 years, then only in sums over many accounts",
    ),
    ("credits", "accounting: grants and charges, in whole numbers", "10 years"),
    ("audit_log", "accountability: who of the operators had access", "2 years"),
    ("erasures", "proof of the deletion: this receipt", "10 years"),
    (
        "accounts",
        "the number that the above refer to, and what a payment provider calls it; name and e-mail address are gone",
        "10 years",
    ),
];

/// The rows of an account in one table, as its owner gets them.
macro_rules! tables {
    ($($table:literal $columns:literal $rows:literal)*) => {
        /// Every table that holds something of an account.
        pub const TABLES: &[&str] = &[$($table),*];

        fn read<'c>(
            connection: &'c mut PgConnection,
            table: &'static str,
            account: AccountId,
        ) -> BoxStream<'c, Result<Value, sqlx::Error>> {
            match table {
                $($table => sqlx::query_scalar!(
                    r#"select to_jsonb(held) as "row!" from (select "# + $columns + " " + $rows + ") as held",
                    account.uuid(),
                )
                .fetch(connection),)*
                _ => stream::empty().boxed(),
            }
        }
    };
}

tables! {
    "accounts"
        "id, name, email, created_at, keep_history, retention_seconds, training_consent, processing_limited_at, limited_by_operator, hold_until,
            hold_reason, billing_reference, max_running, max_queued, max_pinned, metered, watermark, watermark_required,
            'data:image/png;base64,' || translate(encode(watermark_image, 'base64'), chr(10), '') as watermark_image"
        "from accounts where id = $1"
    "api_keys"
        "id, name, lookup as starts_with, scopes, created_at, expires_at, last_used_at, revoked_at"
        "from api_keys where account_id = $1 order by id"
    "consents"
        "id, given, wording, created_at"
        "from consents where account_id = $1 order by id"
    "jobs"
        "id, number, status, tier, mode, model, prompt, negative_prompt, revised_prompt, style, camera, width, height, seconds, fps, seed,
            first_frame, last_frame, fit, metadata, webhook_url, webhook_format, retention_seconds, idempotency_key, remixed_from,
            priority, timeout_seconds, attempt, progress, created_at, run_at, deadline_at, started_at, finished_at, expires_at, pinned, missing_at,
            scrubbed_at, output_options, outputs, delivery, destination_id, delivered_at, error_code, error_message, credits, api_key_id, watermark"
        "from jobs where account_id = $1 order by id"
    "files"
        "id, purpose, file_name, content_type, size_bytes, state, width, height, created_at, expires_at"
        "from files where account_id = $1 order by id"
    "usage"
        "job_id, tier, width, height, seconds, credits, api_key_id, created_at"
        "from usage where account_id = $1 order by created_at, job_id"
    "credit_balances"
        "granted, reserved, charged"
        "from credit_balances where account_id = $1"
    "credit_entries"
        "id, kind, credits, job_id, note, created_at"
        "from credit_entries where account_id = $1 order by id"
    "shares"
        "tier, weight"
        "from shares where account_id = $1 order by tier"
    "events"
        "id, job_id, endpoint_id, kind, created_at"
        "from events where account_id = $1 order by id"
    "webhook_endpoints"
        "id, name, url, event_types, failing_since, disabled_at, disabled_reason, created_at, updated_at"
        "from webhook_endpoints where account_id = $1 order by id"
    "destinations"
        "id, name, bucket, region, endpoint, prefix, path_style, access_key_id, role_arn, created_at, updated_at"
        "from destinations where account_id = $1 order by id"
    "deliveries"
        "deliveries.id, event_id, deliveries.endpoint_id, url, attempt, due_at, settled_at, delivered, last_status, deliveries.created_at"
        "from deliveries join events on events.id = event_id where events.account_id = $1 order by deliveries.id"
    "delivery_attempts"
        "delivery_id, delivery_attempts.attempt, started_at, duration_ms, status, error, delivery_attempts.url, request_headers,
            request_body, response_body"
        "from delivery_attempts join deliveries on deliveries.id = delivery_id join events on events.id = event_id
        where events.account_id = $1 order by delivery_id, attempt"
    "removals"
        "id, job_id, reason, due_at, created_at"
        "from removals where account_id = $1 order by id"
    "audit_log"
        "id, actor, action, detail, created_at"
        "from audit_log where account_id = $1 order by id"
    "exports"
        "id, state, size_bytes, created_at, finished_at, expires_at"
        "from exports where account_id = $1 order by id"
    "erasures"
        "id, scope, from_at, until_at, state, videos, files, endpoints, keys, created_at, finished_at"
        "from erasures where account_id = $1 order by id"
}

/// All that is held about an account, as of one moment.
pub struct Snapshot {
    tx: Transaction,
    account: AccountId,
}

impl Snapshot {
    /// Everything that was committed by now, and nothing that comes later.
    pub async fn begin(pool: &PgPool, account: AccountId) -> Result<Self, sqlx::Error> {
        let mut tx = db::begin(pool).await?;
        sqlx::query!("set transaction isolation level repeatable read, read only").execute(&mut *tx).await?;
        Ok(Self { tx, account })
    }

    /// What a table of [`TABLES`] holds, row by row, with ids as the API writes them. Hashes and secrets are no part of it.
    pub fn rows(&mut self, table: &'static str) -> BoxStream<'_, Result<Value, sqlx::Error>> {
        read(&mut self.tx, table, self.account).map_ok(move |row| with_names(table, row)).boxed()
    }
}

/// What ids start with, by the column that they stand in; `id` itself by its table.
const NAMES: [(&str, &str); 22] = [
    ("accounts", "acct_"),
    ("api_keys", "key_"),
    ("consents", "consent_"),
    ("jobs", "video_"),
    ("files", "file_"),
    ("credit_entries", "credit_"),
    ("events", "evt_"),
    ("webhook_endpoints", "we_"),
    ("deliveries", "wh_"),
    ("removals", "rm_"),
    ("audit_log", "audit_"),
    ("exports", "export_"),
    ("erasures", "erasure_"),
    ("job_id", "video_"),
    ("remixed_from", "video_"),
    ("event_id", "evt_"),
    ("endpoint_id", "we_"),
    ("destinations", "dest_"),
    ("destination_id", "dest_"),
    ("delivery_id", "wh_"),
    ("api_key_id", "key_"),
    ("account_id", "acct_"),
];

fn with_names(table: &str, mut row: Value) -> Value {
    for (column, value) in row.as_object_mut().into_iter().flatten() {
        let named = if column == "id" { table } else { column };
        let prefix = NAMES.iter().find(|(name, _)| *name == named).map(|(_, prefix)| prefix);
        let uuid = value.as_str().and_then(|text| Uuid::try_parse(text).ok());
        if let (Some(prefix), Some(uuid)) = (prefix, uuid) {
            *value = Value::String(format!("{prefix}{}", uuid.simple()));
        }
    }
    row
}

/// Notes at the jobs that have ended whether their records stay, after that has changed for their account.
pub(super) async fn mark_records(tx: &mut PgConnection, account: AccountId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update jobs
        set kept = rule.kept,
            scrub_at = case
                when not rule.kept and status in ('failed', 'cancelled') and scrubbed_at is null
                then finished_at + make_interval(secs => jobs.retention_seconds)
            end
        from (select keep_history or coalesce(hold_until > now(), false) as kept from accounts where id = $1) as rule
        where account_id = $1 and status in ('failed', 'cancelled', 'expired') and jobs.kept <> rule.kept
        "#,
        account.uuid(),
    )
    .execute(tx)
    .await
    .map(drop)
}

/// Accounts below which a sum is not kept, since it might show one of them.
const CROWD: i32 = 5;

/// Takes usage whose time is over, a month of a tier at a time: what it comes to is kept if enough accounts had part in it, and of its
/// rows up to `limit` go. Says how many went.
pub async fn sum_up(pool: &PgPool, years: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let mut tx = db::begin(pool).await?;
    let oldest = sqlx::query_scalar!(
        r#"
        select date_trunc('month', min(created_at) at time zone 'UTC')::date as month from usage
        where created_at < date_trunc('month', now() - make_interval(years => $1))
        "#,
        years,
    );
    let Some(month) = oldest.fetch_one(&mut *tx).await? else { return Ok(0) };
    sqlx::query!(
        r#"
        insert into usage_statistics (month, tier, accounts, jobs, seconds)
        select $1, tier, count(distinct account_id), count(*), sum(seconds) from usage
        where created_at >= $1::date at time zone 'UTC' and created_at < ($1::date + interval '1 month') at time zone 'UTC'
        group by tier having count(distinct account_id) >= $2
        on conflict (month, tier) do nothing
        "#,
        month,
        i64::from(CROWD),
    )
    .execute(&mut *tx)
    .await?;
    let deleted = sqlx::query!(
        r#"
        delete from usage where job_id in (
            select job_id from usage where created_at < ($1::date + interval '1 month') at time zone 'UTC'
            order by created_at limit $2 for update skip locked
        )
        "#,
        month,
        limit,
    );
    let deleted = deleted.execute(&mut *tx).await?.rows_affected();
    tx.commit().await?;
    Ok(deleted)
}

/// What usage of a month and tier came to.
#[derive(Debug)]
pub struct Sum {
    /// The month's first day.
    pub month: NaiveDate,
    /// The tier.
    pub tier: Tier,
    /// How many accounts had part.
    pub accounts: i32,
    /// Finished videos.
    pub jobs: i64,
    /// Their length together, in seconds.
    pub seconds: i64,
}

/// What is left of usage whose time is over, oldest first.
pub async fn statistics(pool: &PgPool) -> Result<Vec<Sum>, sqlx::Error> {
    sqlx::query_as!(
        Sum,
        r#"select month, tier as "tier: Tier", accounts, jobs, seconds from usage_statistics order by month, tier limit 10000"#
    )
    .fetch_all(pool)
    .await
}

/// Removes what is left of up to `limit` accounts that were deleted so long ago that nothing of them has to be kept any more, and
/// entries of the audit log that are as old. Says how many accounts there were.
pub async fn forget(pool: &PgPool, years: i32, limit: i64) -> Result<u64, sqlx::Error> {
    sqlx::query!(
        r#"
        delete from audit_log where id in (
            select id from audit_log where created_at < now() - interval '2 years' order by created_at limit $1
        )
        "#,
        limit,
    )
    .execute(pool)
    .await?;
    let forgotten = sqlx::query!(
        r#"
        with gone as materialized (
            select id from accounts
            where deleted_at < now() - make_interval(years => $1) and not exists (select from usage where account_id = accounts.id)
            limit $2 for update skip locked
        ),
        receipts as (delete from erasures where account_id in (select id from gone)),
        timers as (delete from removals where account_id in (select id from gone))
        delete from accounts where id in (select id from gone)
        "#,
        years,
        limit,
    );
    Ok(forgotten.execute(pool).await?.rows_affected())
}
