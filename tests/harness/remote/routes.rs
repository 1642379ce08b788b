//! What a model server answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Multipart, Path, Request, State as Of};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clipmill_worker::engine::remote::profile::Profile;
use futures::stream;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{MODEL, Render, State, Submitted, film, object};

type Server = Of<Arc<State>>;

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(async || "# TYPE film_renders counter\nfilm_renders{model=\"film\"} 3\n"))
        .route("/pid", get(async || std::process::id().to_string()))
        .route("/v1/models", get(models))
        .route("/v1/videos", post(submit))
        .route("/v1/videos/{id}", get(show).delete(delete))
        .route("/v1/videos/{id}/content", get(content))
        .layer(middleware::from_fn_with_state(state.clone(), note))
        .with_state(state)
}

/// Writes down what is asked, and lets nobody in without the key.
async fn note(Of(state): Server, headers: HeaderMap, request: Request, next: Next) -> Response {
    let asked = (request.method().clone(), request.uri().path().to_owned());
    state.asked.lock().expect("the lock").push(asked);
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok());
    match state.manner().key {
        Some(key) if shown != Some(&format!("Bearer {key}")) => refuse(401, "Unauthorized"),
        _ => next.run(request).await,
    }
}

fn refuse(code: u16, detail: &str) -> Response {
    (StatusCode::from_u16(code).expect("a status"), Json(json!({ "detail": detail }))).into_response()
}

async fn health(Of(state): Server) -> StatusCode {
    if state.is_warm.load(Ordering::SeqCst) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn models(Of(state): Server) -> Response {
    match state.is_warm.load(Ordering::SeqCst) {
        true => Json(json!({ "object": "list", "data": [{ "id": MODEL, "object": "model" }] })).into_response(),
        false => refuse(503, "warming up"),
    }
}

async fn submit(Of(state): Server, mut form: Multipart) -> Response {
    let mut wish = Submitted::default();
    while let Some(field) = form.next_field().await.expect("a form") {
        let name = field.name().expect("a name").to_owned();
        match field.file_name().is_some() {
            true => wish.files.push((name, field.bytes().await.expect("a file").to_vec())),
            false => wish.fields.push((name, field.text().await.expect("a text"))),
        }
    }
    wish.fields.sort();
    let manner = state.manner();
    if let Some((code, body)) = manner.refusal {
        return (StatusCode::from_u16(code).expect("a status"), Json(body)).into_response();
    }
    if wish.field("model").is_some_and(|model| model != MODEL) {
        return refuse(400, "Model mismatch");
    }
    let id = format!("video_gen_{}", Uuid::now_v7().simple());
    let render = Render { id, wish: wish.clone(), polls: 0, is_forgotten: false, is_ending: false };
    let answer = object(manner.profile, &render, "queued", 0, &Value::Null);
    state.submitted.lock().expect("the lock").push(wish);
    state.renders.lock().expect("the lock").push(render);
    Json(answer).into_response()
}

/// A render that it remembers; `polled` counts that it was asked for.
fn find(state: &State, id: &str, polled: u32) -> Option<Render> {
    let mut renders = state.renders.lock().expect("the lock");
    let render = renders.iter_mut().find(|render| render.id == id && !render.is_forgotten)?;
    render.polls += polled;
    Some(render.clone())
}

async fn show(Of(state): Server, Path(id): Path<String>) -> Response {
    let Some(render) = find(&state, &id, 1) else { return refuse(404, "Video not found") };
    let manner = state.manner();
    let (is_done, polls) = (state.is_done(&render), manner.polls.max(1));
    match (is_done, &manner.error) {
        (false, _) => {
            let progress = match manner.profile {
                Profile::VllmOmni => 0,
                Profile::Sglang | Profile::Openai => (render.polls * 100 / polls).min(99),
            };
            // A word of TensorRT-LLM's that no list of statuses has.
            let status = if render.polls == 1 { "generating" } else { "in_progress" };
            Json(object(manner.profile, &render, status, progress, &Value::Null)).into_response()
        }
        (true, None) => Json(object(manner.profile, &render, "completed", 100, &Value::Null)).into_response(),
        (true, Some(error)) => {
            let code = error["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
            let code = if manner.profile == Profile::VllmOmni { code } else { 200 };
            let body = Json(object(manner.profile, &render, "failed", 0, error));
            (StatusCode::from_u16(code).expect("a status"), body).into_response()
        }
    }
}

/// The video, in pieces that take their time.
async fn content(Of(state): Server, Path(id): Path<String>) -> Response {
    let Some(render) = find(&state, &id, 0) else { return refuse(404, "Video not found") };
    let manner = state.manner();
    if !state.is_done(&render) {
        return refuse(404, "Generation is still in-progress");
    }
    if manner.error.is_some() {
        return refuse(422, "Video generation failed");
    }
    if manner.hides_video {
        return refuse(400, "The video is in the cloud: https://bucket.example/film.mp4?X-Amz-Signature=c0ffee");
    }
    let made = tokio::task::spawn_blocking(move || film::render(&render.wish, manner.frames)).await;
    let pieces: Vec<Bytes> = made.expect("a video").chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
    let slowly = stream::unfold(pieces.into_iter(), |mut pieces| async {
        let piece = pieces.next()?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok::<_, std::io::Error>(piece), pieces))
    });
    ([("content-type", "video/mp4")], Body::from_stream(slowly)).into_response()
}

async fn delete(Of(state): Server, Path(id): Path<String>) -> Response {
    let Some(render) = find(&state, &id, 0) else { return refuse(404, "Video not found") };
    let (is_done, profile) = (state.is_done(&render), state.manner().profile);
    let mut renders = state.renders.lock().expect("the lock");
    match profile {
        // The first time it only begins to end it.
        Profile::VllmOmni if !is_done && !render.is_ending => {
            renders.iter_mut().filter(|render| render.id == id).for_each(|render| render.is_ending = true);
            refuse(409, "Cancellation in progress")
        }
        Profile::Openai if !is_done => refuse(400, "The video is not finished"),
        Profile::VllmOmni | Profile::Openai => {
            renders.retain(|render| render.id != id);
            Json(json!({ "id": id, "object": "video.deleted", "deleted": true })).into_response()
        }
        // It forgets the render, whose work goes on.
        Profile::Sglang => {
            renders.iter_mut().filter(|render| render.id == id).for_each(|render| render.is_forgotten = true);
            Json(object(profile, &render, "deleted", 0, &Value::Null)).into_response()
        }
    }
}
