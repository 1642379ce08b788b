//! `POST /v1/video_generation`: submit a task.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::accounts::keys::Identity;
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::spec::Wish;
use clipmill_shared::jobs::submit::{Origin, SubmitError, Submitted, find_earlier};
use clipmill_shared::jobs::{Job, WebhookFormat};
use clipmill_shared::tier::Tier;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NUMBER_MAX;
use crate::app::App;
use crate::auth::Proven;
use crate::form::Form;
use crate::limit;
use crate::minimax::callback;
use crate::minimax::code::BaseResp;
use crate::minimax::models::{Asked, MinimaxConfig, Resolution};
use crate::minimax::size::size;
use crate::picture;
use crate::problem::Problem;
use crate::prompt::Direction;
use crate::submit::{enter, idempotency_key, judged};
use crate::watermark::Wanted;

const PROMPT_MAX_CHARS: usize = 2000;
/// What is drawn of a picture that comes without a prompt.
const NO_PROMPT: &str = "The scene comes to life with natural motion.";
const IMAGES: [&str; 2] = ["first_frame_image", "last_frame_image"];
/// Numbers that are drawn before giving up: two jobs hardly ever draw the same.
const DRAWS: usize = 3;

/// What a submit may say. Fields that are not listed are passed over.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct TaskBody {
    /// A model of MiniMax, such as `MiniMax-Hailuo-2.3`
    #[schema(example = "MiniMax-Hailuo-2.3")]
    model: String,
    /// What the video shall show, in at most 2000 characters; may be left out where there is an image
    #[schema(max_length = 2000, example = "A man picks up a book [Pedestal up], then reads [Static shot].")]
    prompt: Option<String>,
    /// The picture to start from: an address or a data URL
    first_frame_image: Option<String>,
    /// The picture to end on; MiniMax-Hailuo-02 alone
    last_frame_image: Option<String>,
    /// Not offered
    #[schema(value_type = Option<Vec<Object>>)]
    subject_reference: Option<()>,
    /// Have the prompt written out, if this service can; true if left out
    prompt_optimizer: Option<bool>,
    /// Accepted, without effect
    fast_pretreatment: Option<bool>,
    /// Seconds; 6 if left out
    #[schema(example = 6)]
    duration: Option<i64>,
    /// `512P`, `720P`, `768P` or `1080P`, as the model allows
    #[schema(example = "768P")]
    resolution: Option<String>,
    /// Who is told; has to answer a challenge within 3 seconds
    #[schema(max_length = 2048)]
    callback_url: Option<String>,
    /// Whether the video carries a visible mark: the account's own, or else the service's. Also noted in the metadata of the job
    aigc_watermark: Option<bool>,
}

/// A task that was taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedView {
    /// Names the task
    #[schema(example = "106916112212032")]
    task_id: String,
    /// How it went
    base_resp: BaseResp,
}

/// Submits a task.
#[utoipa::path(
    post, path = "/v1/video_generation", tag = "minimax", request_body = TaskBody,
    responses((status = 200, body = CreatedView, description = "The task; or, with an empty `task_id`, a `base_resp` that says what is wrong"))
)]
pub(crate) async fn create(
    State(app): State<App>,
    Proven(identity): Proven,
    request: Request,
) -> Result<Json<CreatedView>, Problem> {
    let job = submit(&app, identity, request).await?;
    Ok(Json(CreatedView { task_id: job.number.unwrap_or_default().to_string(), base_resp: BaseResp::success() }))
}

