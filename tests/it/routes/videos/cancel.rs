use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn a_waiting_job_is_cancelled_and_stays_so() {
    let server = Server::start().await;
    let id = server.submit_small().await["id"].clone();
    let path = format!("/v1/videos/{}/cancel", text(&id));
    let (status, first) = answer(server.request(Method::POST, &path)).await;
    assert_eq!((status, first["status"].as_str()), (StatusCode::OK, Some("cancelled")));
    assert!(first["cancelled_at"].is_i64());
    let (status, again) = answer(server.request(Method::POST, &path)).await;
    assert_eq!((status, again["cancelled_at"].clone()), (StatusCode::OK, first["cancelled_at"].clone()));
    assert!(!clipmill_worker::pull::step(&server.env).await.unwrap(), "nobody renders it");
}

#[tokio::test]
async fn a_finished_job_cannot_be_cancelled() {
    let server = Server::start().await;
    let video = server.completed().await;
    let response =
        server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&video["id"]))).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(response.headers()["x-should-retry"], "false");
    assert_eq!(server.video(&video["id"]).await["status"], "completed");
}
