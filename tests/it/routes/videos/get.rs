use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn a_waiting_job_says_how_many_are_ahead_and_when_to_ask_again() {
    let server = Server::start().await;
    let first = server.submit_small().await;
    let second = server.submit_small().await;
    assert_eq!((&first["queue_position"], &second["queue_position"]), (&0.into(), &1.into()));
    let path = format!("/v1/videos/{}", text(&second["id"]));
    let response = server.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(response.headers()["openai-poll-after-ms"], "1000");
    assert!(response.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    server.render().await;
    assert_eq!(server.video(&second["id"]).await["queue_position"], 0);
    assert_eq!(server.video(&first["id"]).await["queue_position"], serde_json::Value::Null);
}

#[tokio::test]
async fn what_belongs_to_another_account_is_not_there() {
    let server = Server::start().await;
    let id = server.submit_small().await["id"].clone();
    let stranger = server.stranger().await;
    for (method, below) in
        [(Method::GET, ""), (Method::DELETE, ""), (Method::GET, "/content"), (Method::POST, "/cancel")]
    {
        let path = format!("/v1/videos/{}{below}", text(&id));
        let (status, body) = answer(server.anonymous(method, &path).bearer_auth(&stranger)).await;
        assert_eq!(
            (status, body["error"]["code"].as_str()),
            (StatusCode::NOT_FOUND, Some("video_not_found")),
            "{path}"
        );
    }
    let (_, list) = answer(server.anonymous(Method::GET, "/v1/videos").bearer_auth(&stranger)).await;
    assert_eq!(list["data"], serde_json::json!([]));
    assert_eq!(server.video(&id).await["status"], "queued");
}

#[tokio::test]
async fn what_is_no_id_is_a_video_that_is_not_there() {
    let server = Server::start().await;
    for id in ["x", "video_", "video_00000000000000000000000000000000", "%00", "%ff", "..%2f.."] {
        let (status, body) = server.get(&format!("/v1/videos/{id}")).await;
        assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::NOT_FOUND, Some("video_not_found")), "{id}");
    }
}
