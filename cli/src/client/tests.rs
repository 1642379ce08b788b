//! The client against real HTTP servers that answer as a test wants.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Multipart, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use clap::{CommandFactory, Parser};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Client, ClientError, Command, OutputOptions, Submission, Video};

const CLIP: &[u8] = b"a whole clip";
const CLIP_SHA256: &str = "1e3c971e7133b116f32314a0e02f0f1370068408b4da7d5ac061c01d26fda16c";

/// What a server saw, in order.
type Seen = Arc<Mutex<Vec<String>>>;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[tokio::test]
async fn a_submission_that_is_repeated_keeps_its_key() {
    let seen = Seen::default();
    let create = async |State(seen): State<Seen>, headers: HeaderMap, body: Multipart| {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        let fields = read_fields(body).await;
        let mut seen = seen.lock().unwrap();
        seen.push(format!("{key} {fields}"));
        match seen.len() {
            1 => refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again"),
            _ => axum::Json(video("queued")).into_response(),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_of(&listener);
    let submission = Submission {
        prompt: "a fox".to_owned(),
        tier: Some("pro".to_owned()),
        seconds: Some(4),
        seed: Some(7),
        priority: Some(-3),
        timeout_seconds: Some(600),
        file: OutputOptions { codec: Some("av1".to_owned()), looped: true, ..OutputOptions::default() },
        image: Some(vec![1, 2, 3].into()),
        ..Submission::default()
    };
    let serve = async {
        // The first connection breaks before there is an answer.
        drop(listener.accept().await.unwrap());
        axum::serve(listener, Router::new().route("/v1/videos", post(create)).with_state(seen.clone())).await.unwrap();
    };
    let created = tokio::select! {
        created = client.create(&submission, "key-1") => created.unwrap(),
        () = serve => unreachable!("the server ended"),
    };
    assert_eq!(created.status, "queued");
    let expected = "key-1 prompt=a fox model=pro seconds=4 seed=7 priority=-3 timeout_seconds=600 output[codec]=av1 \
                    output[loop]=true input_reference=<3 bytes>";
    assert_eq!(*seen.lock().unwrap(), [expected, expected]);
}

#[tokio::test]
async fn polling_follows_the_servers_pace_to_the_end() {
    let seen = Seen::default();
    let poll = async |State(seen): State<Seen>| {
        let mut seen = seen.lock().unwrap();
        seen.push("poll".to_owned());
        let status = ["queued", "in_progress", "in_progress", "failed"][seen.len() - 1];
        ([("openai-poll-after-ms", "1")], axum::Json(video(status))).into_response()
    };
    let client = serve(Router::new().route("/v1/videos/video_1", get(poll)).with_state(seen.clone())).await;
    let started = Instant::now();
    let mut states = Vec::new();
    let video = client.wait("video_1", |video| states.push(video.status.clone())).await.unwrap();
    assert_eq!(states, ["queued", "in_progress", "in_progress", "failed"]);
    assert!(!video.is_going());
    assert!(started.elapsed() < Duration::from_secs(2), "three pauses of the default length");
}

#[tokio::test]
async fn the_key_goes_to_the_server_and_not_to_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (client, seen) = serve_clip(CLIP).await;
    let path = folder.path().join("clip.mp4");
    let download = client.download(&finished(), "video", &path, |_| ()).await.unwrap();
    assert_eq!(download.size_bytes, CLIP.len() as u64);
    assert_eq!(std::fs::read(&path).unwrap(), CLIP);
    assert_eq!(*seen.lock().unwrap(), ["server video Bearer cm_key", "store none"]);
    assert_eq!(names_in(folder.path()), ["clip.mp4"]);
}

#[tokio::test]
async fn a_download_that_is_not_what_was_announced_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = serve_clip(b"another clip").await;
    let path = folder.path().join("clip.mp4");
    std::fs::write(&path, "old").unwrap();
    let error = client.download(&finished(), "video", &path, |_| ()).await.expect_err("a damaged file was kept");
    assert!(matches!(error, ClientError::Damaged), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(names_in(folder.path()), ["clip.mp4"]);
}

#[tokio::test]
async fn a_refusal_is_the_servers_own_sentence() {
    let refuse = async || refusal(StatusCode::BAD_REQUEST, "invalid_value", "seconds must be from 1 to 10");
    let client = serve(Router::new().route("/v1/videos", post(refuse))).await;
    let error = client.create(&Submission::default(), "key-1").await.expect_err("a refusal was taken for a video");
    assert_eq!(error.to_string(), "seconds must be from 1 to 10 (invalid_value)");
}

#[tokio::test]
async fn an_absent_server_and_a_foreign_one_are_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = client_of(&listener);
    drop(listener);
    let error = client.get("video_1").await.expect_err("nobody answered").to_string();
    assert!(error.starts_with(&format!("no answer from {address}: ")) && error.contains("refused"), "{error}");

    let client = serve(Router::new().route("/v1/videos/video_1", get(async || "<html>"))).await;
    let error = client.get("video_1").await.expect_err("HTML is a video").to_string();
    assert!(error.ends_with("does not answer like a Clipmill server (HTTP 200 OK)"), "{error}");
}

