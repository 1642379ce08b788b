//! Operators: each access leaves a trace that the account can read and nobody can change.

use clipmill_tests::Server;
use clipmill_tests::server::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn every_access_of_an_operator_is_in_a_log_that_the_account_reads() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let video = server.submit_small().await;
    let path = format!("/v1/admin/accounts/{}", server.account);
    let ask = async |method, path: &str, body| {
        let (status, answer) = server.ask_as(&operator, method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    };
    ask(Method::GET, "/v1/admin/accounts", Value::Null).await;
    assert_eq!(ask(Method::GET, &path, Value::Null).await["name"], "test");
    let videos = ask(Method::GET, &format!("{path}/videos"), Value::Null).await;
    assert_eq!((&videos["data"][0]["id"], &videos["data"][0]["prompt"]), (&video["id"], &video["prompt"]));
    ask(Method::PATCH, &path, json!({ "max_running": 2, "billing_reference": "cus_9" })).await;
    ask(Method::POST, &format!("{path}/credits"), json!({ "credits": 5 })).await;

    let (_, log) = server.get("/v1/account/audit_log?order=asc").await;
    let entries: Vec<(&str, &str, &Value)> = log["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(&entry["actor"]), text(&entry["action"]), &entry["detail"]))
        .collect();
    assert_eq!(
        entries,
        [
            ("operator grace", "account.read", &json!([])),
            ("operator grace", "account.read", &json!([])),
            ("operator grace", "videos.read", &json!([video["id"]])),
            ("operator grace", "account.changed", &json!(["max_running", "billing_reference"])),
            ("operator grace", "credits.changed", &json!(["+5"])),
        ]
    );
    let page =
        server.get(&format!("/v1/account/audit_log?order=asc&limit=2&after={}", text(&log["data"][0]["id"]))).await.1;
    assert_eq!((&page["data"][1]["id"], &page["has_more"]), (&log["data"][2]["id"], &json!(true)));
    let stranger = server.stranger().await;
    assert_eq!(server.ask_as(&stranger, Method::GET, "/v1/account/audit_log", Value::Null).await.1["data"], json!([]));
}

#[tokio::test]
async fn the_log_can_neither_be_changed_nor_emptied_before_its_time() {
    let server = Server::start().await;
    let operator = server.operator().await;
    server.ask_as(&operator, Method::GET, "/v1/admin/accounts", Value::Null).await;
    for statement in ["update audit_log set actor = 'nobody'", "delete from audit_log", "truncate audit_log"] {
        let refused = sqlx::query(statement).execute(&server.pool).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
    let old = "insert into audit_log (id, account_id, actor, action, created_at)
               values (gen_random_uuid(), $1, 'operator grace', 'account.read', now() - interval '3 years')";
    sqlx::query(old).bind(server.account.uuid()).execute(&server.pool).await.unwrap();
    server.expire().await;
    let left: i64 = sqlx::query_scalar("select count(*) from audit_log").fetch_one(&server.pool).await.unwrap();
    assert_eq!(left, 1, "after two years it goes");
}

#[tokio::test]
async fn what_operators_do_wants_a_live_key_of_theirs() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let document = serde_json::to_value(clipmill_api::document()).unwrap();
    let mut walked = 0;
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/admin"))
    {
        for method in item.as_object().unwrap().keys() {
            let (path, method) =
                (path.replace("{id}", &server.account.to_string()), method.to_uppercase().parse::<Method>().unwrap());
            for key in [server.key(), "cmop_0", "", &operator.replace("cmop_", "cm_")] {
                let (status, answer) = server.ask_as(key, method.clone(), &path, Value::Null).await;
                assert_eq!(
                    (status, &answer["error"]["code"]),
                    (StatusCode::UNAUTHORIZED, &json!("invalid_operator_key")),
                    "{method} {path}"
                );
            }
            walked += 1;
        }
    }
    assert!(walked >= 10, "{walked}");
    assert_eq!(
        server.ask_as(&operator, Method::GET, "/v1/videos", Value::Null).await.0,
        StatusCode::UNAUTHORIZED,
        "nor is theirs a customer's"
    );
    sqlx::query("update operator_keys set expires_at = now()").execute(&server.pool).await.unwrap();
    assert_eq!(
        server.ask_as(&operator, Method::GET, "/v1/admin/accounts", Value::Null).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn an_operator_makes_an_account_and_sets_what_it_may_do() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let body = json!({ "name": "Studio", "email": "ada@example.com", "keep_history": true });
    let (status, made) = server.ask_as(&operator, Method::POST, "/v1/admin/accounts", body).await;
    assert_eq!(
        (status, &made["name"], &made["email"], &made["keep_history"]),
        (StatusCode::OK, &json!("Studio"), &json!("ada@example.com"), &json!(true))
    );
    let (_, account) = server.ask_as(text(&made["api_key"]), Method::GET, "/v1/account", Value::Null).await;
    assert_eq!(account["id"], made["id"]);
    let path = format!("/v1/admin/accounts/{}", text(&made["id"]));
    for (body, field) in [
        (json!({ "max_running": -1 }), "max_running"),
        (json!({ "max_queued": 3_000_000_000_i64 }), "max_queued"),
        (json!({ "billing_reference": "4111 1111 1111 1111" }), "billing_reference"),
        (json!({ "billing_reference": "x".repeat(201) }), "billing_reference"),
        (json!({ "legal_hold_reason": "case" }), "legal_hold_reason"),
        (json!({ "legal_hold_until": 4_102_444_800_i64 }), "legal_hold_reason"),
        (json!({ "legal_hold_reason": "case", "legal_hold_until": -1 }), "legal_hold_until"),
        (json!({ "name": "mine" }), "name"),
    ] {
        let (status, answer) = server.ask_as(&operator, Method::PATCH, &path, body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    let (status, _) = server.ask_as(&operator, Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    for path in [path.as_str(), "/v1/admin/accounts/acct_00000000000000000000000000000000", "/v1/admin/accounts/x"] {
        let (status, answer) = server.ask_as(&operator, Method::GET, path, Value::Null).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!("account_not_found")));
    }
    let (_, listed) = server.ask_as(&operator, Method::GET, "/v1/admin/accounts", Value::Null).await;
    let last = listed["data"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["id"], &last["name"], &last["email"]), (&made["id"], &json!("deleted"), &Value::Null));
    assert!(last["deleted_at"].is_i64());
}
