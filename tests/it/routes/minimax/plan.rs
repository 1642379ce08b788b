use clipmill_tests::Server;
use reqwest::Method;
use serde_json::json;

use super::{get, say};

#[tokio::test]
async fn a_live_key_is_good_in_either_header() {
    let server = Server::start().await;
    let good = json!({ "base_resp": { "status_code": 0, "status_msg": "success" } });
    assert_eq!(get(&server, "/v1/token_plan/remains").await, (0, good.clone()));
    let other = server.anonymous(Method::GET, "/v1/token_plan/remains").header("x-api-key", server.key());
    assert_eq!(say(other).await, (0, good));
}
