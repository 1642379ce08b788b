//! Credits: reserved, charged, given back; never overdrawn, never lost.

use clipmill_tests::Server;
use clipmill_tests::server::{small, text};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What a small job costs: 256 by 144 pixels and a second, at 10 credits for a million pixels.
const PRICE: i64 = 1;

/// A service whose account needs credits and has so many.
async fn metered(credits: i64) -> (Server, String) {
    let server = Server::start().await;
    let operator = server.operator().await;
    let account = format!("/v1/admin/accounts/{}", server.account);
    let (status, _) = server.ask_as(&operator, Method::PATCH, &account, json!({ "metered": true })).await;
    assert_eq!(status, StatusCode::OK);
    if credits > 0 {
        let grant = json!({ "credits": credits, "note": "invoice 1" });
        let (status, granted) = server.ask_as(&operator, Method::POST, &format!("{account}/credits"), grant).await;
        assert_eq!((status, &granted["available"]), (StatusCode::OK, &json!(credits)));
    }
    (server, operator)
}

/// What is available, reserved and charged.
async fn standing(server: &Server) -> (i64, i64, i64) {
    let (_, credits) = server.get("/v1/account/credits").await;
    let number = |name: &str| credits[name].as_i64().unwrap();
    // The entries say what the sums say.
    let sums = "select coalesce(sum(case kind when 'grant' then credits end), 0)::bigint,
            coalesce(sum(case kind when 'reservation' then credits when 'grant' then 0 else -credits end), 0)::bigint,
            coalesce(sum(case kind when 'charge' then credits end), 0)::bigint from credit_entries where account_id = $1";
    let (granted, reserved, charged): (i64, i64, i64) =
        sqlx::query_as(sums).bind(server.account.uuid()).fetch_one(&server.pool).await.unwrap();
    assert_eq!((number("granted"), number("reserved"), number("charged")), (granted, reserved, charged));
    assert_eq!(number("available"), granted - reserved - charged);
    (number("available"), reserved, charged)
}

#[tokio::test]
async fn a_finished_video_is_charged_and_everything_else_is_given_back() {
    let (server, _) = metered(10).await;
    let finished = server.submit_small().await;
    assert_eq!((finished["credits"].as_i64(), standing(&server).await), (Some(PRICE), (10 - PRICE, PRICE, 0)));
    server.render().await;
    assert_eq!(standing(&server).await, (10 - PRICE, 0, PRICE));

    let cancelled = server.submit_small().await;
    for _ in 0..2 {
        server.ask(Method::POST, &format!("/v1/videos/{}/cancel", text(&cancelled["id"])), Value::Null).await;
    }
    let deleted = server.submit_small().await;
    assert_eq!(standing(&server).await, (10 - 2 * PRICE, PRICE, PRICE));
    server.ask(Method::DELETE, &format!("/v1/videos/{}", text(&deleted["id"])), Value::Null).await;
    let mut late = small();
    late["timeout_seconds"] = json!(1);
    server.submit(late).await;
    sqlx::query("update jobs set deadline_at = now() where status = 'queued'").execute(&server.pool).await.unwrap();
    server.expire().await;
    assert_eq!(
        standing(&server).await,
        (10 - PRICE, 0, PRICE),
        "neither for a cancelled, nor a deleted, nor a failed one"
    );
    server.ask(Method::DELETE, &format!("/v1/videos/{}", text(&finished["id"])), Value::Null).await;
    assert_eq!(standing(&server).await, (10 - PRICE, 0, PRICE), "what was made stays charged");
    let (_, page) = server.get("/v1/account/credits?order=asc&limit=2").await;
    assert_eq!((&page["data"][0]["kind"], &page["data"][1]["kind"]), (&json!("grant"), &json!("reservation")));
    assert_eq!((&page["data"][1]["video_id"], &page["has_more"]), (&finished["id"], &json!(true)));
}

#[tokio::test]
async fn simultaneous_submits_never_overdraw() {
    let (server, _) = metered(5).await;
    let submits = (0..20).map(|_| server.ask(Method::POST, "/v1/videos", small()));
    let answers = join_all(submits).await;
    let accepted = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    assert_eq!(accepted as i64, 5 / PRICE);
    for (status, answer) in answers.iter().filter(|(status, _)| *status != StatusCode::OK) {
        assert_eq!((*status, &answer["error"]["code"]), (StatusCode::PAYMENT_REQUIRED, &json!("insufficient_credits")));
    }
    assert_eq!(standing(&server).await, (0, 5, 0));
    let jobs: i64 = sqlx::query_scalar("select count(*) from jobs").fetch_one(&server.pool).await.unwrap();
    assert_eq!(jobs, 5, "who was refused left nothing behind");
}

