use clipmill_tests::server::{answer, small, text};
use clipmill_tests::{Customer, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const PATH: &str = "/v1/destinations";

fn studio() -> Value {
    json!({ "name": "studio", "bucket": "studio-videos", "access_key_id": "AKIAEXAMPLE", "secret_access_key": "very secret" })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = studio();
    body["secret_access_key"] = json!("very-secret");
    body[field] = value;
    body
}

#[tokio::test]
async fn a_destination_is_made_found_by_id_and_name_changed_and_deleted() {
    let server = Server::start().await;
    let (status, made) = server.post(PATH, with("prefix", json!("clips/"))).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let expected = json!({
        "id": made["id"], "object": "destination", "name": "studio", "bucket": "studio-videos", "region": "us-east-1",
        "endpoint": null, "prefix": "clips/", "path_style": false, "access_key_id": "AKIAEXAMPLE", "role_arn": null,
        "external_id": null, "created_at": made["created_at"], "updated_at": made["created_at"],
    });
    assert_eq!(made, expected);
    let by_id = format!("{PATH}/{}", text(&made["id"]));
    for path in [&by_id, "/v1/destinations/studio"] {
        assert_eq!(server.get(path).await, (StatusCode::OK, made.clone()));
    }
    let change = json!({ "name": "archive", "role_arn": "arn:aws:iam::123456789012:role/videos", "endpoint": "https://s3.example.com" });
    let (status, changed) = server.ask(Method::PATCH, &by_id, change).await;
    assert_eq!((status, &changed["name"], &changed["bucket"]), (StatusCode::OK, &json!("archive"), &made["bucket"]));
    assert_eq!((&changed["access_key_id"], &changed["endpoint"]), (&Value::Null, &json!("https://s3.example.com/")));
    let (_, changed) = server.ask(Method::PATCH, &by_id, json!({ "endpoint": "" })).await;
    assert_eq!(changed["endpoint"], Value::Null);
    server.post(PATH, with("name", json!("second"))).await;
    let (_, page) = server.get(&format!("{PATH}?order=asc&limit=1")).await;
    assert_eq!((&page["data"][0]["name"], &page["has_more"]), (&json!("archive"), &json!(true)));
    let (_, gone) = server.ask(Method::DELETE, "/v1/destinations/archive", Value::Null).await;
    assert_eq!(gone, json!({ "id": made["id"], "object": "destination.deleted", "deleted": true }));
    let (status, none) = server.get(&by_id).await;
    assert_eq!((status, &none["error"]["code"]), (StatusCode::NOT_FOUND, &json!("destination_not_found")));
}

#[tokio::test]
async fn what_cannot_be_accepted_is_named() {
    let server = Server::start().await;
    for (param, body) in [
        ("name", with("name", json!("Studio"))),
        ("name", with("name", json!("dest_1"))),
        ("bucket", with("bucket", json!("a/b"))),
        ("region", with("region", json!("eu.evil.com"))),
        ("endpoint", with("endpoint", json!("ftp://example.com"))),
        ("endpoint", with("endpoint", json!("https://example.com/path"))),
        ("endpoint", with("endpoint", json!("https://me:secret@example.com"))),
        ("prefix", with("prefix", json!("../"))),
        ("path_style", with("path_style", json!("maybe"))),
        ("role_arn", with("role_arn", json!("arn:aws:iam::123456789012:role/videos"))),
        ("secret_access_key", studio()),
        ("secret_access_key", json!({ "name": "a", "bucket": "abc", "access_key_id": "id" })),
        ("access_key_id", json!({ "name": "a", "bucket": "abc" })),
        ("role_arn", json!({ "name": "a", "bucket": "abc", "role_arn": "admin" })),
        ("secret", with("secret", json!("x"))),
    ] {
        let (status, answer) = server.post(PATH, body).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(param)), "{answer}");
    }
    let (_, page) = server.get(PATH).await;
    assert_eq!(page["data"], json!([]));
}

#[tokio::test]
async fn names_are_an_account_s_own_and_taken_once() {
    let server = Server::start().await;
    assert_eq!(server.post(PATH, with("prefix", json!("a"))).await.0, StatusCode::OK);
    let (status, taken) = server.post(PATH, with("prefix", json!("b"))).await;
    assert_eq!((status, &taken["error"]["code"]), (StatusCode::CONFLICT, &json!("destination_name_taken")));
    let stranger = server.stranger().await;
    let (status, _) = server.ask_as(&stranger, Method::GET, "/v1/destinations/studio", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let mut wish = small();
    wish["output"] = json!({ "destination": "studio" });
    let (status, answer) = server.ask_as(&stranger, Method::POST, "/v1/videos", wish).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("output.destination")));
}

#[tokio::test]
async fn an_account_has_twenty_destinations_at_most_however_fast_it_asks() {
    let server = Server::start().await;
    let ask = |number: usize| {
        let body = with("name", json!(format!("studio-{number}")));
        answer(server.request(Method::POST, PATH).json(&body))
    };
    let answers = (0..25).map(ask).collect::<JoinSet<_>>().join_all().await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::OK).count(), 20);
    let (status, refused) = ask(99).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::CONFLICT, &json!("too_many_destinations")));
}

#[tokio::test]
async fn a_test_writes_and_removes_and_says_what_is_wrong() {
    let (server, customer) = (Server::start().await, Customer::start().await);
    let (_, made) = server.post(PATH, customer.destination()).await;
    let (status, tested) = server.post("/v1/destinations/studio/test", Value::Null).await;
    let expected = json!({
        "object": "destination.test", "destination_id": made["id"], "success": true, "removed": true, "error": null, "message": null,
    });
    assert_eq!((status, tested), (StatusCode::OK, expected));
    assert_eq!(customer.keys().await, Vec::<String>::new());
    for (change, error, word) in [
        (json!({ "access_key_id": "clipmill", "secret_access_key": "wrong" }), "store_refused", "403"),
        (json!({ "endpoint": "http://127.0.0.1:9" }), "store_unreachable", "reached"),
    ] {
        server.ask(Method::PATCH, "/v1/destinations/studio", change).await;
        let (status, tested) = server.post("/v1/destinations/studio/test", Value::Null).await;
        let told = (status, &tested["success"], &tested["error"]);
        assert_eq!(told, (StatusCode::OK, &json!(false), &json!(error)), "{tested}");
        assert!(text(&tested["message"]).contains(word), "{tested}");
    }
}

#[tokio::test]
async fn an_output_that_cannot_be_accepted_is_named() {
    let server = Server::start().await;
    server.post(PATH, with("prefix", json!("a"))).await;
    let long = format!("https://example.com/{}", "x".repeat(2048));
    for (param, output) in [
        ("output", json!(5)),
        ("output.upload_url", json!({ "upload_url": 5 })),
        ("output.upload_url", json!({ "upload_url": "ftp://example.com/" })),
        ("output.upload_url", json!({ "upload_url": long })),
        ("output.destination", json!({ "destination": "nowhere" })),
        ("output.destination", json!({ "destination": "studio\u{0}" })),
        ("output.destination", json!({ "destination": "studio", "upload_url": "https://example.com/" })),
        ("output.keep", json!({ "keep": false })),
        ("output.keep", json!({ "keep": "never" })),
    ] {
        let mut wish = small();
        wish["output"] = output;
        let (status, answer) = server.post("/v1/videos", wish).await;
        assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(param)), "{answer}");
    }
}
