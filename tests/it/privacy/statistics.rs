//! What is left of usage in the end shows nobody.

use clipmill_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};

/// Counts a video for a new account, so many years ago.
async fn used(server: &Server, tier: &str, years: i32) {
    let account = uuid::Uuid::now_v7();
    sqlx::query("insert into accounts (id, name, webhook_secret) values ($1, 'x', decode(repeat('00', 32), 'hex'))")
        .bind(account)
        .execute(&server.pool)
        .await
        .unwrap();
    let usage = "insert into usage (job_id, account_id, tier, width, height, seconds, created_at)
                 values (gen_random_uuid(), $1, $2::text::tier, 256, 144, 3, now() - make_interval(years => $3))";
    sqlx::query(usage).bind(account).bind(tier).bind(years).execute(&server.pool).await.unwrap();
}

#[tokio::test]
async fn old_usage_is_summed_up_by_month_and_small_groups_are_not_kept() {
    let server = Server::start().await;
    let operator = server.operator().await;
    for _ in 0..5 {
        used(&server, "fast", 11).await;
    }
    for _ in 0..4 {
        used(&server, "pro", 11).await;
    }
    used(&server, "fast", 9).await;
    for _ in 0..2 {
        server.expire().await;
    }
    let left: i64 = sqlx::query_scalar("select count(*) from usage").fetch_one(&server.pool).await.unwrap();
    assert_eq!(left, 1, "what is younger than ten years stays as it is");
    let (_, sums) = server.ask_as(&operator, Method::GET, "/v1/admin/statistics", Value::Null).await;
    let sums = sums["data"].as_array().unwrap();
    assert_eq!(sums.len(), 1, "four accounts are too few to be told of: {sums:?}");
    assert_eq!(
        (&sums[0]["tier"], &sums[0]["accounts"], &sums[0]["videos"], &sums[0]["seconds"]),
        (&json!("fast"), &json!(5), &json!(5), &json!(15))
    );
}

#[tokio::test]
async fn what_is_left_of_a_deleted_account_goes_when_nothing_of_it_has_to_be_kept() {
    let server = Server::start().await;
    server.completed().await;
    server.ask(Method::DELETE, &format!("/v1/account?confirm={}", server.account), Value::Null).await;
    let aged = [
        "update accounts set deleted_at = now() - interval '11 years'",
        "update usage set created_at = now() - interval '11 years'",
    ];
    for statement in aged {
        sqlx::query(statement).execute(&server.pool).await.unwrap();
    }
    for _ in 0..2 {
        server.expire().await;
    }
    for table in ["accounts", "erasures", "usage"] {
        let count = format!("select count(*) from {table}");
        assert_eq!(
            sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(count)).fetch_one(&server.pool).await.unwrap(),
            0,
            "{table}"
        );
    }
}
