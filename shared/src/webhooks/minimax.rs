//! The callbacks of the MiniMax API: the shape of its query's answer, with states in lower case.

use serde_json::{Value, json};

use super::event::EventKind;
use crate::jobs::JobStatus;

/// What stands in an answer when nothing is wrong.
pub const SUCCESS: (u32, &str) = (0, "success");

const UNKNOWN: u32 = 1000;
const INPUT_MODERATED: u32 = 1026;
const OUTPUT_MODERATED: u32 = 1027;

/// What a callback says of a job.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// The job's number.
    pub(super) number: i64,
    /// Width in pixels.
    pub(super) width: i32,
    /// Height in pixels.
    pub(super) height: i32,
    /// Why it failed, as a stable word.
    pub(super) error_code: Option<String>,
    /// Why it failed, for people.
    pub(super) error_message: Option<String>,
}

/// The code and the message that stand in an answer about a job: not zero if there will be no video.
pub fn base_resp<'a>(status: JobStatus, code: Option<&str>, message: Option<&'a str>) -> (u32, &'a str) {
    match (status, code) {
        (JobStatus::Failed, Some("output_moderated")) => (OUTPUT_MODERATED, message.unwrap_or("output moderated")),
        (JobStatus::Failed, Some("input_moderated")) => (INPUT_MODERATED, message.unwrap_or("input moderated")),
        (JobStatus::Failed, _) => (UNKNOWN, message.unwrap_or("failed")),
        (JobStatus::Cancelled, _) => (UNKNOWN, "the task was cancelled"),
        (JobStatus::Queued | JobStatus::InProgress | JobStatus::Completed | JobStatus::Expired, _) => SUCCESS,
    }
}

/// The body of a callback.
pub(super) fn body(kind: EventKind, told: &Told) -> Value {
    let (status, state) = match kind {
        EventKind::InProgress => (JobStatus::InProgress, "processing"),
        EventKind::Completed | EventKind::Expiring | EventKind::Expired | EventKind::EndpointDisabled => {
            (JobStatus::Completed, "success")
        }
        EventKind::Failed => (JobStatus::Failed, "failed"),
        EventKind::Cancelled => (JobStatus::Cancelled, "failed"),
    };
    let (status_code, status_msg) = base_resp(status, told.error_code.as_deref(), told.error_message.as_deref());
    let base_resp = json!({ "status_code": status_code, "status_msg": status_msg });
    let number = told.number.to_string();
    match status {
        JobStatus::Completed => json!({
            "task_id": number, "status": state, "file_id": number,
            "video_width": told.width, "video_height": told.height, "base_resp": base_resp,
        }),
        _ => json!({ "task_id": number, "status": state, "base_resp": base_resp }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: Option<&str>) -> Told {
        let error_message = error.map(|_| "It went wrong.".to_owned());
        Told { number: 42, width: 1366, height: 768, error_code: error.map(str::to_owned), error_message }
    }

    #[test]
    fn a_callback_has_the_shape_of_a_query() {
        let ok = json!({ "status_code": 0, "status_msg": "success" });
        assert_eq!(
            body(EventKind::InProgress, &told(None)),
            json!({ "task_id": "42", "status": "processing", "base_resp": ok })
        );
        let done = json!({
            "task_id": "42", "status": "success", "file_id": "42", "video_width": 1366, "video_height": 768, "base_resp": ok,
        });
        assert_eq!(body(EventKind::Completed, &told(None)), done);
    }

    #[test]
    fn a_task_without_a_video_has_a_code() {
        for (kind, error, code) in [
            (EventKind::Failed, Some("input_moderated"), 1026),
            (EventKind::Failed, Some("output_moderated"), 1027),
            (EventKind::Failed, Some("worker_lost"), 1000),
            (EventKind::Cancelled, None, 1000),
        ] {
            let body = body(kind, &told(error));
            assert_eq!((&body["status"], &body["base_resp"]["status_code"]), (&json!("failed"), &json!(code)));
            assert_eq!(body.get("file_id"), None);
        }
    }
}