#[tokio::test]
async fn an_id_cannot_lead_elsewhere() {
    let elsewhere = async || axum::Json(video("queued"));
    let client = serve(Router::new().route("/v1/keys", get(elsewhere)).route("/v1/videos", get(elsewhere))).await;
    client.get("../keys").await.expect_err("an id left its place");
    client.get("x?y=").await.expect_err("an id left its place");
}

#[tokio::test]
async fn get_writes_the_file_and_refuses_a_hostile_name() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = serve_clip(CLIP).await;
    let path = folder.path().join("clip.mp4");
    super::get::finish(&client, finished(), Some(path.clone()), true).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), CLIP);

    let hostile = Video { id: "../../etc/x".to_owned(), ..finished() };
    let error = super::get::finish(&client, hostile, None, true).await.expect_err("the server chose a path");
    assert!(error.to_string().contains("--output"), "{error}");
}

#[tokio::test]
async fn a_listing_asks_for_what_was_asked() {
    let seen = Seen::default();
    let list = async |State(seen): State<Seen>, axum::extract::RawQuery(query): axum::extract::RawQuery| {
        seen.lock().unwrap().push(query.unwrap_or_default());
        axum::Json(json!({"object": "list", "data": [video("failed")], "has_more": true}))
    };
    let client = serve(Router::new().route("/v1/videos", get(list)).with_state(seen.clone())).await;
    let page = client.list(Some(3), Some("video_1"), None).await.unwrap();
    assert_eq!((page.videos.len(), page.has_more), (1, true));
    client.list(None, None, None).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["limit=3&after=video_1", ""]);
}

/// A server whose content is at another origin: a store that has `bytes`.
async fn serve_clip(bytes: &'static [u8]) -> (Client, Seen) {
    let seen = Seen::default();
    let authorization = |headers: &HeaderMap| {
        let value = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_else(|| "none".to_owned())
    };
    let at_store = async move |State(seen): State<Seen>, headers: HeaderMap| {
        seen.lock().unwrap().push(format!("store {}", authorization(&headers)));
        bytes
    };
    let store = spawn(Router::new().route("/clip", get(at_store)).with_state(seen.clone())).await;
    let content = async move |State(seen): State<Seen>, Query(query): Query<Value>, headers: HeaderMap| {
        let variant = query["variant"].as_str().unwrap().to_owned();
        seen.lock().unwrap().push(format!("server {variant} {}", authorization(&headers)));
        (StatusCode::FOUND, Redirect::to(&format!("{store}/clip"))).into_response()
    };
    let server = Router::new().route("/v1/videos/video_1/content", get(content)).with_state(seen.clone());
    (serve(server).await, seen)
}

async fn serve(router: Router) -> Client {
    client_at(&spawn(router).await)
}

async fn spawn(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn client_of(listener: &TcpListener) -> Client {
    client_at(&format!("http://{}", listener.local_addr().unwrap()))
}

fn client_at(server: &str) -> Client {
    Client::new(reqwest::Client::new(), server.parse().unwrap(), "cm_key").unwrap().impatient()
}

async fn read_fields(mut body: Multipart) -> String {
    let mut fields = Vec::new();
    while let Some(field) = body.next_field().await.unwrap() {
        let (name, is_file) = (field.name().unwrap().to_owned(), field.file_name().is_some());
        let bytes = field.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        fields.push(format!("{name}={}", if is_file { format!("<{} bytes>", bytes.len()) } else { text }));
    }
    fields.join(" ")
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let error = json!({"message": message, "type": "x", "param": null, "code": code});
    (status, axum::Json(json!({ "error": error }))).into_response()
}

fn video(status: &str) -> Value {
    json!({
        "id": "video_1", "object": "video", "model": "fast", "status": status, "progress": 0, "created_at": 1,
        "prompt": "p", "size": "1280x720", "seconds": "4", "error": null, "queue_position": null, "outputs": []
    })
}

#[test]
fn how_a_job_stands_is_said_in_a_few_words() {
    let said = |change: fn(&mut Value)| {
        let mut json = video("queued");
        change(&mut json);
        super::progress::describe(&Video::from_json(json).unwrap())
    };
    assert_eq!(said(|json| json["queue_position"] = json!(0)), "queued, next");
    let far = said(|json| {
        json["queue_position"] = json!(1700);
        json["queue_position_is_estimate"] = json!(true);
        json["eta_seconds"] = json!(7200);
    });
    assert_eq!(far, "queued, about 1700 ahead, 2 hours to go");
    let again = said(|json| {
        json["status"] = json!("in_progress");
        json["attempt"] = json!(2);
        json["eta_seconds"] = json!(40);
    });
    assert_eq!(again, "rendering, attempt 2, 40 seconds to go");
}

fn finished() -> Video {
    let mut json = video("completed");
    json["outputs"] = json!([{
        "variant": "video", "content_type": "video/mp4", "size_bytes": CLIP.len(), "sha256": CLIP_SHA256,
        "width": 1280, "height": 720, "url": "/v1/videos/video_1/content?variant=video"
    }]);
    Video::from_json(json).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
