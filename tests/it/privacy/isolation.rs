//! Another's things are not there: every route of the document, with the ids of one account and the key of another.

use std::collections::BTreeMap;

use clipmill_tests::server::text;
use clipmill_tests::{Server, picture};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn every_route_answers_as_if_what_belongs_to_another_were_not_there() {
    let server = Server::start().await;
    let (video, file) = (server.completed().await, server.put_up(picture::COFFEE, "cup.jpg").await);
    let endpoint = server.endpoint(json!({ "name": "hook", "url": "http://127.0.0.1:9/" })).await;
    server.ask(Method::POST, &format!("/v1/webhook_endpoints/{}/test", text(&endpoint["id"])), json!({})).await;
    let (_, export) = server.post("/v1/account/export", Value::Null).await;
    let (_, erasure) = server.post("/v1/account/erasures", json!({ "from": 0, "until": 1 })).await;
    let (_, key) = server.post("/v1/account/keys", json!({ "name": "second" })).await;
    let ids = BTreeMap::from([
        ("/v1/videos/", &video["id"]),
        ("/v1/files/", &file["id"]),
        ("/v1/webhook_endpoints/", &endpoint["id"]),
        ("/v1/account/export/", &export["id"]),
        ("/v1/account/erasures/", &erasure["id"]),
        ("/v1/account/keys/", &key["id"]),
    ]);
    let destination =
        json!({ "name": "studio", "bucket": "videos", "access_key_id": "id", "secret_access_key": "secret" });
    let (_, destination) = server.post("/v1/destinations", destination).await;
    let ids = ids.into_iter().chain([("/v1/destinations/", &destination["id"])]).collect::<BTreeMap<_, _>>();
    let before = everything(&server).await;

    let stranger = server.stranger().await;
    let document = serde_json::to_value(clipmill_api::document()).unwrap();
    let mut walked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.contains("{id}") || path.starts_with("/v1/admin/") {
            continue;
        }
        let (_, id) =
            ids.iter().find(|(prefix, _)| path.starts_with(**prefix)).unwrap_or_else(|| panic!("no id for {path}"));
        let path = path.replace("{id}", text(id)).replace("{delivery_id}", "wh_00000000000000000000000000000000");
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let body = if method == Method::GET || method == Method::DELETE { Value::Null } else { body(&path) };
            let (status, answer) = server.ask_as(&stranger, method.clone(), &path, body).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {answer}");
            walked += 1;
        }
    }
    assert!(walked >= 20, "{walked}");
    assert_eq!(everything(&server).await, before, "and nothing was changed");
    for (query, field) in [
        (format!("/v1/query/video_generation?task_id={}", text(&video["id"])), "base_resp"),
        (format!("/v1/files/retrieve?file_id={}", text(&file["id"])), "base_resp"),
    ] {
        let (_, answer) = server.ask_as(&stranger, Method::GET, &query, Value::Null).await;
        assert_eq!(answer[field]["status_code"], 2013, "{query}: {answer}");
    }
}

/// A body that would be accepted of the owner.
fn body(path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("retention") => json!({ "pinned": true }),
        Some("remix") => json!({ "prompt": "a fox" }),
        Some("test") => json!({ "event_type": "video.completed" }),
        Some("replay") => json!({ "since": 0 }),
        _ => json!({}),
    }
}

/// All rows of the account, but for what tells of looking.
async fn everything(server: &Server) -> Vec<Value> {
    let mut all = Vec::new();
    for table in clipmill_shared::accounts::privacy::TABLES {
        let mut snapshot =
            clipmill_shared::accounts::privacy::Snapshot::begin(&server.pool, server.account).await.unwrap();
        let rows: Vec<_> = futures::TryStreamExt::try_collect::<Vec<Value>>(snapshot.rows(table)).await.unwrap();
        all.extend(rows.into_iter().map(|mut row| {
            if let Some(row) = row.as_object_mut() {
                row.remove("last_used_at");
            }
            row
        }));
    }
    all
}
