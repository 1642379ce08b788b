use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_tests::Server;
use clipmill_tests::server::{answer, small, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn finished_videos_are_counted_by_day_tier_and_key() {
    let server = Server::start().await;
    let (second, key) = keys::create(&server.pool, server.account, &KeyWish::named("second")).await.unwrap();
    let first = server.completed().await;
    for model in ["fast", "pro"] {
        let body = json!({ "seconds": 2, "model": model, "prompt": "a kite", "size": "256x144" });
        let request = server.anonymous(Method::POST, "/v1/videos").bearer_auth(key.reveal()).json(&body);
        assert_eq!(answer(request).await.0, StatusCode::OK);
        server.render().await;
    }
    server.submit_small().await;
    answer(server.request(Method::DELETE, &format!("/v1/videos/{}", text(&first["id"])))).await;

    let (status, usage) = server.get("/v1/usage").await;
    assert_eq!(status, StatusCode::OK, "{usage}");
    let units = |seconds: f64| json!(256.0 * 144.0 * seconds / 1e6);
    let lines: Vec<(&Value, bool, &Value, &Value, &Value)> = usage["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                &line["tier"],
                line["api_key_id"] == second.id.to_string(),
                &line["jobs"],
                &line["seconds"],
                &line["billable_units"],
            )
        })
        .collect();
    assert_eq!(lines.len(), 3, "{usage}");
    assert!(lines.contains(&(&json!("fast"), false, &json!(1), &json!(1), &units(1.0))), "{usage}");
    assert!(lines.contains(&(&json!("fast"), true, &json!(1), &json!(2), &units(2.0))), "{usage}");
    assert!(lines.contains(&(&json!("pro"), true, &json!(1), &json!(2), &units(2.0))), "{usage}");
    assert_eq!((&usage["total"]["jobs"], &usage["total"]["seconds"]), (&json!(3), &json!(5)));

    let (_, usage) = server.get("/v1/usage?group_by=tier").await;
    assert_eq!(usage["data"].as_array().unwrap().len(), 2);
    assert_eq!((&usage["data"][0]["day"], &usage["data"][0]["seconds"]), (&Value::Null, &json!(3)));
    let (_, usage) = server.get("/v1/usage?from=2020-01-01&to=2020-01-31").await;
    assert_eq!((&usage["data"], &usage["total"]["jobs"]), (&json!([]), &json!(0)));
    let (_, csv) = server.get("/v1/usage?format=csv").await;
    assert_eq!(text(&csv).lines().count(), 4, "{csv}");
    assert!(text(&csv).starts_with("day,tier,api_key_id,jobs,seconds,billable_units\r\n"));

    let stranger = server.stranger().await;
    let (_, usage) = answer(server.anonymous(Method::GET, "/v1/usage").bearer_auth(stranger)).await;
    assert_eq!(usage["data"], json!([]), "nobody sees what others use");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_accepted_is_named() {
    let server = Server::start().await;
    for (query, param) in [
        ("from=yesterday", "from"),
        ("from=1969-01-01", "from"),
        ("to=+12026-01-01", "to"),
        ("from=2026-02-01&to=2026-01-01", "from"),
        ("from=2024-01-01&to=2026-01-01", "from"),
        ("group_by=week", "group_by"),
        ("format=xml", "format"),
        ("until=2026-01-01", "until"),
    ] {
        let (status, body) = server.get(&format!("/v1/usage?{query}")).await;
        assert_eq!((status, text(&body["error"]["param"])), (StatusCode::BAD_REQUEST, param), "{query}");
    }
}

#[tokio::test]
async fn each_video_says_whether_it_is_to_be_paid_for() {
    let server = Server::start().await;
    let queued = server.submit_small().await;
    assert_eq!((&queued["billable"], &queued["usage"]), (&Value::Null, &Value::Null));
    let (_, cancelled) =
        answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&queued["id"])))).await;
    assert_eq!(
        (&cancelled["billable"], &cancelled["not_billable_because"]),
        (&json!(false), &json!("cancelled_before_start"))
    );
    let completed = server.completed().await;
    assert_eq!(completed["billable"], true);
    assert_eq!(completed["usage"], json!({ "seconds": small()["seconds"], "billable_units": 256.0 * 144.0 / 1e6 }));
}
