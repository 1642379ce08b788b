use clipmill_tests::Server;
use clipmill_tests::process::until;
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
    until("a shorter line", async || server.video(&second["id"]).await["queue_position"] == 0).await;
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

#[tokio::test]
async fn a_poll_that_would_say_the_same_again_is_empty() {
    let server = Server::start().await;
    let id = server.completed().await["id"].clone();
    let path = format!("/v1/videos/{}", text(&id));
    let first = server.request(Method::GET, &path).send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    let poll =
        async |known: &str| server.request(Method::GET, &path).header("if-none-match", known).send().await.unwrap();
    for known in [tag.to_str().unwrap(), &format!("W/{}", tag.to_str().unwrap()), "\"other\", *"] {
        let again = poll(known).await;
        assert_eq!((again.status(), &again.headers()["etag"]), (StatusCode::NOT_MODIFIED, &tag), "{known}");
        assert!(again.bytes().await.unwrap().is_empty());
    }
    assert_eq!(poll("\"other\"").await.status(), StatusCode::OK);
    server.age_timers().await;
    server.expire().await;
    let changed = poll(tag.to_str().unwrap()).await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers()["etag"], tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_polls_each_get_their_own_answer() {
    let server = Server::start().await;
    let stranger = server.stranger().await;
    let job = server.submit_small().await;
    let path = format!("/v1/videos/{}", text(&job["id"]));
    let keys = [server.key(), &stranger, "cm_nobodynobodynobodynobodynobodynobodynobo", server.key()];
    let polls = (0..64).map(|n| {
        let poll = answer(server.anonymous(Method::GET, &path).bearer_auth(keys[n % keys.len()]));
        tokio::spawn(async move { (n, poll.await.0) })
    });
    for poll in polls.collect::<Vec<_>>() {
        let (n, status) = poll.await.unwrap();
        let expected = [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED, StatusCode::OK];
        assert_eq!(status, expected[n % keys.len()], "poll {n}");
    }
}
