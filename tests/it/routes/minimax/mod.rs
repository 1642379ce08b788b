mod create;
mod files;
mod plan;
mod query;

use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Sends a request of the dialect; whatever becomes of it, the HTTP status is 200.
async fn say(request: RequestBuilder) -> (i64, Value) {
    let (status, body) = answer(request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    (body["base_resp"]["status_code"].as_i64().unwrap_or_else(|| panic!("no base_resp: {body}")), body)
}

async fn get(server: &Server, path: &str) -> (i64, Value) {
    say(server.request(Method::GET, path)).await
}

async fn submit(server: &Server, body: Value) -> (i64, Value) {
    say(server.request(Method::POST, "/v1/video_generation").json(&body)).await
}

/// A task that is accepted; its id.
async fn task(server: &Server) -> String {
    let (code, body) = submit(server, json!({ "model": "MiniMax-Hailuo-2.3", "prompt": "a fox" })).await;
    assert_eq!(code, 0, "{body}");
    body["task_id"].as_str().unwrap().to_owned()
}

/// Makes the jobs of a test quick to render.
async fn shrink(server: &Server) {
    let shrunk = "update jobs set width = 256, height = 144, seconds = 1";
    sqlx::query(shrunk).execute(&server.pool).await.unwrap();
}

const PATHS: [(Method, &str); 5] = [
    (Method::POST, "/v1/video_generation"),
    (Method::GET, "/v1/query/video_generation?task_id=1"),
    (Method::GET, "/v1/files/retrieve?file_id=1"),
    (Method::GET, "/v1/files/retrieve_content?file_id=1"),
    (Method::GET, "/v1/token_plan/remains"),
];

#[tokio::test]
async fn a_request_without_a_live_key_is_refused_in_the_dialect() {
    let server = Server::start().await;
    for (method, path) in PATHS {
        let (code, body) = say(server.anonymous(method.clone(), path)).await;
        assert_eq!(code, 1004, "{path} {body}");
        let wrong = server.anonymous(method, path).bearer_auth(format!("cm_{}", "a".repeat(42)));
        assert_eq!(say(wrong).await.0, 2049, "{path}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let server = Server::start().await;
    for (method, path) in PATHS {
        let response = server.request(method, path).send().await.unwrap();
        let headers = response.headers();
        assert!(headers["trace-id"].to_str().unwrap().starts_with("req_"), "{path}");
        assert_eq!(headers["trace-id"], headers["x-request-id"]);
    }
}

#[tokio::test]
async fn errors_from_beside_the_routes_are_in_the_dialect_too() {
    let server = Server::start().await;
    let (code, body) = say(server.request(Method::DELETE, "/v1/video_generation")).await;
    assert_eq!((code, &body["task_id"]), (2013, &json!("")));
    let text = server.request(Method::POST, "/v1/video_generation").body("model=x");
    assert_eq!(say(text).await.0, 2013);
    let broken = server.request(Method::POST, "/v1/video_generation").header("content-type", "application/json");
    assert_eq!(say(broken.body("{\"model\":")).await.0, 2013);
    let many = server.request(Method::POST, "/v1/video_generation").header("idempotency-key", "");
    assert_eq!(say(many.json(&json!({}))).await.0, 2013);
}
