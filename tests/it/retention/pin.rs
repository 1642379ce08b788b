//! Pinned videos: kept until they are let go, and not more of them than an account may have.

use clipmill_tests::Server;
use clipmill_tests::server::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn pin(server: &Server, video: &Value, pinned: bool) -> (StatusCode, Value) {
    server.post(&format!("/v1/videos/{}/retention", text(&video["id"])), json!({ "pinned": pinned })).await
}

async fn quota(server: &Server, most: i64) {
    let operator = server.operator().await;
    let path = format!("/v1/admin/accounts/{}", server.account);
    let (status, account) = server.ask_as(&operator, Method::PATCH, &path, json!({ "max_pinned": most })).await;
    assert_eq!((status, &account["max_pinned"]), (StatusCode::OK, &json!(most)), "{account}");
}

#[tokio::test]
async fn a_pinned_video_stays_until_it_is_unpinned() {
    let server = Server::start().await;
    let video = server.completed().await;
    assert_eq!(video["pinned"], false);
    for _ in 0..2 {
        let (status, pinned) = pin(&server, &video, true).await;
        assert_eq!(status, StatusCode::OK, "{pinned}");
        assert_eq!((&pinned["pinned"], &pinned["expires_at"]), (&json!(true), &Value::Null));
    }
    sqlx::query("update jobs set finished_at = finished_at - interval '100 days'").execute(&server.pool).await.unwrap();
    server.age_timers().await;
    assert_eq!(server.expire().await, 0);
    assert_eq!(server.objects(&video["id"]).await.len(), 5);
    let (status, longer) = server
        .post(&format!("/v1/videos/{}/retention", text(&video["id"])), json!({ "retention_seconds": 3600 }))
        .await;
    assert_eq!((status, &longer["expires_at"]), (StatusCode::OK, &Value::Null), "the clock does not count meanwhile");

    let (status, unpinned) = pin(&server, &video, false).await;
    assert_eq!((status, &unpinned["pinned"]), (StatusCode::OK, &json!(false)));
    let kept = unpinned["expires_at"].as_i64().unwrap() - unpinned["completed_at"].as_i64().unwrap();
    assert_eq!(kept, 3600, "counted from the completion, as everywhere");
    assert_eq!(server.expire().await, 1, "so that it is over");
    assert_eq!(server.video(&video["id"]).await["status"], "expired");
}

#[tokio::test]
async fn only_a_finished_video_is_pinned_and_a_deleted_one_makes_room() {
    let server = Server::start().await;
    quota(&server, 1).await;
    let (first, second, waiting) = (server.completed().await, server.completed().await, server.submit_small().await);
    let (status, answer) = pin(&server, &waiting, true).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("video_not_ready")));
    assert_eq!(pin(&server, &waiting, false).await.0, StatusCode::OK, "it is not pinned, and stays so");
    assert_eq!(pin(&server, &first, true).await.0, StatusCode::OK);
    let (status, answer) = pin(&server, &second, true).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("too_many_pinned")));
    assert!(server.video(&second["id"]).await["expires_at"].is_i64(), "its timer is as it was");
    server.ask(Method::DELETE, &format!("/v1/videos/{}", text(&first["id"])), Value::Null).await;
    assert_eq!(pin(&server, &second, true).await.0, StatusCode::OK);
    quota(&server, 0).await;
    assert_eq!(server.video(&second["id"]).await["pinned"], true, "a smaller quota lets nothing go");
    assert_eq!(pin(&server, &second, true).await.0, StatusCode::OK, "nor does it refuse what is pinned already");
    server.render().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_at_the_same_time_do_not_pass_the_quota() {
    let server = Server::start().await;
    quota(&server, 3).await;
    let mut videos = Vec::new();
    for _ in 0..8 {
        videos.push(server.completed().await);
    }
    let pins = futures::future::join_all(videos.iter().map(|video| pin(&server, video, true))).await;
    let pinned = pins.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    assert_eq!(pinned, 3, "{pins:?}");
    let refused = pins.iter().filter(|(_, answer)| answer["error"]["code"] == "too_many_pinned").count();
    assert_eq!(refused, 5, "{pins:?}");
    let count: i64 =
        sqlx::query_scalar("select count(*) from jobs where pinned").fetch_one(&server.pool).await.unwrap();
    assert_eq!(count, 3);
}
