use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn a_deleted_video_is_gone_with_all_of_its_files() {
    let server = Server::start().await;
    let video = server.completed().await;
    assert_eq!(server.objects(&video["id"]).await.len(), 5);
    let path = format!("/v1/videos/{}", text(&video["id"]));
    let (status, body) = answer(server.request(Method::DELETE, &path)).await;
    assert_eq!(
        (status, body),
        (StatusCode::OK, json!({ "id": video["id"], "object": "video.deleted", "deleted": true }))
    );
    assert!(server.objects(&video["id"]).await.is_empty());
    assert_eq!(server.get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(server.request(Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);
    let reasons: Vec<String> =
        sqlx::query_scalar("select reason::text from removals").fetch_all(&server.pool).await.unwrap();
    assert_eq!(reasons, ["deleted"], "for what a worker may still have been sending");
    let counted: i64 = sqlx::query_scalar("select count(*) from usage").fetch_one(&server.pool).await.unwrap();
    assert_eq!(counted, 1, "what was rendered stays counted");
}

#[tokio::test]
async fn a_waiting_job_that_is_deleted_is_never_rendered() {
    let server = Server::start().await;
    let video = server.submit_small().await;
    let (status, _) = answer(server.request(Method::DELETE, &format!("/v1/videos/{}", text(&video["id"])))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!clipmill_worker::pull::step(&server.env).await.unwrap());
}
