//! Entry points for fuzzers: what reads requests, called as requests call it, without the rest of the service. Whatever the
//! input, none of it may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use clap::Parser as _;
use futures::executor::block_on;
use serde_json::Value;

use crate::form::{Form, ImageField};
use crate::minimax::{MinimaxConfig, Task};
use crate::output;
use crate::picture;
use crate::problem::Problem;
use crate::prompt::camera as moves;

/// Fields of each form that there is.
const FIELDS: [&str; 8] =
    ["prompt", "seconds", "prompt_optimizer", "metadata", "camera", "output", "input_reference", "expires_after"];
const BOUNDARY: &str = "fuzz";

/// A source image: stripped, decoded, and stripped and decoded again, which changes nothing.
pub fn image(data: &[u8]) {
    let Ok((kept, ..)) = picture::stripped(data) else { return };
    // Requests take a decoder that panics for a damaged file; what is our own has no such excuse.
    let decoded = catch_unwind(AssertUnwindSafe(|| picture::decode(Bytes::copy_from_slice(data))));
    let Ok(Ok(picture)) = decoded else { return };
    let again = picture::decode(picture.bytes.clone()).map(|again| (again.bytes, again.size));
    assert_eq!(again, Ok((kept, picture.size)), "what is kept is kept as it is");
}

/// The body of a multipart request with the boundary `fuzz`.
pub fn multipart(data: &[u8]) {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    if let Ok(form) = block_on(Form::read(request(&content_type, data.to_vec()), &FIELDS)) {
        read(form);
    }
}

/// Fields of a form, one a line as `name=text`, with the brackets that make objects of them.
pub fn brackets(data: &[u8]) {
    let mut body = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let at = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        let (name, text) = (&line[..at], line.get(at + 1..).unwrap_or_default());
        body.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"").bytes());
        body.extend(name.iter().filter(|byte| !matches!(byte, b'"' | b'\\' | b'\r')));
        body.extend_from_slice(b"\"\r\n\r\n");
        body.extend_from_slice(text);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    multipart(&body);
}

/// The body of a submit in the MiniMax dialect.
pub fn minimax(data: &[u8]) {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        minimax: MinimaxConfig,
    }
    static CONFIG: LazyLock<MinimaxConfig> = LazyLock::new(|| Defaults::parse_from(["fuzz"]).minimax);

    let Ok(mut form) = block_on(Form::read_json(request("application/json", data.to_vec()))) else { return };
    form.fingerprint();
    let _: Result<Task, Problem> = Task::read(&CONFIG, &form);
    for name in ["first_frame_image", "last_frame_image"] {
        look_at(form.image(name), name);
    }
}

/// Camera moves, as a text or as JSON.
pub fn camera(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let json = serde_json::from_str(&text).ok();
    for field in [Some(Value::String(text)), json].into_iter().flatten() {
        if let Ok(brackets) = moves::brackets(&field) {
            let is_made_of_moves = brackets.is_empty() || (brackets.starts_with('[') && brackets.ends_with(']'));
            assert!(is_made_of_moves, "{brackets}");
        }
    }
}

fn request(content_type: &str, body: Vec<u8>) -> Request {
    let mut request = Request::new(Body::from(body));
    request.headers_mut().extend(content_type.parse().map(|value| (CONTENT_TYPE, value)));
    request
}

/// Reads each field in each way that there is.
fn read(mut form: Form) {
    form.fingerprint();
    let _ = (form.text("prompt"), form.integer("seconds"), form.boolean("prompt_optimizer"));
    let _ = (form.pairs("metadata"), form.texts("metadata"), form.has_images());
    let _ = form.object("expires_after", &["anchor", "seconds"]);
    let _ = output::read(&form);
    if let Ok(Some(field)) = form.value("camera") {
        let _ = moves::brackets(field);
    }
    look_at(form.image("input_reference"), "input_reference");
    let _ = form.file("prompt");
}

/// Looks at an image as far as that needs no network.
fn look_at(field: Result<Option<ImageField>, Problem>, name: &'static str) {
    if let Ok(Some(ImageField::Url(url))) = field
        && url.starts_with("data:")
    {
        let _ = picture::from_data_url(name, &url);
    }
}
