//! A task of the MiniMax dialect on its way, as its callback hears of it.

use clipmill_tests::oracle::flagged;
use clipmill_tests::server::answer;
use clipmill_tests::{Oracle, Receiver, Server, Setup};
use reqwest::Method;
use serde_json::{Value, json};

async fn submit(server: &Server, receiver: &Receiver) -> String {
    let body = json!({ "model": "T2V-01", "prompt": "a fox", "callback_url": receiver.url() });
    let (_, task) = answer(server.request(Method::POST, "/v1/video_generation").json(&body)).await;
    assert_eq!(task["base_resp"]["status_code"], 0, "{task}");
    sqlx::query("update jobs set width = 256, height = 144, seconds = 1").execute(&server.pool).await.unwrap();
    task["task_id"].as_str().unwrap().to_owned()
}

async fn told(server: &Server, receiver: &Receiver) -> Vec<Value> {
    server.notify().await;
    let messages = receiver.messages();
    assert!(messages.iter().all(|message| message.is_genuine(&server.webhook_secret)));
    let mut bodies: Vec<Value> = messages.iter().map(|message| message.json()).collect();
    bodies.sort_by_key(|body| body["status"] != "processing");
    bodies
}

fn ok() -> Value {
    json!({ "status_code": 0, "status_msg": "success" })
}

#[tokio::test]
async fn a_callback_hears_that_its_task_begins_and_ends() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let id = submit(&server, &receiver).await;
    assert_eq!(told(&server, &receiver).await, [json!(null); 0]);
    server.render().await;
    let begun = json!({ "task_id": id, "status": "processing", "base_resp": ok() });
    let done = json!({
        "task_id": id, "status": "success", "file_id": id, "video_width": 256, "video_height": 144, "base_resp": ok(),
    });
    assert_eq!(told(&server, &receiver).await, [begun, done]);
    server.age_timers().await;
    server.expire().await;
    assert_eq!(server.notify().await, 0, "there is no word in the dialect for a file that has gone");
}

#[tokio::test]
async fn a_task_begins_once_however_often_it_is_tried() {
    let server = Server::with_engines(clipmill_tests::puppet::engines()).await;
    let receiver = Receiver::answering([]).await;
    let id = submit(&server, &receiver).await;
    sqlx::query("update jobs set prompt = 'puppet Fail now'").execute(&server.pool).await.unwrap();
    for _ in 0..3 {
        server.render().await;
        server.age_timers().await;
    }
    let told = told(&server, &receiver).await;
    let statuses: Vec<&str> = told.iter().map(|body| body["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["processing", "failed"], "{id}");
    assert_eq!(told[1]["base_resp"]["status_code"], 1000);
}

#[tokio::test]
async fn a_video_that_is_refused_says_so_in_the_callback() {
    let oracle = Oracle::answering(|question| flagged(question["input"].to_string().contains("webp"))).await;
    let mut setup = Setup::default();
    setup.moderation.moderation_url = Some(oracle.url());
    let server = Server::with(setup).await;
    let receiver = Receiver::answering([]).await;
    submit(&server, &receiver).await;
    server.render().await;
    assert_eq!(told(&server, &receiver).await[1]["base_resp"]["status_code"], 1027);
}

#[tokio::test]
async fn a_job_of_the_native_api_is_not_told_that_it_begins() {
    let server = Server::start().await;
    let receiver = Receiver::answering([]).await;
    let mut body = clipmill_tests::server::small();
    body["webhook_url"] = json!(receiver.url());
    server.submit(body).await;
    server.render().await;
    server.notify().await;
    let kinds: Vec<Value> = receiver.messages().iter().map(|message| message.json()["type"].clone()).collect();
    assert_eq!(kinds, ["video.completed"]);
}
