//! The way of every submit, whatever the dialect: from a wish to a job.

use axum::http::{HeaderMap, HeaderName};
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::spec::{Spec, Wish};
use clipmill_shared::jobs::submit::{Origin, SubmitError, Submitted};
use tracing::info;

use crate::app::App;
use crate::limit::IDEMPOTENCY_KEY_MAX_CHARS;
use crate::problem::Problem;
use crate::prompt::{self, Direction};

/// Says with an answer that an earlier request with the same key made the job.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Makes a job of a wish, as far as the fleet offers that.
pub(crate) async fn queue(
    app: &App,
    account: AccountId,
    wish: Wish,
    direction: &Direction,
    origin: Origin<'_>,
) -> Result<Submitted, Problem> {
    Ok(enter(app, account, &judged(app, wish, direction).await?, origin).await?)
}

/// The wish as it is to be drawn, once it is found good.
pub(crate) async fn judged(app: &App, wish: Wish, direction: &Direction) -> Result<Spec, Problem> {
    let fleet = app.outlook.fleet().await?;
    let wish = Wish { style: direction.style(), camera: direction.camera(), ..wish };
    let spec = Spec::new(wish, &fleet)?;
    if let Some(url) = spec.webhook_url() {
        app.outbound.check(url).map_err(|refused| Problem::invalid("webhook_url", &refused.to_string()))?;
    }
    prompt::direct(app, spec, direction).await
}

/// Writes a job into the ledger.
pub(crate) async fn enter(
    app: &App,
    account: AccountId,
    spec: &Spec,
    origin: Origin<'_>,
) -> Result<Submitted, SubmitError> {
    let submitted = app.intake.submit(account, spec, origin).await?;
    if let Submitted::New(job) = &submitted {
        info!(job.id = %job.id, job.tier = %job.tier, "Queued a job");
        metrics::counter!("clipmill_jobs_submitted_total", "tier" => job.tier.as_str()).increment(1);
    }
    Ok(submitted)
}

/// The client's own name for a request.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let only = values.next().is_none().then_some(value);
    let key = only.and_then(|value| value.to_str().ok()).filter(|key| is_key(key));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::invalid("Idempotency-Key", "must be given once, with 1 to 255 printable ASCII characters")
    })
}

fn is_key(key: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_MAX_CHARS).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
