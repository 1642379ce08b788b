//! The first generation of the API: a flat body, a code in every answer, and files with links of their own.

use serde_json::{Value, json};

use super::generation::{Generation, Place, State, id};
use super::order::Order;
use super::refusal::Refusal;

/// Hailuo and the models before it.
pub(super) static GENERATION: Generation = Generation {
    create: "/v1/video_generation",
    query: "/v1/query/video_generation?task_id={}",
    file: Some("/v1/files/retrieve?file_id={}"),
    cancel: None,
    prompt_max_chars: 2000,
    ratios: &[(16, 9)],
    body,
    state,
};

/// The prompt is drawn as it is, and marks are ours to set.
fn body(order: &Order<'_>) -> Value {
    let mut body = json!({
        "model": order.model,
        "prompt": order.prompt,
        "duration": order.seconds,
        "resolution": order.resolution,
        "prompt_optimizer": false,
        "aigc_watermark": false,
    });
    for (name, image) in [("first_frame_image", &order.first_frame), ("last_frame_image", &order.last_frame)] {
        if let Some(image) = image {
            body[name] = json!(image);
        }
    }
    body
}

fn state(answer: &Value) -> Option<State> {
    Some(match answer["status"].as_str()? {
        "Success" => State::Done(Place::File(id(&answer["file_id"])?)),
        "Fail" | "Failed" => State::Failed(Refusal::of_failed(&answer["base_resp"]["status_code"])),
        "Processing" => State::Running,
        _ => State::Waiting,
    })
}
