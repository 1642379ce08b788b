use clipmill_tests::Server;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{endpoint, is_found_by_its_owner_only, path};

#[tokio::test]
async fn an_owner_reads_an_endpoint_and_nobody_else_does() {
    let server = Server::start().await;
    let mut made = endpoint(&server).await;
    let (status, read) = server.get(&path(&made)).await;
    made.as_object_mut().unwrap().remove("signing_secret");
    assert_eq!((status, read), (StatusCode::OK, made.clone()));
    is_found_by_its_owner_only(&server, Method::GET, &made, "", Value::Null).await;
}
