//! Many accounts of very different load, served by one worker: who has one job waits at most one turn of every other in each tier.

use std::collections::HashMap;
use std::time::Duration;

use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::lease::{self, Ability};
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{answer, small, text};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;

const LEASE: Duration = Duration::from_secs(30);
const ACCOUNTS: usize = 20;

struct Fleet {
    server: Server,
    taken: Vec<(AccountId, String)>,
}

impl Fleet {
    /// One job is taken and done, as far as the queue can tell.
    async fn turn(&mut self) -> bool {
        let claimed = lease::claim(&self.server.pool, Ability::of(&Tier::ALL), "test", LEASE).await.unwrap();
        let Some(lease) = claimed else { return false };
        self.taken.push((lease.job().account_id, lease.job().id.to_string()));
        lease
            .fail(&self.server.pool, &clipmill_shared::jobs::Failure { code: "done", message: String::new() })
            .await
            .unwrap();
        true
    }

    async fn submit(&self, key: &str, model: &str) -> String {
        let mut body = small();
        body["model"] = model.into();
        let submit = self.server.anonymous(Method::POST, "/v1/videos").bearer_auth(key).json(&body);
        text(&answer(submit).await.1["id"]).to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_with_one_job_waits_at_most_one_turn_of_every_other_account_in_each_tier() {
    let mut random = StdRng::seed_from_u64(7);
    let mut fleet = Fleet { server: Server::start().await, taken: Vec::new() };
    let models = ["fast", "pro"];
    let mut keys = Vec::new();
    for account in 0..ACCOUNTS {
        let key = fleet.server.stranger().await;
        // From two jobs to a hundred, in both tiers.
        for n in 0..2 + account * account / 4 {
            fleet.submit(&key, models[n % 2]).await;
        }
        keys.push(key);
    }
    for _ in 0..30 {
        for _ in 0..random.random_range(1..6) {
            fleet.turn().await;
        }
        // The heavy ones go on submitting meanwhile.
        fleet.submit(&keys[random.random_range(ACCOUNTS - 3..ACCOUNTS)], "fast").await;
        let newcomer = fleet.server.stranger().await;
        let one = fleet.submit(&newcomer, models[random.random_range(0..2)]).await;
        let before = fleet.taken.len();
        while fleet.taken.last().is_none_or(|(_, id)| *id != one) {
            assert!(fleet.turn().await, "it is in the queue");
        }
        let mut turns: HashMap<AccountId, usize> = HashMap::new();
        let waited = &fleet.taken[before..fleet.taken.len() - 1];
        waited.iter().for_each(|(account, _)| *turns.entry(*account).or_default() += 1);
        // One turn of each account in each of its two tiers.
        assert!(turns.values().all(|turns| *turns <= 2), "{turns:?}");
    }
}
