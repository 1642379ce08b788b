//! Who takes the jobs whose files not every worker can encode.

use std::time::Duration;

use clipmill_shared::fleet::{self, Served};
use clipmill_shared::jobs::lease::{self, Ability};
use clipmill_shared::jobs::options::Codec;
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use clipmill_tests::server::{small, text};
use serde_json::{Value, json};

const LEASE: Duration = Duration::from_secs(30);

/// A service whose fleet encodes everything, though no worker need be there.
async fn start() -> Server {
    let server = Server::start().await;
    let served = Tier::ALL.map(|tier| Served { tier, pace: None, offer: None });
    fleet::report(&server.pool, "encoder", 1, &Codec::ALL, &served).await.unwrap();
    server
}

async fn submit(server: &Server, codec: Codec, priority: i64) -> String {
    let mut body = small();
    (body["output"], body["priority"]) = (json!({ "codec": codec.as_str() }), json!(priority));
    text(&server.submit(body).await["id"]).to_owned()
}

/// Takes the next job as a worker does that encodes these codecs, and says which it was.
async fn take(server: &Server, codecs: &[Codec]) -> Option<String> {
    let ability = Ability { codecs, ..Ability::of(&Tier::ALL) };
    let lease = lease::claim(&server.pool, ability, "test", LEASE).await.unwrap()?;
    let id = lease.job().id.to_string();
    lease.retry(&server.pool, Duration::from_secs(3600)).await.unwrap();
    Some(id)
}

#[tokio::test]
async fn a_job_is_left_to_a_worker_that_encodes_its_codec_and_holds_up_no_other() {
    let server = start().await;
    let av1 = submit(&server, Codec::Av1, 0).await;
    let hevc = submit(&server, Codec::Hevc, 0).await;
    let h264 = submit(&server, Codec::H264, 0).await;
    assert_eq!(take(&server, &[Codec::H264]).await, Some(h264));
    assert_eq!(take(&server, &[Codec::H264]).await, None);
    assert_eq!(take(&server, &[Codec::H264, Codec::Hevc]).await, Some(hevc));
    assert_eq!(take(&server, &Codec::ALL).await, Some(av1));
}

#[tokio::test]
async fn a_job_of_high_priority_gives_its_turn_to_one_that_the_worker_can_encode() {
    let server = start().await;
    let h264 = submit(&server, Codec::H264, 0).await;
    let av1 = submit(&server, Codec::Av1, 10).await;
    assert_eq!(take(&server, &[Codec::H264]).await, Some(h264));
    assert_eq!(take(&server, &[Codec::H264]).await, None);
    assert_eq!(take(&server, &Codec::ALL).await, Some(av1));
}

#[tokio::test]
async fn a_job_that_says_nothing_of_its_codec_is_h264() {
    let server = start().await;
    let plain: Value = server.submit_small().await;
    sqlx::query("update jobs set output_options = '{}'").execute(&server.pool).await.unwrap();
    assert_eq!(take(&server, &[Codec::Hevc]).await, None);
    assert_eq!(take(&server, &[Codec::H264]).await.as_deref(), Some(text(&plain["id"])));
}
