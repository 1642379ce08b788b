//! MiniMax's own API as far as its documents tell, both generations: renders that take a few looks, codes in bodies, limits, links that
//! end, and films of FFmpeg's.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

mod film;

/// The only key that is good there.
pub const KEY: &str = "eyJhbGciOiJSUzI1NiJ9.upstream-key.Zq8vWx3";

/// Ids of tasks and of files count up from here.
const TASKS_FROM: u64 = 106_916_112_212_032;
const FILES_FROM: u64 = 176_844_028_768_320;
/// Looks at a task until it is done: Preparing, Queueing, Processing.
const LOOKS: u32 = 3;

const FIELDS_V1: [&str; 10] = [
    "model",
    "prompt",
    "first_frame_image",
    "last_frame_image",
    "prompt_optimizer",
    "fast_pretreatment",
    "duration",
    "resolution",
    "callback_url",
    "aigc_watermark",
];
const FIELDS_V2: [&str; 6] = ["model", "content", "resolution", "duration", "ratio", "callback_url"];

/// A server on loopback. It ends with the test's runtime.
pub struct MinimaxUpstream {
    url: String,
    shared: Shared,
}

type Shared = Arc<Mutex<Inner>>;

#[derive(Default)]
struct Inner {
    url: String,
    /// What was asked for and accepted.
    orders: Vec<Value>,
    tasks: Vec<Task>,
    /// Codes with which the next orders are refused.
    refusals: VecDeque<u64>,
    /// Codes with which the next renders fail.
    failures: VecDeque<u64>,
    per_minute: Option<usize>,
    in_this_minute: usize,
    throttled: usize,
    is_held: bool,
    ids_are_numbers: bool,
    stale_links: usize,
    links: usize,
    /// Whether each fetch of a film showed a key.
    fetches: Vec<bool>,
    queries: usize,
}

struct Task {
    seconds: u64,
    looks: u32,
    fails_with: Option<u64>,
    is_called_off: bool,
}

impl MinimaxUpstream {
    /// A server without limits that renders whatever its documents allow.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let shared: Shared = Arc::new(Mutex::new(Inner { url: url.clone(), ..Inner::default() }));
        let router = Router::new()
            .route("/v1/video_generation", post(create_v1))
            .route("/v1/query/video_generation", get(query_v1))
            .route("/v1/files/retrieve", get(file_v1))
            .route("/v2/video_generation", post(create_v2))
            .route("/v2/video_generation/{task}", delete(cancel_v2))
            .route("/v2/query/video_generation/{task}", get(query_v2))
            .route("/films/{task}/{link}", get(film))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Refuses the next orders with these codes, one each.
    pub fn refuse(&self, codes: impl IntoIterator<Item = u64>) {
        self.inner().refusals.extend(codes);
    }

    /// Accepts the next orders, and lets their renders fail with these codes, one each.
    pub fn fail(&self, codes: impl IntoIterator<Item = u64>) {
        self.inner().failures.extend(codes);
    }

    /// Accepts so many orders a minute from now on.
    pub fn limit(&self, per_minute: usize) {
        self.inner().per_minute = Some(per_minute);
    }

    /// Begins another minute.
    pub fn next_minute(&self) {
        self.inner().in_this_minute = 0;
    }

    /// Lets renders stay where they are, or go on.
    pub fn hold(&self, is_held: bool) {
        self.inner().is_held = is_held;
    }

    /// Writes ids as numbers where the documents have texts, as was seen.
    pub fn write_ids_as_numbers(&self) {
        self.inner().ids_are_numbers = true;
    }

    /// Lets the next links have ended when they are followed.
    pub fn give_stale_links(&self, count: usize) {
        self.inner().stale_links = count;
    }

    /// What was asked for and accepted so far.
    pub fn orders(&self) -> Vec<Value> {
        self.inner().orders.clone()
    }

    /// How many orders came too soon so far.
    pub fn throttled(&self) -> usize {
        self.inner().throttled
    }

    /// How often it was asked how a render stands.
    pub fn queries(&self) -> usize {
        self.inner().queries
    }

    /// How many renders were called off.
    pub fn called_off(&self) -> usize {
        self.inner().tasks.iter().filter(|task| task.is_called_off).count()
    }

    /// Whether each fetch of a film so far showed a key.
    pub fn fetches(&self) -> Vec<bool> {
        self.inner().fetches.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.shared)
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Inner> {
    shared.lock().expect("the lock")
}

impl Inner {
    /// The code with which an order is refused, if it is. `prompt` is repeated in words, as MiniMax may do.
    fn refusal(&mut self, headers: &HeaderMap, is_valid: bool) -> Option<u64> {
        let limit = self.per_minute.unwrap_or(usize::MAX);
        if let Some(code) = key_fault(headers) {
            return Some(code);
        }
        if self.in_this_minute >= limit {
            self.throttled += 1;
            return Some(1002);
        }
        let refusal = self.refusals.pop_front().or((!is_valid).then_some(2013));
        self.in_this_minute += usize::from(refusal.is_none());
        refusal
    }

