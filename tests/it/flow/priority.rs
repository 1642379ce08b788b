//! Which of an account's jobs goes first, and which of the tiers.

use std::time::Duration;

use clipmill_shared::accounts::limits;
use clipmill_shared::jobs::lease::{self, Ability};
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{answer, small, text};
use reqwest::Method;
use serde_json::{Value, json};

const LEASE: Duration = Duration::from_secs(30);

async fn submit(server: &Server, key: &str, model: &str, priority: i64) -> Value {
    let mut body = small();
    (body["model"], body["priority"]) = (json!(model), json!(priority));
    answer(server.anonymous(Method::POST, "/v1/videos").bearer_auth(key).json(&body)).await.1
}

/// Takes up to `count` jobs as a worker does and says which.
async fn turns(server: &Server, count: usize, preferred: &[Tier]) -> Vec<String> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let lease =
            lease::claim(&server.pool, Ability { preferred, ..Ability::of(&Tier::ALL) }, "test", LEASE).await.unwrap();
        let Some(lease) = lease else { break };
        taken.push(lease.job().id.to_string());
        lease.retry(&server.pool, Duration::from_secs(3600)).await.unwrap();
    }
    taken
}

#[tokio::test]
async fn priority_orders_an_accounts_own_jobs_and_positions_say_so() {
    let server = Server::start().await;
    let mut expected = Vec::new();
    for priority in [0, -5, 10, 0, 3] {
        let job = submit(&server, server.key(), "fast", priority).await;
        expected.push((-priority, text(&job["id"]).to_owned()));
    }
    expected.sort_by_key(|(priority, _)| *priority);
    for (position, (_, id)) in expected.iter().enumerate() {
        assert_eq!(server.video(&json!(id)).await["queue_position"], json!(position));
    }
    let order: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(turns(&server, 9, &[]).await, order);
}

#[tokio::test]
async fn priority_takes_nothing_from_other_accounts() {
    let server = Server::start().await;
    let stranger = server.stranger().await;
    for _ in 0..4 {
        submit(&server, server.key(), "fast", 0).await;
    }
    let mut theirs = Vec::new();
    for _ in 0..4 {
        theirs.push(text(&submit(&server, &stranger, "fast", 0).await["id"]).to_owned());
    }
    for _ in 0..4 {
        submit(&server, server.key(), "fast", 10).await;
    }
    let order = turns(&server, 12, &[]).await;
    for (n, id) in theirs.iter().enumerate() {
        let turn = order.iter().position(|taken| taken == id).unwrap();
        assert!(turn <= 2 * n + 1, "their job {n} came at turn {turn}");
    }
}

#[tokio::test]
async fn twice_the_weight_is_twice_the_turns() {
    let server = Server::start().await;
    limits::weigh(&server.pool, server.account, Tier::Fast, 2.0).await.unwrap();
    let stranger = server.stranger().await;
    let mut mine = Vec::new();
    for _ in 0..12 {
        mine.push(text(&submit(&server, server.key(), "fast", 0).await["id"]).to_owned());
        submit(&server, &stranger, "fast", 0).await;
    }
    let order = turns(&server, 12, &[]).await;
    let count = order.iter().filter(|id| mine.contains(id)).count();
    assert!((7..=9).contains(&count), "{count} of 12 turns for the account of weight 2 beside one of weight 1");
}

#[tokio::test]
async fn a_worker_takes_jobs_for_its_loaded_model_first() {
    let server = Server::start().await;
    let fast = text(&submit(&server, server.key(), "fast", 0).await["id"]).to_owned();
    let pro = text(&submit(&server, server.key(), "pro", 0).await["id"]).to_owned();
    assert_eq!(turns(&server, 2, &[Tier::Pro]).await, [pro, fast]);
}

#[tokio::test]
async fn what_is_no_priority_is_refused() {
    let server = Server::start().await;
    let refused = submit(&server, server.key(), "fast", 11).await;
    assert_eq!(refused["error"]["param"], "priority");
}
