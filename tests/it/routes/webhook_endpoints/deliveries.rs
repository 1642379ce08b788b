use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{endpoint, is_found_by_its_owner_only, path};

#[tokio::test]
async fn the_log_comes_page_by_page_newest_first() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    for _ in 0..3 {
        let job = server.submit_small().await;
        answer(server.request(Method::POST, &format!("/v1/videos/{}/cancel", text(&job["id"])))).await;
    }
    let log = format!("{}/deliveries", path(&made));
    let (_, first) = server.get(&format!("{log}?limit=2")).await;
    let (_, second) = server.get(&format!("{log}?limit=2&after={}", text(&first["last_id"]))).await;
    assert_eq!((&first["has_more"], &second["has_more"]), (&json!(true), &json!(false)));
    let data = |page: &Value| page["data"].as_array().unwrap().clone();
    let all = [data(&first), data(&second)].concat();
    let ids: Vec<&str> = all.iter().map(|delivery| text(&delivery["id"])).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
    assert!(all.iter().all(|delivery| delivery["status"] == "pending" && delivery["attempts"] == json!([])));
}

#[tokio::test]
async fn what_a_page_cannot_be_is_named_and_strangers_find_nothing() {
    let server = Server::start().await;
    let made = endpoint(&server).await;
    for (param, query) in [("limit", "limit=x"), ("order", "order=asc"), ("after", "after=we_1"), ("since", "since=1")]
    {
        let (status, body) = server.get(&format!("{}/deliveries?{query}", path(&made))).await;
        assert_eq!((status, body["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(param)));
    }
    is_found_by_its_owner_only(&server, Method::GET, &made, "/deliveries", Value::Null).await;
}