    fn accept(&mut self, order: Value, seconds: u64) -> u64 {
        let fails_with = self.failures.pop_front();
        self.orders.push(order);
        self.tasks.push(Task { seconds, looks: 0, fails_with, is_called_off: false });
        TASKS_FROM + self.tasks.len() as u64 - 1
    }

    fn task(&mut self, id: &str) -> Option<(usize, &mut Task)> {
        let index = usize::try_from(id.parse::<u64>().ok()?.checked_sub(TASKS_FROM)?).ok()?;
        self.tasks.get_mut(index).map(|task| (index, task))
    }

    /// How far a task is at this look, by its stage: 0 to 3.
    fn look(&mut self, id: &str) -> Option<(usize, u32, Option<u64>)> {
        let is_held = self.is_held;
        self.queries += 1;
        let (index, task) = self.task(id)?;
        let stage = if is_held { task.looks.min(LOOKS - 2) } else { task.looks };
        task.looks = (stage + 1).min(LOOKS);
        Some((index, stage, task.fails_with))
    }

    fn link(&mut self, index: usize) -> String {
        self.links += 1;
        let stale = if self.stale_links > 0 { "stale" } else { "fresh" };
        self.stale_links = self.stale_links.saturating_sub(1);
        format!("{}/films/{index}/{stale}-{}?signature=do-not-log-me", self.url, self.links)
    }

    fn id(&self, id: u64) -> Value {
        if self.ids_are_numbers { json!(id) } else { json!(id.to_string()) }
    }
}

fn key_fault(headers: &HeaderMap) -> Option<u64> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match shown {
        None => Some(1004),
        Some(shown) if shown == format!("Bearer {KEY}") => None,
        Some(_) => Some(2049),
    }
}

fn base_resp(code: u64, words: &str) -> Value {
    json!({ "status_code": code, "status_msg": if code == 0 { "success" } else { words } })
}

/// What the documents allow of the first generation.
fn is_valid_v1(order: &Value) -> bool {
    let has = |name: &str| order.get(name).is_some();
    let known = order.as_object().is_some_and(|order| order.keys().all(|name| FIELDS_V1.contains(&name.as_str())));
    let (resolution, seconds) =
        (order["resolution"].as_str().unwrap_or("768P"), order["duration"].as_u64().unwrap_or(6));
    let length_is_made = match order["model"].as_str() {
        Some("MiniMax-Hailuo-2.3" | "MiniMax-Hailuo-2.3-Fast" | "MiniMax-Hailuo-02") => {
            matches!((resolution, seconds), ("768P", 6 | 10) | ("1080P", 6))
        }
        _ => false,
    };
    let is_image = |name: &str| order[name].as_str().is_none_or(|url| url.starts_with("data:image/jpeg;base64,"));
    known
        && length_is_made
        && (has("first_frame_image") || order["model"] != "MiniMax-Hailuo-2.3-Fast")
        && (!has("last_frame_image") || order["model"] == "MiniMax-Hailuo-02")
        && order["prompt"].as_str().is_some_and(|prompt| prompt.chars().count() <= 2000)
        && is_image("first_frame_image")
        && is_image("last_frame_image")
}

async fn create_v1(State(shared): State<Shared>, headers: HeaderMap, Json(order): Json<Value>) -> Json<Value> {
    let mut inner = lock(&shared);
    if let Some(code) = inner.refusal(&headers, is_valid_v1(&order)) {
        let words = format!("refused: {}", order["prompt"]);
        return Json(json!({ "task_id": "", "base_resp": base_resp(code, &words) }));
    }
    let seconds = order["duration"].as_u64().unwrap_or(6);
    let id = inner.accept(order, seconds);
    Json(json!({ "task_id": inner.id(id), "base_resp": base_resp(0, "") }))
}

async fn query_v1(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let mut inner = lock(&shared);
    if let Some(code) = key_fault(&headers) {
        return Json(json!({ "base_resp": base_resp(code, "login fail") }));
    }
    let id = query.get("task_id").cloned().unwrap_or_default();
    Json(match inner.look(&id) {
        None => json!({ "task_id": id, "base_resp": base_resp(2013, "invalid params, task_id") }),
        Some((_, LOOKS, Some(code))) => {
            json!({ "task_id": id, "status": "Fail", "base_resp": base_resp(code, "failed: a red boat") })
        }
        Some((index, LOOKS, None)) => json!({
            "task_id": id, "status": "Success", "file_id": inner.id(FILES_FROM + index as u64),
            "video_width": 320, "video_height": 180, "base_resp": base_resp(0, ""),
        }),
        Some((_, stage, _)) => {
            let status = ["Preparing", "Queueing", "Processing"][stage as usize];
            json!({ "task_id": id, "status": status, "base_resp": base_resp(0, "") })
        }
    })
}

