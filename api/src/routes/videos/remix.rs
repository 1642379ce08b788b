//! `POST /v1/videos/{id}/remix`: the same video with another prompt.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use clipmill_shared::accounts::keys::Identity;
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::spec::Wish;
use clipmill_shared::jobs::submit::{Origin, Submitted, find_earlier};
use clipmill_shared::jobs::{Job, WebhookFormat, read};
use clipmill_shared::picture::{Content, PictureType, SourceImage};
use clipmill_shared::storage::{StorageError, key};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::VideoId;
use super::view::VideoView;
use crate::app::App;
use crate::auth::Proven;
use crate::form::Form;
use crate::output::{self, OutputBody};
use crate::problem::{ErrorBody, Problem};
use crate::prompt::Direction;
use crate::recipient;
use crate::submit::{IDEMPOTENCY_REPLAYED, idempotency_key, queue};
use crate::watermark::Wanted;

/// What a remix may say.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct RemixBody {
    /// What the new video shall show, in 1 to 5000 characters
    #[schema(min_length = 1, max_length = 5000, example = "The same fox, in a thunderstorm")]
    prompt: String,
    /// What the finished file shall be like, where that is not as it was chosen for the earlier video
    output: Option<OutputBody>,
}

/// Makes a video of a new prompt with the seed, the images and all other inputs of an earlier one, which may be in any state. With
/// an `Idempotency-Key`, submitting the same again answers with the first job.
#[utoipa::path(
    post, path = "/v1/videos/{id}/remix", tag = "videos", summary = "Makes the video once more with another prompt.",
    params(
        ("id" = String, Path, description = "The earlier video's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "At most 255 printable characters; names this submit"),
    ),
    request_body(content((RemixBody = "application/json"), (RemixBody = "multipart/form-data"))),
    responses(
        (status = 200, body = VideoView, description = "The new job; `remixed_from_video_id` names the earlier one"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
        (status = 409, body = ErrorBody, description = "The video's images are not kept any more, or the key was used with another request"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "Neither JSON nor multipart"),
        (status = 429, body = ErrorBody, description = "The account has as many jobs queued as it may; see `retry-after`"),
    )
)]
pub(crate) async fn remix(
    State(app): State<App>,
    Proven(identity): Proven,
    VideoId(id): VideoId,
    request: Request,
) -> Result<Response, Problem> {
    Ok(match submit(&app, identity, id, request).await? {
        Submitted::New(job) => Json(VideoView::new(&app, job).await).into_response(),
        Submitted::Replayed(job) => {
            let replayed = [(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"))];
            (replayed, Json(VideoView::new(&app, job).await)).into_response()
        }
    })
}

async fn submit(app: &App, identity: Identity, id: JobId, request: Request) -> Result<Submitted, Problem> {
    let key = idempotency_key(request.headers())?;
    let form = Form::read(request, &["prompt", "output"]).await?;
    let fingerprint = Sha256::new().chain_update(id.to_string()).chain_update(form.fingerprint()).finalize().into();
    let origin = Origin {
        api_key: Some(identity.key),
        number: None,
        webhook_format: WebhookFormat::Standard,
        idempotency_key: key.as_deref(),
        fingerprint: &fingerprint,
    };
    if let Some(job) = find_earlier(&app.pool, identity.account, origin).await? {
        return Ok(Submitted::Replayed(job));
    }
    let earlier = read::find(&app.pool, identity.account, id).await?.ok_or_else(Problem::no_video)?;
    let direction = Direction::of_job(app, &earlier);
    let chosen = output::members(&form)?;
    let output = output::read(&chosen)?.or(&earlier.output_options);
    let delivery = match recipient::is_said(&chosen) {
        true => recipient::read(app, identity.account, &chosen).await?,
        false => recipient::of_remix(app, &earlier).await?,
    };
    // What every video of the account carries is the same, whatever the earlier one carried.
    let wanted = if identity.watermark_required { Wanted::Unsaid } else { Wanted::like(&earlier) };
    let mark = wanted.settle(app, identity).await?;
    let wish = Wish { prompt: form.text("prompt")?, output, delivery, mark, ..wish(app, &earlier).await? };
    queue(app, identity.account, wish, &direction, origin).await
}

/// All that the earlier job was asked for, but for its prompt and what concerned that one run alone.
async fn wish(app: &App, earlier: &Job) -> Result<Wish, Problem> {
    let metadata = earlier.metadata().into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    // A callback in the words of another dialect would name the job by a number that it does not have.
    let speaks_events = earlier.webhook_format == WebhookFormat::Standard;
    Ok(Wish {
        negative_prompt: earlier.negative_prompt.clone(),
        model: earlier.model.clone(),
        tier: Some(earlier.tier),
        seconds: Some(earlier.seconds.into()),
        size: Some(earlier.size().to_string()),
        fps: Some(earlier.fps.into()),
        seed: Some(earlier.seed),
        metadata: metadata.collect(),
        webhook_url: earlier.webhook_url.clone().filter(|_| speaks_events),
        retention_seconds: Some(earlier.retention_seconds.into()),
        first_frame: source(app, earlier, earlier.first_frame.as_deref()).await?,
        last_frame: source(app, earlier, earlier.last_frame.as_deref()).await?,
        fit: Some(earlier.fit.to_string()),
        remixed_from: Some(earlier.id),
        ..Wish::default()
    })
}

/// A source image of the earlier job, if it is still there: its fit to the video was judged then.
async fn source(app: &App, earlier: &Job, file_name: Option<&str>) -> Result<Option<SourceImage>, Problem> {
    let Some(file_name) = file_name else { return Ok(None) };
    let key = format!("{}{file_name}", key::source_prefix(earlier.account_id, earlier.id));
    let kind = PictureType::of_file_name(file_name).ok_or_else(Problem::internal)?;
    match app.storage.size_bytes(&key).await {
        Ok(_) => Ok(Some(SourceImage { content: Content::Object(key), kind, size: earlier.size() })),
        Err(StorageError::NotFound) => Err(Problem::source_gone()),
        Err(error) => Err(error.into()),
    }
}
