use clipmill_tests::Server;
use clipmill_tests::server::text;
use reqwest::Method;
use serde_json::json;

use super::{get, say, shrink, task};

fn path(id: &str) -> String {
    format!("/v1/query/video_generation?task_id={id}")
}

#[tokio::test]
async fn a_task_queues_and_then_succeeds_with_a_file() {
    let server = Server::start().await;
    let id = task(&server).await;
    let (code, queued) = get(&server, &path(&id)).await;
    assert_eq!((code, &queued["status"], queued.get("file_id")), (0, &json!("Queueing"), None));
    shrink(&server).await;
    server.render().await;
    let (code, done) = get(&server, &path(&id)).await;
    let expected = json!({
        "task_id": id, "status": "Success", "file_id": id, "video_width": 256, "video_height": 144,
        "base_resp": { "status_code": 0, "status_msg": "success" },
    });
    assert_eq!((code, done), (0, expected));
}

#[tokio::test]
async fn what_will_not_succeed_fails_with_a_code() {
    let server = Server::start().await;
    for (ended, code) in [
        ("status = 'cancelled', finished_at = now()", 1000),
        ("status = 'failed', finished_at = now(), error_code = 'worker_lost', error_message = 'Lost.'", 1000),
        ("status = 'failed', finished_at = now(), error_code = 'output_moderated', error_message = 'Refused.'", 1027),
    ] {
        let id = task(&server).await;
        let kind = if ended.contains("cancelled") { "video.cancelled" } else { "video.failed" };
        let number: i64 = id.parse().unwrap();
        let (job, account): (uuid::Uuid, uuid::Uuid) = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "update jobs set {ended} where number = $1 returning id, account_id"
        )))
        .bind(number)
        .fetch_one(&server.pool)
        .await
        .unwrap();
        sqlx::query("insert into events (id, account_id, job_id, kind) values ($1, $2, $3, $4)")
            .bind(uuid::Uuid::now_v7())
            .bind(account)
            .bind(job)
            .bind(kind)
            .execute(&server.pool)
            .await
            .unwrap();
        let (got, body) = get(&server, &path(&id)).await;
        assert_eq!((got, &body["status"]), (code, &json!("Fail")), "{body}");
    }
}

#[tokio::test]
async fn a_task_of_another_account_or_of_nobody_is_unknown() {
    let server = Server::start().await;
    let id = task(&server).await;
    let stranger = server.stranger().await;
    let (code, body) = say(server.anonymous(Method::GET, &path(&id)).bearer_auth(stranger)).await;
    assert_eq!((code, body.get("status")), (2013, None));
    for wrong in ["1", "x", "", "-5", "99999999999999999999", "%00"] {
        let (code, body) = get(&server, &path(wrong)).await;
        assert_eq!(code, 2013, "{wrong}");
        assert!(text(&body["base_resp"]["status_msg"]).contains("task_id"));
    }
    assert_eq!(get(&server, "/v1/query/video_generation").await.0, 2013);
}
