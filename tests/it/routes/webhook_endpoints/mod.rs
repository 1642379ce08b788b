use clipmill_tests::Server;
use clipmill_tests::server::{answer, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

mod create;
mod delete;
mod deliveries;
mod get;
mod list;
mod replay;
mod replay_delivery;
mod rotate_secret;
mod test;
mod update;

/// An endpoint that nobody listens at.
async fn endpoint(server: &Server) -> Value {
    server.endpoint(json!({ "name": "production", "url": "http://127.0.0.1:9/hook" })).await
}

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", text(&endpoint["id"]))
}

/// Whoever is not its owner, and whoever names what is no endpoint, finds nothing.
async fn is_found_by_its_owner_only(server: &Server, method: Method, endpoint: &Value, rest: &str, body: Value) {
    let stranger = server.stranger().await;
    let request =
        server.anonymous(method.clone(), &format!("{}{rest}", path(endpoint))).bearer_auth(stranger).json(&body);
    let none = server.request(method, &format!("/v1/webhook_endpoints/video_1{rest}")).json(&body);
    for request in [request, none] {
        let (status, answer) = answer(request).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!("webhook_endpoint_not_found")));
    }
}
