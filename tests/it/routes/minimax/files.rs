use std::time::Duration;

use clipmill_shared::outbound;
use clipmill_tests::Server;
use clipmill_tests::server::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{get, say, shrink, task};

async fn finished(server: &Server) -> String {
    let id = task(server).await;
    shrink(server).await;
    server.render().await;
    id
}

#[tokio::test]
async fn a_finished_video_is_retrieved_by_a_number_and_downloaded_without_a_key() {
    let server = Server::start().await;
    let id = finished(&server).await;
    let (code, body) = get(&server, &format!("/v1/files/retrieve?file_id={id}")).await;
    assert_eq!(code, 0, "{body}");
    let file = &body["file"];
    assert_eq!(file["file_id"], json!(id.parse::<u64>().unwrap()));
    assert_eq!((&file["purpose"], &file["filename"]), (&json!("video_generation"), &json!(format!("{id}.mp4"))));
    assert!(file["created_at"].is_i64());
    let client = outbound::trusted(Duration::from_secs(30)).unwrap();
    let response = client.get(text(&file["download_url"])).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.unwrap().len() as u64, file["bytes"].as_u64().unwrap());
    let response =
        server.request(Method::GET, &format!("/v1/files/retrieve_content?file_id={id}")).send().await.unwrap();
    assert_eq!((response.status(), response.headers()["content-type"].as_bytes()), (StatusCode::OK, &b"video/mp4"[..]));
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let server = Server::start().await;
    let id = task(&server).await;
    for path in ["retrieve", "retrieve_content"] {
        let path = |id: &str| format!("/v1/files/{path}?file_id={id}");
        assert_eq!(get(&server, &path(&id)).await.0, 2013, "it is not finished");
        assert_eq!(get(&server, &path("7")).await.0, 2013);
        let stranger = server.stranger().await;
        assert_eq!(say(server.anonymous(Method::GET, &path(&id)).bearer_auth(stranger)).await.0, 2013);
    }
}

#[tokio::test]
async fn a_task_stays_fulfilled_when_its_file_has_gone() {
    let server = Server::start().await;
    let id = finished(&server).await;
    server.age_timers().await;
    server.expire().await;
    let (code, task) = get(&server, &format!("/v1/query/video_generation?task_id={id}")).await;
    assert_eq!((code, &task["status"]), (0, &json!("Success")));
    let (code, body) = get(&server, &format!("/v1/files/retrieve?file_id={id}")).await;
    assert_eq!((code, body.get("file")), (2013, None::<&Value>));
}
