use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::endpoint;

#[tokio::test]
async fn endpoints_come_page_by_page_in_either_order() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(endpoint(&server).await["id"].clone());
    }
    let (_, first) = server.get("/v1/webhook_endpoints?limit=2").await;
    let shown = |page: &serde_json::Value| {
        page["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&first), [ids[2].clone(), ids[1].clone()]);
    assert_eq!((&first["first_id"], &first["last_id"], &first["has_more"]), (&ids[2], &ids[1], &json!(true)));
    assert!(first["data"][0].get("signing_secret").is_none());
    let (_, second) = server.get(&format!("/v1/webhook_endpoints?limit=2&after={}", text(&ids[1]))).await;
    assert_eq!((shown(&second), &second["has_more"]), (vec![ids[0].clone()], &json!(false)));
    let (_, oldest) = server.get(&format!("/v1/webhook_endpoints?order=asc&after={}", text(&ids[0]))).await;
    assert_eq!(shown(&oldest), [ids[1].clone(), ids[2].clone()]);

    let stranger = server.stranger().await;
    let (_, others) = answer(server.anonymous(Method::GET, "/v1/webhook_endpoints").bearer_auth(stranger)).await;
    assert_eq!(others["data"], json!([]));
}

#[tokio::test]
async fn what_a_page_cannot_be_is_named() {
    let server = Server::start().await;
    for (param, query) in
        [("limit", "limit=101"), ("order", "order=up"), ("after", "after=video_1"), ("name", "name=a")]
    {
        let (status, body) = server.get(&format!("/v1/webhook_endpoints?{query}")).await;
        assert_eq!((status, body["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(param)));
    }
}
