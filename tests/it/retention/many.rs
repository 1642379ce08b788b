//! Ten thousand timers, a store that comes and goes, and workers that die on the way: in the end the store is what the ledger says.

use std::time::Duration;

use chrono::TimeDelta;
use clipmill_shared::jobs::removal;
use clipmill_shared::storage::StorageConfig;
use clipmill_tests::Server;
use clipmill_tests::proxy::{Proxy, Way};
use clipmill_tests::shared::storage_of;
use clipmill_worker::{expire, reconcile};

use super::stock::{Stock, count, forget};
use crate::fault::store::at_store;

const VIDEOS: i64 = 10_000;
const DUE: i64 = 9_900;
/// Every so many-th video has an object that the ledger does not know of.
const STRAYS_EVERY: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_timers_end_with_the_store_as_the_ledger_says_whatever_fails_meanwhile() {
    let server = Server::start().await;
    let stock = Stock::write(&server, VIDEOS, 1, DUE).await;
    let strays =
        (1..=DUE).step_by(STRAYS_EVERY).flat_map(|number| stock.keys(number, 1)).map(|key| format!("{key}.part"));
    let strays: Vec<String> = strays.collect();
    strays.iter().for_each(|key| stock.stray(key));
    let proxy = Proxy::to(stock.store.endpoint().strip_prefix("http://").unwrap()).await;
    let config = StorageConfig { endpoint: Some(format!("http://{}", proxy.address())), ..storage_of(&stock.store) };
    let env = at_store(&server, &config).await;

    dies_half_way(&server, &stock).await;
    let left = "select count(*) from removals where due_at < now() + interval '12 hours'";
    let mut rounds = 0;
    while count(&server.pool, left).await > 0 {
        // Every fifth batch meets a store that is away.
        proxy.set(if rounds % 5 == 1 { Way::Cut } else { Way::Open });
        expire::step(&env).await.unwrap();
        let again = "update removals set due_at = now() where attempt > 0 and due_at > now()";
        sqlx::query(again).execute(&server.pool).await.unwrap();
        rounds += 1;
        assert!(rounds < 200, "it comes to no end");
    }
    assert!(rounds > DUE / 500, "some batches failed: {rounds}");
    let told =
        "select count(*) from events join jobs on jobs.id = job_id where kind = 'video.expired' and status = 'expired'";
    assert_eq!(count(&server.pool, told).await, DUE);
    assert_eq!(count(&server.pool, "select count(*) from jobs where status = 'completed'").await, VIDEOS - DUE);

    let storage = stock.storage().await;
    let wish = reconcile::Wish { grace: TimeDelta::zero(), dry_run: false, account: None };
    let found = reconcile::run(&server.env.pool, &storage, &wish).await.unwrap().unwrap();
    assert_eq!(found.report.orphans, strays.len() as u64, "{found:?}");
    assert_eq!((found.report.missing_videos, found.report.rows), (0, (VIDEOS - DUE) as u64), "{found:?}");
    let expected: Vec<String> = (DUE + 1..=VIDEOS).flat_map(|number| stock.keys(number, 1)).collect();
    assert_eq!(stock.listed().await, expected);
    forget(&server.pool).await;
}

/// A worker takes a batch, removes a part of its objects and is never heard of again.
async fn dies_half_way(server: &Server, stock: &Stock) {
    let claimed = removal::claim(&server.env.pool, 500, Duration::from_secs(300)).await.unwrap();
    assert_eq!(claimed.len(), 500);
    let keys: Vec<String> = claimed.iter().take(200).flat_map(|removal| removal.keys.clone().unwrap()).collect();
    assert_eq!(stock.storage().await.remove(&keys).await.unwrap(), []);
    sqlx::query("update removals set due_at = now() where attempt > 0").execute(&server.pool).await.unwrap();
}