async fn submit(app: &App, identity: Identity, request: Request) -> Result<Job, Problem> {
    let key = idempotency_key(request.headers())?;
    let room = app.rooms.enter(identity.account, limit::body_mib(request.headers())).await;
    let _room = room.map_err(|_| Problem::internal())?;
    let mut form = Form::read_json(request).await?;
    let fingerprint = form.fingerprint();
    let origin = Origin {
        api_key: Some(identity.key),
        number: None,
        webhook_format: WebhookFormat::Minimax,
        idempotency_key: key.as_deref(),
        fingerprint: &fingerprint,
    };
    if let Some(job) = find_earlier(&app.pool, identity.account, origin).await? {
        return Ok(job);
    }
    let has_images = IMAGES.iter().any(|name| form.has(name));
    let turn = if has_images { Some(app.images.acquire().await) } else { None };
    let _turn = turn.transpose().map_err(|_| Problem::internal())?;
    let task = Task::read(&app.minimax, &form)?;
    let direction = Direction::optimizing(task.optimize);
    let mark = Wanted::plain(task.marked).settle(app, identity).await?;
    let wish = Wish { mark, ..wish(app, identity.account, task, &mut form).await? };
    if let Some(url) = &wish.webhook_url {
        callback::shake_hands(&app.outbound, url).await?;
    }
    let spec = judged(app, wish, &direction).await?;
    for _ in 0..DRAWS {
        let number = Some(rand::rng().random_range(1..=NUMBER_MAX));
        match enter(app, identity.account, &spec, Origin { number, ..origin }).await {
            Err(SubmitError::NumberTaken) => {}
            Ok(Submitted::New(job) | Submitted::Replayed(job)) => return Ok(job),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::unavailable())
}

/// What a request asks for, but for its images.
pub(crate) struct Task {
    model: String,
    tier: Tier,
    resolution: Resolution,
    duration: i64,
    prompt: String,
    optimize: bool,
    metadata: BTreeMap<String, String>,
    marked: bool,
    callback_url: Option<String>,
}

impl Task {
    /// The task of a body, once it is one that the model accepts.
    pub(crate) fn read(config: &MinimaxConfig, form: &Form) -> Result<Self, Problem> {
        let model = form.text("model")?;
        let (rules, tier) = config.model(model.as_deref())?;
        refuse(form, "subject_reference", "must be left out: subjects are not offered here")?;
        form.boolean("fast_pretreatment")?;
        let resolution = form.text("resolution")?;
        let asked = Asked {
            resolution: resolution.as_deref(),
            duration: form.integer("duration")?,
            first_frame: form.has("first_frame_image"),
            last_frame: form.has("last_frame_image"),
        };
        let (resolution, duration) = config.judge(rules, asked)?;
        Ok(Self {
            model: model.unwrap_or_default(),
            tier,
            resolution,
            duration,
            prompt: prompt(form, asked)?,
            // There is nothing to write out where there are no words.
            optimize: form.boolean("prompt_optimizer")?.unwrap_or(true) && form.has("prompt"),
            metadata: metadata(form)?,
            marked: form.boolean("aigc_watermark")?.unwrap_or(false),
            callback_url: form.text("callback_url")?,
        })
    }
}

/// The task as a wish, with its images.
async fn wish(app: &App, account: AccountId, task: Task, form: &mut Form) -> Result<Wish, Problem> {
    let Task { tier, duration, .. } = task;
    let first_frame = picture::in_form(app, account, form, "first_frame_image").await?;
    let last_frame = picture::in_form(app, account, form, "last_frame_image").await?;
    let fleet = app.outlook.fleet().await?;
    let offer = fleet.offers.get(&tier);
    let picture = first_frame.as_ref().or(last_frame.as_ref()).map(|image| image.size);
    Ok(Wish {
        prompt: Some(task.prompt),
        size: Some(size(task.resolution, picture, tier, offer, duration).to_string()),
        // A model that makes shorter videos makes them as long as it can.
        seconds: Some(
            offer.map_or(duration, |offer| offer.nearest_seconds(u32::try_from(duration).unwrap_or(u32::MAX)).into()),
        ),
        model: task.model,
        tier: Some(tier),
        metadata: task.metadata,
        webhook_url: task.callback_url,
        first_frame,
        last_frame,
        ..Wish::default()
    })
}

fn refuse(form: &Form, name: &'static str, allowed: &str) -> Result<(), Problem> {
    form.value(name)?.map_or(Ok(()), |_| Err(Problem::invalid(name, allowed)))
}

fn prompt(form: &Form, asked: Asked<'_>) -> Result<String, Problem> {
    let prompt = form.text("prompt")?.filter(|prompt| !prompt.trim().is_empty());
    match prompt {
        None if asked.first_frame || asked.last_frame => Ok(NO_PROMPT.to_owned()),
        Some(prompt) if prompt.chars().count() <= PROMPT_MAX_CHARS => Ok(prompt),
        _ => Err(Problem::invalid("prompt", &format!("must be a text of 1 to {PROMPT_MAX_CHARS} characters"))),
    }
}

fn metadata(form: &Form) -> Result<BTreeMap<String, String>, Problem> {
    let wanted = form.boolean("aigc_watermark")?.unwrap_or(false);
    Ok(wanted.then(|| ("aigc_watermark".to_owned(), "true".to_owned())).into_iter().collect())
}
