use std::collections::BTreeSet;

use clipmill_tests::Server;
use clipmill_tests::server::answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::tidy::sources;

/// What may be read without a key.
const PUBLIC: [&str; 2] = ["/v1/receipts/{token}", "/v1/webhooks/keys"];

/// All that there is.
const OPERATIONS: [&str; 72] = [
    "delete /v1/account",
    "delete /v1/account/keys/{id}",
    "delete /v1/admin/accounts/{id}",
    "delete /v1/destinations/{id}",
    "delete /v1/files/{id}",
    "delete /v1/videos/{id}",
    "delete /v1/webhook_endpoints/{id}",
    "get /healthz",
    "get /metrics",
    "get /readyz",
    "get /v1/account",
    "get /v1/account/audit_log",
    "get /v1/account/credits",
    "get /v1/account/erasures/{id}",
    "get /v1/account/export/{id}",
    "get /v1/account/keys",
    "get /v1/admin/accounts",
    "get /v1/admin/accounts/{id}",
    "get /v1/admin/accounts/{id}/videos",
    "get /v1/admin/meter_events",
    "get /v1/admin/statistics",
    "get /v1/admin/training_videos",
    "get /v1/admin/workers",
    "get /v1/destinations",
    "get /v1/destinations/{id}",
    "get /v1/files",
    "get /v1/files/retrieve",
    "get /v1/files/retrieve_content",
    "get /v1/files/{id}",
    "get /v1/files/{id}/content",
    "get /v1/query/video_generation",
    "get /v1/receipts/{token}",
    "get /v1/token_plan/remains",
    "get /v1/usage",
    "get /v1/videos",
    "get /v1/videos/models",
    "get /v1/videos/{id}",
    "get /v1/videos/{id}/content",
    "get /v1/videos/{id}/events",
    "get /v1/webhook_endpoints",
    "get /v1/webhook_endpoints/{id}",
    "get /v1/webhook_endpoints/{id}/deliveries",
    "get /v1/webhooks/keys",
    "get /v1/webhooks/secret",
    "patch /v1/account",
    "patch /v1/admin/accounts/{id}",
    "patch /v1/destinations/{id}",
    "patch /v1/webhook_endpoints/{id}",
    "post /v1/account/erasures",
    "post /v1/account/export",
    "post /v1/account/keys",
    "post /v1/admin/accounts",
    "post /v1/admin/accounts/{id}/credits",
    "post /v1/admin/tiers/{tier}/pause",
    "post /v1/admin/tiers/{tier}/resume",
    "post /v1/admin/workers/{name}/drain",
    "post /v1/admin/workers/{name}/resume",
    "post /v1/destinations",
    "post /v1/destinations/{id}/test",
    "post /v1/files",
    "post /v1/files/{id}/complete",
    "post /v1/video_generation",
    "post /v1/videos",
    "post /v1/videos/{id}/cancel",
    "post /v1/videos/{id}/remix",
    "post /v1/videos/{id}/retention",
    "post /v1/webhook_endpoints",
    "post /v1/webhook_endpoints/{id}",
    "post /v1/webhook_endpoints/{id}/deliveries/{delivery_id}/replay",
    "post /v1/webhook_endpoints/{id}/replay",
    "post /v1/webhook_endpoints/{id}/rotate_secret",
    "post /v1/webhook_endpoints/{id}/test",
];

#[test]
fn no_two_schemas_share_a_name() {
    let mut names = BTreeSet::new();
    for (file, text) in sources().iter().filter(|(file, _)| file.starts_with("api/src/")) {
        // `as` gives a schema another name than its type has.
        for item in text.split("ToSchema)]").skip(1) {
            let head = item.split('{').next().unwrap();
            let named = head.split("schema(as = ").nth(1).and_then(|rest| rest.split([')', ',']).next());
            let name = named
                .or_else(|| {
                    head.split("struct ").nth(1).or_else(|| head.split("enum ").nth(1))?.split_whitespace().next()
                })
                .unwrap_or_else(|| panic!("{file}: {head}"));
            assert!(names.insert(name.to_owned()), "{name} is the name of two schemas, the second one in {file}");
        }
    }
    assert!(names.len() > 30);
}

#[test]
fn every_operation_is_documented_with_its_errors() {
    let document = serde_json::to_value(clipmill_api::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(operations, OPERATIONS.map(str::to_owned).into());
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for (method, operation) in item.as_object().unwrap() {
            // The answers of a dialect say in their bodies what is wrong.
            let is_dialect = operation["tags"][0] == "minimax";
            let keyed: &[&str] = match path.as_str() {
                path if PUBLIC.contains(&path) => &[],
                path if path.starts_with("/v1/admin/") => &["401"],
                _ => &["401", "403", "429"],
            };
            let said: Vec<_> =
                ["408", "500", "503"].iter().chain(keyed).map(|status| &operation["responses"][status]).collect();
            assert!(
                said.iter().all(|answer| answer.is_null() == is_dialect),
                "{method} {path} says nothing of an error"
            );
            assert!(operation["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_video_has_the_members_that_the_document_names() {
    let server = Server::start().await;
    let video = server.completed().await;
    let document = serde_json::to_value(clipmill_api::document()).unwrap();
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let schema = |name: &str| members(&document["components"]["schemas"][name]["properties"]);
    assert_eq!(members(&video), schema("VideoView"));
    assert_eq!(members(&video["output"]), schema("OutputOptionsView"));
    assert_eq!(members(&video["outputs"][0]), schema("OutputView"));
}

#[tokio::test]
async fn a_file_has_the_members_that_the_document_names() {
    let server = Server::start().await;
    let announced = json!({ "filename": "cup.jpg", "content_type": "image/jpeg", "bytes": 17 });
    let (_, file) = answer(server.request(Method::POST, "/v1/files").json(&announced)).await;
    let document = serde_json::to_value(clipmill_api::document()).unwrap();
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let schema = |name: &str| members(&document["components"]["schemas"][name]["properties"]);
    assert_eq!(members(&file), schema("FileView"));
    assert_eq!(members(&file["upload"]), schema("UploadView"));
}

#[tokio::test]
async fn every_route_of_the_document_wants_a_key() {
    let server = Server::start().await;
    let document = serde_json::to_value(clipmill_api::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    for (path, item) in paths.filter(|(path, _)| path.starts_with("/v1/") && !PUBLIC.contains(&path.as_str())) {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.replace("{id}", "video_00000000000000000000000000000000");
            let path = path.replace("{delivery_id}", "wh_00000000000000000000000000000000");
            let method: Method = method.to_uppercase().parse().unwrap();
            let (status, body) = answer(server.anonymous(method.clone(), &path)).await;
            match operation["tags"][0] == "minimax" {
                true => assert_eq!(body["base_resp"]["status_code"], 1004, "{method} {path}"),
                false => assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}"),
            }
        }
    }
}
