use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|file| text(&file["id"])).collect()
}

#[tokio::test]
async fn pages_follow_each_other_in_both_orders() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(text(&server.put_up(picture::COFFEE, "cup.jpg").await["id"]).to_owned());
    }
    let (_, page) = server.get("/v1/files?limit=2&order=asc").await;
    assert_eq!(
        (ids(&page), &page["has_more"], &page["object"]),
        (vec![&*made[0], &made[1]], &json!(true), &json!("list"))
    );
    assert_eq!((&page["first_id"], &page["last_id"]), (&json!(made[0]), &json!(made[1])));
    let (_, page) = server.get(&format!("/v1/files?order=asc&after={}", made[1])).await;
    assert_eq!((ids(&page), &page["has_more"]), (vec![&*made[2], &made[3]], &json!(false)));
    let (_, page) = server.get(&format!("/v1/files?limit=2&after={}", made[3])).await;
    assert_eq!((ids(&page), &page["has_more"]), (vec![&*made[2], &made[1]], &json!(true)));
    let stranger = server.stranger().await;
    let (_, page) = answer(server.anonymous(Method::GET, "/v1/files").bearer_auth(stranger)).await;
    assert_eq!((ids(&page), &page["last_id"]), (vec![], &Value::Null));
}

#[tokio::test]
async fn a_page_may_be_of_one_purpose() {
    let server = Server::start().await;
    server.put_up(picture::COFFEE, "cup.jpg").await;
    let announced = json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": 5, "purpose": "vision" });
    let (_, file) = answer(server.request(Method::POST, "/v1/files").json(&announced)).await;
    assert_eq!(ids(&server.get("/v1/files?purpose=vision").await.1), [text(&file["id"])]);
    assert_eq!(ids(&server.get("/v1/files?purpose=user_data").await.1), [""; 0]);
}

#[tokio::test]
async fn a_parameter_that_cannot_be_accepted_is_named() {
    let server = Server::start().await;
    for (query, field) in [
        ("limit=101", "limit"),
        ("order=up", "order"),
        ("after=video_7", "after"),
        ("purpose=x", "purpose"),
        ("page=2", "page"),
    ] {
        let (status, body) = server.get(&format!("/v1/files?{query}")).await;
        assert_eq!((status, body["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{query}");
    }
}
