//! What has to hold after every test, whether the test thought of it or not.

use clipmill_shared::id::{AccountId, ExportId, FileId, JobId};
use clipmill_shared::storage::{Storage, StorageConfig};
use sqlx::PgPool;
use uuid::Uuid;

/// Checks the ledger against itself and the store against the ledger, on a thread with a runtime and connections of
/// its own, since the test's own runtime stands still meanwhile.
///
/// # Panics
/// When something does not hold.
pub fn on_a_thread(database_url: String, storage: StorageConfig, account: AccountId) {
    let check = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let pool = PgPool::connect(&database_url).await.expect("Postgres answers");
            ledger(&pool).await;
            objects(&pool, &Storage::open(&storage).await, account).await;
            pool.close().await;
        });
    };
    std::thread::spawn(check).join().expect("what has to hold after every test");
}

/// Statements that count what there must be none of.
const NONE_OF: [(&str, &str); 5] = [
    ("jobs left in progress", "select count(*) from jobs where status = 'in_progress'"),
    (
        "ended jobs without exactly one event of their end",
        "select count(*) from jobs where status not in ('queued', 'in_progress') and 1 <> (
            select count(*) from events where events.job_id = jobs.id and kind not in ('video.expiring', 'video.expired', 'video.in_progress'))",
    ),
    (
        "expired jobs without their event",
        "select count(*) from jobs where status = 'expired' and not exists (
            select from events where events.job_id = jobs.id and kind = 'video.expired')",
    ),
    (
        "completed jobs that were not counted, or counted jobs that were not completed",
        "select count(*) from jobs where (status in ('completed', 'expired')) <> exists (
            select from usage where usage.job_id = jobs.id)",
    ),
    (
        "completed jobs without a timer that are not pinned, or pinned ones with a timer",
        "select count(*) from jobs where status = 'completed' and pinned = exists (
            select from removals where removals.job_id = jobs.id and reason = 'expired')",
    ),
];

async fn ledger(pool: &PgPool) {
    for (what, statement) in NONE_OF {
        let count: i64 = sqlx::query_scalar(statement).fetch_one(pool).await.expect("a count");
        assert_eq!(count, 0, "{what}");
    }
}

/// Every object belongs to a live job or file, or is due to be removed; every output of a job and every file is there.
async fn objects(pool: &PgPool, storage: &Storage, account: AccountId) {
    let keys = storage.list(&format!("{account}/")).await.expect("a listing");
    let prefixes: Vec<String> =
        sqlx::query_scalar("select prefix from removals").fetch_all(pool).await.expect("removals");
    let rows: Vec<(Uuid, String, i32, bool)> = sqlx::query_as(
        "select id, status::text, case when delivery ->> 'keep' = 'false' then 0 else attempt end, pinned from jobs where account_id = $1",
    )
            .bind(account.uuid())
            .fetch_all(pool)
            .await
            .expect("jobs");
    let files: Vec<(Uuid, Option<String>)> = sqlx::query_as("select id, object from files where account_id = $1")
        .bind(account.uuid())
        .fetch_all(pool)
        .await
        .expect("files");
    let file_prefix = |id: &Uuid| format!("{account}/files/{}/", FileId::from(*id));
    let exports: Vec<(Uuid,)> =
        sqlx::query_as("select id from exports where state = 'completed'").fetch_all(pool).await.expect("exports");
    let is_export = |key: &str| exports.iter().any(|(id,)| key.contains(&format!("/exports/{}/", ExportId::from(*id))));
    for key in &keys {
        let is_due = prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
        let is_source = rows.iter().any(|(id, ..)| key.starts_with(&format!("{account}/{}/source/", JobId::from(*id))));
        // One that is pinned has no timer, and all others have one.
        let is_pinned = rows.iter().any(|(id, _, attempt, pinned)| {
            *pinned && key.starts_with(&format!("{account}/{}/{attempt}/", JobId::from(*id)))
        });
        let is_file = files.iter().any(|(id, _)| key.starts_with(&file_prefix(id)));
        assert!(is_due || is_source || is_pinned || is_file || is_export(key), "an object without a row: {key}");
    }
    for (id, object) in &files {
        if let Some(object) = object {
            let key = format!("{}{object}", file_prefix(id));
            assert_eq!(
                storage.list(&key).await.expect("a listing"),
                std::slice::from_ref(&key),
                "the object of a file"
            );
        }
    }
    for (id, _, attempt, _) in rows.iter().filter(|(_, status, ..)| status == "completed") {
        let prefix = format!("{account}/{}/{attempt}/", JobId::from(*id));
        // A listing has at most a thousand keys: each job is asked for its own.
        let files = storage.list(&prefix).await.expect("a listing");
        // No attempt is numbered 0: it stands for files that are not kept here.
        assert_eq!(files.len(), if *attempt == 0 { 0 } else { 5 }, "the files of a completed job: {prefix}");
    }
}
