use clipmill_tests::server::{answer, text};
use clipmill_tests::{Server, picture};
use reqwest::{Client, Method, StatusCode, header};
use serde_json::json;

#[tokio::test]
async fn a_file_can_be_downloaded_by_a_link_as_it_came() {
    let server = Server::start().await;
    let file = server.put_up(picture::COFFEE, "\"; x=y.jpg").await;
    let plain = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("{}/v1/files/{}/content", server.url(), text(&file["id"]));
    let redirect = plain.get(&url).bearer_auth(server.key()).send().await.unwrap();
    assert_eq!(
        (redirect.status(), &redirect.headers()[header::CACHE_CONTROL]),
        (StatusCode::FOUND, &"no-store".parse().unwrap())
    );
    let linked = plain.get(redirect.headers()[header::LOCATION].to_str().unwrap()).send().await.unwrap();
    assert_eq!(linked.headers()[header::CONTENT_TYPE], "image/jpeg");
    let named = format!("inline; filename=\"{}.jpg\"", text(&file["id"]));
    assert_eq!(linked.headers()[header::CONTENT_DISPOSITION], named);
    assert_eq!(linked.bytes().await.unwrap(), picture::COFFEE);
}

#[tokio::test]
async fn a_file_that_waits_for_its_content_has_none() {
    let server = Server::start().await;
    let announced = json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": 5 });
    let (_, file) = answer(server.request(Method::POST, "/v1/files").json(&announced)).await;
    let (status, body) = server.get(&format!("/v1/files/{}/content", text(&file["id"]))).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::CONFLICT, &json!("file_not_ready")));
}
