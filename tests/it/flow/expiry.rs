use clipmill_tests::server::{small, text};
use clipmill_tests::{Receiver, Server};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn a_video_goes_when_its_time_is_up_and_the_row_says_so() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let mut body = small();
    body["retention_seconds"] = json!(3600);
    body["webhook_url"] = json!(receiver.url());
    let job = server.submit(body).await;
    server.render().await;
    assert_eq!(server.notify().await, 1);
    assert_eq!(server.expire().await, 0, "its time is not up");
    assert_eq!(server.objects(&job["id"]).await.len(), 5);

    server.age_timers().await;
    assert_eq!(server.expire().await, 1);
    let expired = server.video(&job["id"]).await;
    assert_eq!((expired["status"].as_str(), &expired["outputs"]), (Some("expired"), &json!([])));
    assert!(expired["completed_at"].is_i64() && expired["expires_at"].is_i64());
    assert!(server.objects(&job["id"]).await.is_empty());
    let (status, body) = server.get(&format!("/v1/videos/{}/content", text(&job["id"]))).await;
    assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::GONE, Some("video_expired")));

    server.age_timers().await;
    assert_eq!(server.expire().await, 0);
    while server.notify().await > 0 {}
    let told: Vec<_> = receiver.messages().iter().map(|message| message.json()["type"].clone()).collect();
    assert_eq!(told, ["video.completed", "video.expired"]);
}
