use clipmill_tests::Server;
use clipmill_tests::server::{answer, small, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|video| text(&video["id"])).collect()
}

#[tokio::test]
async fn pages_follow_each_other_in_both_orders() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(text(&server.submit_small().await["id"]).to_owned());
    }
    let (_, page) = server.get("/v1/videos?limit=2&order=asc").await;
    assert_eq!(
        (ids(&page), &page["has_more"], &page["object"]),
        (vec![&*made[0], &made[1]], &json!(true), &json!("list"))
    );
    assert_eq!((&page["first_id"], &page["last_id"]), (&json!(made[0]), &json!(made[1])));
    let (_, page) = server.get(&format!("/v1/videos?limit=3&order=asc&after={}", made[1])).await;
    assert_eq!((ids(&page), &page["has_more"]), (vec![&*made[2], &made[3], &made[4]], &json!(false)));
    let (_, page) = server.get(&format!("/v1/videos?limit=2&after={}", made[3])).await;
    assert_eq!((ids(&page), &page["has_more"]), (vec![&*made[2], &made[1]], &json!(true)));
    answer(server.request(Method::DELETE, &format!("/v1/videos/{}", made[3]))).await;
    let (_, page) = server.get(&format!("/v1/videos?limit=2&after={}", made[3])).await;
    assert_eq!(ids(&page), [&*made[2], &made[1]], "a page follows a video that is gone");
    let (_, page) = server.get("/v1/videos?limit=0").await;
    assert_eq!((ids(&page).len(), &page["last_id"]), (0, &Value::Null));
}

#[tokio::test]
async fn a_page_may_be_of_one_state_or_carry_certain_notes() {
    let server = Server::start().await;
    let done = server.completed().await;
    let mut noted = small();
    noted["metadata"] = json!({ "order": "17", "shop": "a b" });
    let noted = server.submit(noted).await;
    let (_, page) = server.get("/v1/videos?status=completed").await;
    assert_eq!(ids(&page), [text(&done["id"])]);
    let (_, page) = server.get("/v1/videos?metadata[order]=17&metadata%5Bshop%5D=a%20b").await;
    assert_eq!(ids(&page), [text(&noted["id"])]);
    let (_, page) = server.get("/v1/videos?metadata[order]=18").await;
    assert_eq!(ids(&page), [""; 0]);
}

#[tokio::test]
async fn a_parameter_that_cannot_be_accepted_is_named() {
    let server = Server::start().await;
    for (query, field) in [
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
        ("after=7", "after"),
        ("status=done", "status"),
        ("metadata[a]=%00", "metadata"),
        ("page=2", "page"),
    ] {
        let (status, body) = server.get(&format!("/v1/videos?{query}")).await;
        assert_eq!((status, body["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{query}");
    }
}