#[tokio::test]
async fn a_repeated_submit_reserves_once_and_one_without_credits_leaves_nothing() {
    let (server, operator) = metered(0).await;
    let submit = async || {
        let request = server.request(Method::POST, "/v1/videos").header("idempotency-key", "once").json(&small());
        clipmill_tests::server::answer(request).await
    };
    assert_eq!(submit().await.0, StatusCode::PAYMENT_REQUIRED);
    let grants = format!("/v1/admin/accounts/{}/credits", server.account);
    server.ask_as(&operator, Method::POST, &grants, json!({ "credits": 3 })).await;
    let (first, second) = (submit().await, submit().await);
    assert_eq!((first.0, &first.1["id"]), (StatusCode::OK, &second.1["id"]), "a refusal is not remembered, a job is");
    assert_eq!(standing(&server).await, (3 - PRICE, PRICE, 0));
    let body = json!({ "model": "MiniMax-Hailuo-02", "prompt": "a fox", "duration": 6, "resolution": "768P" });
    let (_, dialect) = server.post("/v1/video_generation", body).await;
    assert_eq!(dialect["base_resp"]["status_code"], 1008, "{dialect}");
}

#[tokio::test]
async fn a_grant_is_made_once_for_its_key_and_can_be_taken_back() {
    let (server, operator) = metered(0).await;
    let path = format!("/v1/admin/accounts/{}/credits", server.account);
    let grant = async |body: Value| {
        let request = server.anonymous(Method::POST, &path).bearer_auth(&operator);
        clipmill_tests::server::answer(request.header("idempotency-key", "payment-7").json(&body)).await.1
    };
    let (first, again) = (grant(json!({ "credits": 50 })).await, grant(json!({ "credits": 50 })).await);
    assert_eq!(
        (&first["replayed"], &again["replayed"], &again["available"]),
        (&json!(false), &json!(true), &json!(50))
    );
    let (_, taken) = server.ask_as(&operator, Method::POST, &path, json!({ "credits": -20 })).await;
    assert_eq!(taken["available"], 30);
    for (body, field) in [
        (json!({ "credits": 0 }), "credits"),
        (json!({}), "credits"),
        (json!({ "credits": 1.5 }), "credits"),
        (json!({ "credits": 2_000_000_000_000_i64 }), "credits"),
        (json!({ "credits": 1, "note": "x".repeat(201) }), "note"),
        (json!({ "credits": 1, "card": "4111" }), "card"),
    ] {
        let (status, answer) = server.ask_as(&operator, Method::POST, &path, body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
}

#[tokio::test]
async fn an_account_that_is_not_metered_needs_none() {
    let server = Server::start().await;
    let video = server.completed().await;
    assert_eq!(video["credits"], Value::Null);
    assert_eq!(standing(&server).await, (0, 0, 0));
}

#[tokio::test]
async fn meter_events_are_pulled_without_a_gap_and_are_the_same_when_read_again() {
    let (server, operator) = metered(10).await;
    let account = format!("/v1/admin/accounts/{}", server.account);
    server.ask_as(&operator, Method::PATCH, &account, json!({ "billing_reference": "cus_42" })).await;
    let mut videos = Vec::new();
    for _ in 0..3 {
        videos.push(server.completed().await["id"].clone());
    }
    let pull = async |query: &str| {
        server.ask_as(&operator, Method::GET, &format!("/v1/admin/meter_events{query}"), Value::Null).await.1
    };
    assert_eq!(pull("").await["data"], json!([]), "what may have neighbours that are not committed yet is left out");
    sqlx::query("update usage set created_at = created_at - interval '2 minutes'").execute(&server.pool).await.unwrap();

    let first = pull("?limit=2").await;
    let event = &first["data"][0];
    assert_eq!((&event["identifier"], &event["billing_reference"]), (&videos[0], &json!("cus_42")));
    assert_eq!((&event["pixel_seconds"], &event["credits"]), (&json!(256 * 144), &json!(PRICE)));
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (2, &json!(true)));
    assert_eq!(pull("?limit=2").await, first, "the same again");
    let second = pull(&format!("?after={}", text(&first["next"]))).await;
    assert_eq!((&second["data"][0]["identifier"], &second["has_more"]), (&videos[2], &json!(false)));
    let third = pull(&format!("?after={}", text(&second["next"]))).await;
    assert_eq!((&third["data"], &third["next"]), (&json!([]), &second["next"]));
    for query in ["?after=7", "?limit=0", "?limit=1001", "?page=2"] {
        let (status, _) =
            server.ask_as(&operator, Method::GET, &format!("/v1/admin/meter_events{query}"), Value::Null).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}
