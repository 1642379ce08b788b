//! `GET /v1/videos/{id}/events`: a job's way as it goes, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::watch::Watching;
use clipmill_shared::jobs::{Job, JobStatus};
use clipmill_shared::secret::ApiKey;
use futures::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::VideoId;
use super::delete::DeletedView;
use super::view::VideoView;
use crate::app::App;
use crate::auth::Bearer;
use crate::problem::{Code, ErrorBody, Problem};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long after a move of the queue its places are read: many moves are told as one, and no view of before is shown.
const PLACE_PAUSE: Duration = Duration::from_secs(1);
/// How long to wait before reading again while the database is away.
const AWAY_PAUSE: Duration = Duration::from_secs(2);

/// Follows a job: an event for each change of its state (`status`), progress (`progress`) and place in the queue
/// (`queue_position`), then one for its end (`video.completed`, `video.failed`, `video.cancelled`, `video.expired` or
/// `video.deleted`), after which the stream ends. The data of each is the video as `GET /v1/videos/{id}` shows it. With the
/// `Last-Event-ID` of the last event seen, nothing is told twice.
#[utoipa::path(
    get, path = "/v1/videos/{id}/events", tag = "videos",
    summary = "Follows a job by server-sent events.",
    params(
        ("id" = String, Path, description = "The video's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen"),
    ),
    responses(
        (status = 200, content(("text/event-stream")), description = "The events as they happen"),
        (status = 204, description = "The job has ended, and the client has seen it"),
        (status = 404, body = ErrorBody, description = "The account has no such video"),
    )
)]
pub(crate) async fn events(
    State(app): State<App>,
    Bearer(key): Bearer,
    VideoId(id): VideoId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = app.waits.clone().try_acquire_owned().map_err(|_| Problem::busy())?;
    let watching = app.bells.watchers().watch(id);
    let job = app.find(&key, id).await?;
    let seen = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).and_then(Stage::parse);
    if job.status.is_terminal() && seen.is_some_and(|seen| seen == Stage::of(&job, None)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let moved = app.bells.moved();
    let follower = Follower {
        app,
        key,
        id,
        watching,
        moved,
        seen,
        job: Some(job),
        is_current: false,
        look_at: None,
        _place: place,
    };
    let no_buffer = [
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((no_buffer, Sse::new(follower.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response())
}

/// What of a job makes an event when it changes. Its text is the event's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stage {
    status: JobStatus,
    attempt: i32,
    progress: i16,
    place: Option<u64>,
}

impl Stage {
    fn of(job: &Job, place: Option<u64>) -> Self {
        Self { status: job.status, attempt: job.attempt, progress: job.progress, place }
    }

    fn parse(id: &str) -> Option<Self> {
        let mut parts = id.split('.');
        let (status, attempt) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (progress, place) = (parts.next()?.parse().ok()?, parts.next().and_then(|place| place.parse().ok()));
        Some(Self { status, attempt, progress, place })
    }

    fn id(self) -> String {
        let place = self.place.map_or(String::new(), |place| format!(".{place}"));
        format!("{}.{}.{}{place}", self.status, self.attempt, self.progress)
    }

    /// The name of the event that tells of it to one who has seen `seen`.
    fn event(self, seen: Option<Self>) -> &'static str {
        match (self.status, seen) {
            (JobStatus::Completed, _) => "video.completed",
            (JobStatus::Failed, _) => "video.failed",
            (JobStatus::Cancelled, _) => "video.cancelled",
            (JobStatus::Expired, _) => "video.expired",
            (status, Some(seen)) if (status, self.attempt) == (seen.status, seen.attempt) => match status {
                JobStatus::Queued => "queue_position",
                _ => "progress",
            },
            _ => "status",
        }
    }
}

/// One client that follows one job.
struct Follower {
    app: App,
    key: ApiKey,
    id: JobId,
    watching: Watching,
    moved: watch::Receiver<()>,
    seen: Option<Stage>,
    /// The job as it was read last; none when it has to be read anew.
    job: Option<Job>,
    /// Whether all that was read is told, so that there is something to wait for.
    is_current: bool,
    /// When to look for its place anew, once the queue has moved.
    look_at: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(Some(self), async |follower| {
            let mut follower = follower?;
            let (event, is_last) = follower.next().await?;
            Some((Ok(event), (!is_last).then_some(follower)))
        })
    }

    /// The next event, and whether it is the last one. None when the process shall end, and the client comes back to another, or
    /// when its key is dead.
    async fn next(&mut self) -> Option<(Event, bool)> {
        loop {
            if self.is_current {
                self.changed().await?;
            }
            let read = self.read().await;
            self.is_current = read.is_ok();
            match read {
                Ok(job) => {
                    if let Some(event) = self.tell(job).await {
                        return Some(event);
                    }
                }
                Err(problem) if problem.code() == Code::VideoNotFound => return self.deleted(),
                // The key was revoked: whoever comes back with it is told so.
                Err(problem) if problem.code() == Code::InvalidApiKey => return None,
                Err(_) => self.app.closing.run_until_cancelled(sleep(AWAY_PAUSE)).await?,
            }
        }
    }

    async fn read(&mut self) -> Result<Job, Problem> {
        match self.job.take() {
            Some(job) => Ok(job),
            None => self.app.find(&self.key, self.id).await,
        }
    }

    /// The event that tells of the job as it stands, unless the client has seen that.
    async fn tell(&mut self, job: Job) -> Option<(Event, bool)> {
        self.job = (job.status == JobStatus::Queued).then(|| job.clone());
        let mut stage = Stage::of(&job, None);
        let view = VideoView::new(&self.app, job).await;
        stage.place = view.queue_position();
        let (name, is_last) = (stage.event(self.seen), stage.status.is_terminal());
        if self.seen == Some(stage) {
            return None;
        }
        self.seen = Some(stage);
        Some((Event::default().event(name).id(stage.id()).json_data(view).ok()?, is_last))
    }

    fn deleted(&self) -> Option<(Event, bool)> {
        let event = Event::default().event("video.deleted").json_data(DeletedView::of(self.id));
        event.ok().map(|event| (event, true))
    }

    /// Comes back when the job may have changed, or its place in the queue. None when the process shall end.
    async fn changed(&mut self) -> Option<()> {
        let queued = self.job.is_some();
        loop {
            let look_at = self.look_at;
            tokio::select! {
                () = self.app.closing.cancelled() => return None,
                () = self.watching.changed() => {
                    self.job = None;
                    return Some(());
                }
                _ = self.moved.changed(), if queued && look_at.is_none() => {
                    self.look_at = Some(Instant::now() + PLACE_PAUSE);
                }
                () = sleep_until(look_at.unwrap_or_else(Instant::now)), if queued && look_at.is_some() => {
                    self.look_at = None;
                    return Some(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_reads_back_from_its_id_and_names_its_event() {
        let queued = Stage { status: JobStatus::Queued, attempt: 0, progress: 0, place: Some(3) };
        let running = Stage { status: JobStatus::InProgress, attempt: 1, progress: 40, place: None };
        let ended = Stage { status: JobStatus::Completed, attempt: 1, progress: 100, place: None };
        for stage in [queued, running, ended] {
            assert_eq!(Stage::parse(&stage.id()), Some(stage));
        }
        for text in ["", "queued", "queued.x.1", "nothing.1.1"] {
            assert_eq!(Stage::parse(text), None, "{text}");
        }
        assert_eq!(queued.event(None), "status");
        assert_eq!(Stage { place: Some(2), ..queued }.event(Some(queued)), "queue_position");
        assert_eq!(running.event(Some(queued)), "status");
        assert_eq!(Stage { progress: 50, ..running }.event(Some(running)), "progress");
        assert_eq!(ended.event(Some(running)), "video.completed");
    }
}
