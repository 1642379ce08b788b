//! The log of a whole run at its most talkative: nothing of a customer's is in it, nor in what the embedded Postgres writes.

use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_tests::process::{binary, signal, until};
use clipmill_tests::server::{answer, text};
use clipmill_tests::{Receiver, picture};
use reqwest::{Client, Method, StatusCode, redirect};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PROMPT: &str = "quetzalcoatlus over a fjord";
const EMAIL: &str = "persimmon@example.com";
const FILE: &str = "grandmother-kitchen.jpg";
const NOTE: &str = "tamarillo";

/// The whole service in one process, and what a client of it needs.
struct Run {
    child: Child,
    url: String,
    key: String,
    http: Client,
}

impl Run {
    async fn start(folder: &Path) -> Self {
        let mut command = Command::new(binary("clipmill"));
        command.args(["dev", "--listen", "127.0.0.1:0"]).env("CLIPMILL_DATA", folder.join("data"));
        command.env("CLIPMILL_KEY_FILE", folder.join("key")).env("CLIPMILL_LOG", "trace");
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next_line().await.unwrap().expect("it gets ready");
            if let Some(url) = line.strip_prefix("ready ") {
                break url.to_owned();
            }
        };
        let key = std::fs::read_to_string(folder.join("key")).unwrap().trim().to_owned();
        let http = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { child, url, key, http }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key);
        answer(if body.is_null() { request } else { request.json(&body) }).await
    }

    /// Submits a job and waits for its end.
    async fn render(&self, body: Value) -> Value {
        let (status, video) = self.ask(Method::POST, "/v1/videos", body).await;
        assert_eq!(status, StatusCode::OK, "{video}");
        let path = format!("/v1/videos/{}", text(&video["id"]));
        until("a video", async || self.ask(Method::GET, &path, Value::Null).await.1["status"] == "completed").await;
        video
    }
}

fn wish() -> Value {
    json!({ "prompt": PROMPT, "negative_prompt": PROMPT, "model": "fast", "size": "256x144", "seconds": 1, "metadata": { "note": NOTE } })
}

/// Does what customers do, well and badly. Says what must not be told.
async fn live(run: &Run) -> Vec<String> {
    let receiver = Receiver::answering([]).await;
    run.ask(Method::PATCH, "/v1/account", json!({ "email": EMAIL })).await;
    let (_, endpoint) =
        run.ask(Method::POST, "/v1/webhook_endpoints", json!({ "name": "hook", "url": receiver.url() })).await;
    let image = BASE64.encode(picture::COFFEE);
    let mut with_image = wish();
    with_image["input_reference"] = json!({ "image_url": format!("data:image/jpeg;base64,{image}") });
    let video = run.render(with_image).await;
    until("a webhook", async || !receiver.messages().is_empty()).await;

    let announced = json!({ "filename": FILE, "content_type": "image/jpeg", "bytes": picture::COFFEE.len() });
    let (_, file) = run.ask(Method::POST, "/v1/files", announced).await;
    let put = run.http.put(text(&file["upload"]["url"])).header("content-type", "image/jpeg").body(picture::COFFEE);
    assert!(put.send().await.unwrap().status().is_success());
    run.ask(Method::POST, &format!("/v1/files/{}/complete", text(&file["id"])), Value::Null).await;
    let mut of_file = wish();
    of_file["input_reference"] = json!({ "file_id": file["id"] });
    run.render(of_file).await;

    let content = format!("{}/v1/videos/{}/content?redirect=true", run.url, text(&video["id"]));
    let redirected = run.http.get(&content).bearer_auth(&run.key).send().await.unwrap();
    let link = redirected.headers().get("location").expect("a link").to_str().unwrap().to_owned();
    assert!(run.http.get(&link).send().await.unwrap().status().is_success());
    for body in [
        json!({ "prompt": PROMPT, "size": PROMPT }),
        json!({ "prompt": PROMPT, "seed": -1 }),
        json!({ "prompt": "\u{0}quetzalcoatlus" }),
    ] {
        assert_eq!(run.ask(Method::POST, "/v1/videos", body).await.0, StatusCode::BAD_REQUEST);
    }
    let wrong = format!("{}{}", &run.key[..run.key.len() - 1], if run.key.ends_with('x') { 'y' } else { 'x' });
    let refused = run.http.get(format!("{}/v1/videos", run.url)).bearer_auth(&wrong).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let (_, export) = run.ask(Method::POST, "/v1/account/export", Value::Null).await;
    let export = format!("/v1/account/export/{}", text(&export["id"]));
    until("an export", async || run.ask(Method::GET, &export, Value::Null).await.1["status"] == "completed").await;

    let signature = |url: &str| url.split("X-Amz-Signature=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let mut secrets =
        [PROMPT, "quetzalcoatlus", EMAIL, "persimmon", FILE, NOTE, &run.key, &wrong].map(str::to_owned).to_vec();
    secrets.extend([
        signature(&link),
        signature(text(&file["upload"]["url"])),
        text(&endpoint["signing_secret"]).to_owned(),
    ]);
    secrets.extend([image[..64].to_owned(), image[2000..2064].to_owned(), "X-Amz-Signature".to_owned()]);
    secrets
}

#[tokio::test]
async fn the_log_of_a_whole_run_at_its_most_talkative_tells_nothing_of_customers() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path()).await;
    let secrets = live(&run).await;
    let (status, _) = {
        let (_, account) = run.ask(Method::GET, "/v1/account", Value::Null).await;
        run.ask(Method::DELETE, &format!("/v1/account?confirm={}", text(&account["id"])), Value::Null).await
    };
    assert_eq!(status, StatusCode::OK);
    signal(&run.child, "-TERM").await;
    run.child.wait().await.unwrap();

    let mut log = String::new();
    for file in ["log", "data/postgres.log"] {
        let mut bytes = Vec::new();
        tokio::fs::File::open(folder.path().join(file)).await.unwrap().read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.len() > 500, "{file} is a log");
        log.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!([" INFO ", "Queued a job", "Made an export"].iter().all(|word| log.contains(word)), "it is talkative");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret} in: {}", line.unwrap_or_default());
    }
}
