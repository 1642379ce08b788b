//! `POST /v1/videos`: submit a job.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use clipmill_shared::accounts::keys::Identity;
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::WebhookFormat;
use clipmill_shared::jobs::spec::Wish;
use clipmill_shared::jobs::submit::{Origin, Submitted, find_earlier};
use clipmill_shared::tier::Tier;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::VideoView;
use crate::app::App;
use crate::auth::{Bearer, Proven};
use crate::form::Form;
use crate::limit;
use crate::output::{self, OutputBody};
use crate::picture;
use crate::problem::{ErrorBody, Problem};
use crate::prompt::Direction;
use crate::recipient;
use crate::submit::{IDEMPOTENCY_REPLAYED, idempotency_key, queue};
use crate::wait::Wait;
use crate::watermark::Wanted;
use crate::watermark::view::WatermarkBody;

const FIELDS: [&str; 21] = [
    "prompt",
    "model",
    "seconds",
    "size",
    "seed",
    "input_reference",
    "last_frame",
    "fit",
    "negative_prompt",
    "fps",
    "metadata",
    "webhook_url",
    "retention_seconds",
    "priority",
    "timeout_seconds",
    "run_after",
    "style",
    "camera",
    "prompt_optimizer",
    "output",
    "watermark",
];

/// What a submit may say. Numbers may be texts; in multipart, images may be files.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct CreateBody {
    /// What the video shall show, in 1 to 5000 characters; camera moves in brackets: `[Pan left, Zoom in]`
    #[schema(min_length = 1, max_length = 5000, example = "A red fox runs through fresh snow at dawn [Tracking shot]")]
    prompt: String,
    /// `fast`, `pro`, or another name that `/v1/videos/models` lists; `fast` if left out
    #[schema(example = "fast")]
    model: Option<String>,
    /// Length, 4 if left out
    #[schema(value_type = Option<String>, example = "4")]
    seconds: Option<String>,
    /// `WIDTHxHEIGHT`; if left out 720x1280, or what follows the image
    #[schema(example = "1280x720")]
    size: Option<String>,
    /// The same request with the same seed gives the same video
    #[schema(minimum = 0)]
    seed: Option<i64>,
    /// The picture to start from: JPEG, PNG or WebP of at most 20 MB
    input_reference: Option<ImageBody>,
    /// The picture to end on
    last_frame: Option<ImageBody>,
    /// What is done with a picture that has not the video's proportions: `crop` cuts off on both sides what juts out (if left out), `pad`
    /// puts black bars there, `stretch` distorts it, `reject` refuses it
    #[schema(example = "crop")]
    fit: Option<String>,
    /// What the video shall not show
    #[schema(max_length = 5000)]
    negative_prompt: Option<String>,
    /// Frames per second, 24 if left out
    #[schema(minimum = 8, maximum = 30)]
    fps: Option<i64>,
    /// Up to 16 pairs of texts, to find the video again
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<()>,
    /// Who is told when the job ends
    #[schema(max_length = 2048)]
    webhook_url: Option<String>,
    /// How long the files are kept; the tier's default if left out
    #[schema(minimum = 1)]
    retention_seconds: Option<i64>,
    /// Which of the account's jobs of the tier goes first: the higher; 0 if left out
    #[schema(minimum = -10, maximum = 10)]
    priority: Option<i64>,
    /// How long the job may wait and run, in seconds; after that it fails with `deadline_exceeded`. Not bounded if left out
    #[schema(minimum = 1, maximum = 604_800)]
    timeout_seconds: Option<i64>,
    /// Unix seconds, at most 30 days ahead: the job is not taken up before
    run_after: Option<i64>,
    /// A style of those that `/v1/videos/models` lists: the prompt is drawn in it, and what it rules out joins `negative_prompt`
    #[schema(example = "watercolour")]
    style: Option<String>,
    /// At most 10 camera moves one after the other, each a name or a list of up to 3 that act together; `/v1/videos/models`
    /// lists the names. They are added to the brackets of the prompt. In multipart: names with commas between
    #[schema(value_type = Option<Vec<Object>>, example = json!(["pan_left", ["push_in", "tilt_up"]]))]
    camera: Option<()>,
    /// Have the prompt written out by this service's language model, if it has one; if not, or if that fails, it is drawn as
    /// it is. `revised_prompt` says what is drawn. False if left out
    prompt_optimizer: Option<bool>,
    /// What the finished file shall be like
    output: Option<OutputBody>,
    /// Whether the video, its poster, its spritesheet and its preview carry a visible mark: the account's own, or else the service's.
    /// False if left out, unless the account's videos have to carry one. In multipart: `true`, `false`, or the object in JSON
    watermark: Option<WatermarkBody>,
}

