//! The second generation of the API: a list of contents, HTTP statuses, and a link in the answer about the render.

use serde_json::{Value, json};

use super::generation::{Generation, Place, State};
use super::order::Order;
use super::refusal::Refusal;

/// MiniMax-H3 and what comes after it.
pub(super) static GENERATION: Generation = Generation {
    create: "/v2/video_generation",
    query: "/v2/query/video_generation/{}",
    file: None,
    cancel: Some("/v2/video_generation/{}"),
    prompt_max_chars: 7000,
    ratios: &[(16, 9), (9, 16), (1, 1), (4, 3), (3, 4), (21, 9)],
    body,
    state,
};

/// A video of images has their shape, one of text the shape of its size.
fn body(order: &Order<'_>) -> Value {
    let mut content = vec![json!({ "type": "text", "text": order.prompt })];
    for (role, image) in [("first_frame", &order.first_frame), ("last_frame", &order.last_frame)] {
        let part = |image| json!({ "type": "image_url", "image_url": { "url": image }, "role": role });
        content.extend(image.as_ref().map(part));
    }
    let has_image = order.first_frame.is_some() || order.last_frame.is_some();
    let named = order.ratio.filter(|_| !has_image).map(|(width, height)| format!("{width}:{height}"));
    json!({
        "model": order.model,
        "content": content,
        "resolution": order.resolution,
        "duration": order.seconds,
        "ratio": named.as_deref().unwrap_or("adaptive"),
    })
}

fn state(answer: &Value) -> Option<State> {
    let task = &answer["task"];
    Some(match task["status"].as_str()? {
        "succeeded" => State::Done(Place::Link(task["content"]["url"].as_str()?.to_owned())),
        "failed" | "cancelled" => State::Failed(Refusal::of_failed(&task["error"]["code"])),
        "running" => State::Running,
        _ => State::Waiting,
    })
}