async fn file_v1(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let mut inner = lock(&shared);
    if let Some(code) = key_fault(&headers) {
        return Json(json!({ "base_resp": base_resp(code, "login fail") }));
    }
    let file = query.get("file_id").and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
    let index = file.checked_sub(FILES_FROM).and_then(|index| usize::try_from(index).ok());
    match index.filter(|index| *index < inner.tasks.len()) {
        None => Json(json!({ "base_resp": base_resp(2013, "invalid params, file_id") })),
        Some(index) => Json(json!({
            "file": {
                "file_id": file, "bytes": 5_896_337, "created_at": 1_700_469_398, "filename": "output_aigc.mp4",
                "purpose": "video_generation", "download_url": inner.link(index),
            },
            "base_resp": base_resp(0, ""),
        })),
    }
}

/// An error of the second generation.
fn error(status: u16, kind: &str, words: &str, code: u64) -> Response {
    let error = json!({ "type": kind, "message": format!("{words} ({code})"), "http_code": status.to_string() });
    let status = StatusCode::from_u16(status).expect("a status");
    (status, Json(json!({ "type": "error", "error": error, "request_id": "0123" }))).into_response()
}

fn error_of(code: u64, words: &str) -> Response {
    match code {
        1004 | 2049 => error(401, "authorized_error", words, code),
        1008 => error(402, "insufficient_balance_error", words, code),
        1002 => error(429, "rate_limit_error", words, code),
        1026 | 1027 => error(422, "unprocessable_entity_error", words, code),
        2013 => error(400, "bad_request_error", words, code),
        _ => error(500, "server_error", words, code),
    }
}

async fn create_v2(State(shared): State<Shared>, headers: HeaderMap, Json(order): Json<Value>) -> Response {
    let mut inner = lock(&shared);
    let seconds = order["duration"].as_u64().unwrap_or(5);
    let known = order.as_object().is_some_and(|order| order.keys().all(|name| FIELDS_V2.contains(&name.as_str())));
    let has_image =
        order["content"].as_array().is_some_and(|content| content.iter().any(|part| part["type"] == "image_url"));
    let is_valid = known && (4..=15).contains(&seconds) && (has_image || order["ratio"] != "adaptive");
    if let Some(code) = inner.refusal(&headers, is_valid) {
        return error_of(code, &format!("refused: {}", order["content"][0]["text"]));
    }
    let id = inner.accept(order, seconds);
    Json(json!({ "task_id": inner.id(id) })).into_response()
}

async fn query_v2(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let mut inner = lock(&shared);
    if let Some(code) = key_fault(&headers) {
        return error_of(code, "login fail");
    }
    let task = match inner.look(&id) {
        None => return error(400, "bad_request_error", "no such task", 2013),
        Some((_, LOOKS, Some(code))) => {
            json!({ "id": id, "status": "failed", "error": { "code": code, "message": "failed: a red boat" } })
        }
        Some((index, LOOKS, None)) => {
            json!({ "id": id, "status": "succeeded", "content": { "url": inner.link(index) }, "error": null })
        }
        Some((_, stage, _)) => json!({ "id": id, "status": if stage == LOOKS - 1 { "running" } else { "queued" } }),
    };
    Json(json!({ "task": task })).into_response()
}

async fn cancel_v2(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let mut inner = lock(&shared);
    if let Some(code) = key_fault(&headers) {
        return error_of(code, "login fail");
    }
    match inner.task(&id) {
        Some((_, task)) if task.looks < LOOKS && !task.is_called_off => {
            task.is_called_off = true;
            Json(json!({ "task_id": id, "action": "cancelled" })).into_response()
        }
        _ => error(400, "bad_request_error", "it is running", 2013),
    }
}

async fn film(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path((index, link)): Path<(usize, String)>,
) -> Response {
    let seconds = {
        let mut inner = lock(&shared);
        inner.fetches.push(headers.contains_key(header::AUTHORIZATION));
        inner.tasks[index].seconds
    };
    match link.starts_with("stale") {
        true => (StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code></Error>").into_response(),
        false => ([(header::CONTENT_TYPE, "video/mp4")], film::drawn(seconds)).into_response(),
    }
}
