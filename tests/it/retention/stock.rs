//! Many finished videos, written past the service: rows by a statement, objects into the folder of a store of their own.

use std::path::PathBuf;

use clipmill::embedded::Store;
use clipmill_shared::id::JobId;
use clipmill_shared::storage::survey::Stored;
use clipmill_shared::storage::{DEFAULT_BUCKET, Storage};
use clipmill_tests::Server;
use clipmill_tests::shared::storage_of;
use sqlx::PgPool;
use tempfile::TempDir;
use uuid::Uuid;

/// Many finished videos and their store.
pub(crate) struct Stock {
    /// The store.
    pub(crate) store: Store,
    folder: TempDir,
    account: String,
}

impl Stock {
    /// So many videos of so many small objects each. Those up to `due` have had their time; their ids are the numbers from 1 on.
    pub(crate) async fn write(server: &Server, videos: i64, objects: usize, due: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::start(folder.path(), ([127, 0, 0, 1], 0).into(), &[DEFAULT_BUCKET]).await.unwrap();
        let stock = Self { store, folder, account: server.account.to_string() };
        rows(server, videos, objects, due).await;
        let keys: Vec<PathBuf> =
            (1..=videos).flat_map(|number| stock.keys(number, objects)).map(|key| stock.path(&key)).collect();
        tokio::task::spawn_blocking(move || keys.iter().for_each(|path| write(path))).await.unwrap();
        stock
    }

    /// The store, as a client has it.
    pub(crate) async fn storage(&self) -> Storage {
        Storage::open(&storage_of(&self.store)).await
    }

    /// The keys of a video's objects.
    pub(crate) fn keys(&self, number: i64, objects: usize) -> impl Iterator<Item = String> + use<> {
        let prefix = format!("{}/{}/1/", self.account, JobId::from(Uuid::from_u128(number as u128)));
        NAMES[..objects].iter().map(move |(_, name)| format!("{prefix}{name}"))
    }

    /// Puts an object where no row knows of it.
    pub(crate) fn stray(&self, key: &str) {
        write(&self.path(key));
    }

    /// Takes an object away.
    pub(crate) fn lose(&self, key: &str) {
        std::fs::remove_file(self.path(key)).unwrap();
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join("store").join(DEFAULT_BUCKET).join(key)
    }

    /// All keys, in order.
    pub(crate) async fn listed(&self) -> Vec<String> {
        let storage = self.storage().await;
        let mut keys: Vec<String> = Vec::new();
        loop {
            let page = storage.survey("acct_", keys.last().map(String::as_str)).await.unwrap();
            keys.extend(page.items.into_iter().map(|Stored { key, .. }| key));
            if !page.has_more {
                return keys;
            }
        }
    }
}

/// Variants and the names of their files, in the order of the names.
const NAMES: [(&str, &str); 4] = [
    ("preview", "preview.webp"),
    ("spritesheet", "spritesheet.jpg"),
    ("thumbnail", "thumbnail.webp"),
    ("video", "video.mp4"),
];

fn write(path: &std::path::Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "x").unwrap();
}

async fn rows(server: &Server, videos: i64, objects: usize, due: i64) {
    let outputs: Vec<_> = NAMES[..objects]
        .iter()
        .map(|(variant, name)| {
            serde_json::json!({ "variant": variant, "file_name": name, "content_type": "video/mp4", "size_bytes": 1,
                "sha256": "", "width": 64, "height": 64 })
        })
        .collect();
    let jobs = "insert into jobs (id, account_id, tier, mode, model, prompt, width, height, seconds, fps, seed, retention_seconds,
            fingerprint, virtual_start, status, attempt, progress, started_at, finished_at, expires_at, outputs)
        select lpad(to_hex(n), 32, '0')::uuid, $1, 'fast', 'text_to_video', 'fast', 'a fox', 64, 64, 1, 8, 7, 7200, '', n, 'completed',
            1, 100, now(), now() - interval '1 day', now() + case when n <= $3 then interval '0' else interval '1 day' end, $4
        from generate_series(1, $2::bigint) as n";
    sqlx::query(jobs)
        .bind(server.account.uuid())
        .bind(videos)
        .bind(due)
        .bind(serde_json::Value::from(outputs))
        .execute(&server.pool)
        .await
        .unwrap();
    let timers = "insert into removals (id, account_id, job_id, reason, prefix, due_at)
        select gen_random_uuid(), account_id, id, 'expired', $1 || '/video_' || replace(id::text, '-', '') || '/1/', expires_at from jobs";
    sqlx::query(timers).bind(server.account.to_string()).execute(&server.pool).await.unwrap();
}

/// Ends with neither rows nor timers: what is in this store is not in the one that is looked at after every test.
pub(crate) async fn forget(pool: &PgPool) {
    for statement in ["delete from jobs", "delete from removals"] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
}

/// How many rows there are of a statement that counts.
pub(crate) async fn count(pool: &PgPool, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(pool).await.unwrap()
}