/// An image that is not a file part: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct ImageBody {
    /// A data URL in base64, or an address
    image_url: Option<String>,
    /// The id of a file that was put up at `/v1/files`
    file_id: Option<String>,
}

/// Submits a job. With an `Idempotency-Key`, submitting the same again answers with the first job.
#[utoipa::path(
    post, path = "/v1/videos", tag = "videos",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "At most 255 printable characters; names this submit"),
        ("wait" = Option<u64>, Query, maximum = 60, description = "Seconds to wait for the state to change before answering; also as `Prefer: wait=SECONDS`"),
        ("wait_for" = Option<String>, Query, pattern = "^(change|end)$", description = "`change` (the default), or `end`: wait until the job has ended"),
    ),
    request_body(content((CreateBody = "application/json"), (CreateBody = "multipart/form-data"))),
    responses(
        (status = 200, body = VideoView, description = "The job"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 402, body = ErrorBody, description = "The account has too few credits left"),
        (status = 403, body = ErrorBody, description = "Nothing of the account is processed, or the key may not submit"),
        (status = 409, body = ErrorBody, description = "The key was used with another request"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "Neither JSON nor multipart"),
        (status = 429, body = ErrorBody, description = "The account has as many jobs queued as it may; see `retry-after`"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    Proven(identity): Proven,
    Bearer(key): Bearer,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::body("the query string is malformed"))?;
    let wait = Wait::of(&query, request.headers())?;
    let (job, replayed) = match submit(&app, identity, request).await? {
        Submitted::New(job) => (job, None),
        Submitted::Replayed(job) => (job, Some([(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"))])),
    };
    let confirmed = wait.and_then(Wait::confirmation).map(|header| [header]);
    let job = match wait {
        // There is a job, whatever becomes of the wait.
        Some(wait) => wait.of_job(&app, &key, job.id, Some(job.status)).await.unwrap_or(job),
        None => job,
    };
    Ok((replayed, confirmed, Json(VideoView::new(&app, job).await)).into_response())
}

async fn submit(app: &App, identity: Identity, request: Request) -> Result<Submitted, Problem> {
    let key = idempotency_key(request.headers())?;
    let room = app.rooms.enter(identity.account, limit::body_mib(request.headers())).await;
    let _room = room.map_err(|_| Problem::internal())?;
    let form = Form::read(request, &FIELDS).await?;
    let fingerprint = form.fingerprint();
    let origin = Origin {
        api_key: Some(identity.key),
        number: None,
        webhook_format: WebhookFormat::Standard,
        idempotency_key: key.as_deref(),
        fingerprint: &fingerprint,
    };
    // A repeated request is answered before anything of it is fetched or judged again.
    if let Some(job) = find_earlier(&app.pool, identity.account, origin).await? {
        return Ok(Submitted::Replayed(job));
    }
    let turn = if form.has_images() { Some(app.images.acquire().await) } else { None };
    let _turn = turn.transpose().map_err(|_| Problem::internal())?;
    let direction = Direction::read(app, &form)?;
    let mark = Wanted::read(app, &form)?.settle(app, identity).await?;
    let wish = Wish { mark, ..wish(app, identity.account, form).await? };
    queue(app, identity.account, wish, &direction, origin).await
}

async fn wish(app: &App, account: AccountId, mut form: Form) -> Result<Wish, Problem> {
    let model = form.text("model")?.unwrap_or_else(|| Tier::Fast.to_string());
    let tier = app.tier(&model).ok_or_else(|| unknown_model(app))?;
    let chosen = output::members(&form)?;
    Ok(Wish {
        prompt: form.text("prompt")?,
        negative_prompt: form.text("negative_prompt")?,
        tier: Some(tier),
        model,
        seconds: form.integer("seconds")?,
        size: form.text("size")?,
        fps: form.integer("fps")?,
        seed: form.integer("seed")?,
        metadata: form.pairs("metadata")?,
        webhook_url: form.text("webhook_url")?,
        retention_seconds: form.integer("retention_seconds")?,
        priority: form.integer("priority")?,
        timeout_seconds: form.integer("timeout_seconds")?,
        run_after: form.integer("run_after")?,
        first_frame: picture::in_form(app, account, &mut form, "input_reference").await?,
        last_frame: picture::in_form(app, account, &mut form, "last_frame").await?,
        fit: form.text("fit")?,
        output: output::read(&chosen)?,
        delivery: recipient::read(app, account, &chosen).await?,
        ..Wish::default()
    })
}

fn unknown_model(app: &App) -> Problem {
    let names: Vec<&str> = app.models().keys().map(String::as_str).collect();
    Problem::invalid("model", &format!("must be one of: {}", names.join(", ")))
}
