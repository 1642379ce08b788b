//! Waiting for a job to change in place of asking again: `?wait=SECONDS`, or `Prefer: wait=SECONDS` (RFC 7240).

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use clipmill_shared::id::JobId;
use clipmill_shared::jobs::{Job, JobStatus};
use clipmill_shared::secret::ApiKey;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::limit::WAIT_MAX_SECONDS;
use crate::problem::Problem;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long a client will wait, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    seconds: u64,
    /// For the end of the job, rather than for its next state.
    for_end: bool,
    /// By the header, which an answer has to confirm.
    preferred: bool,
}

impl Wait {
    /// What the query or the header says of it; the query goes first. None where neither does.
    pub(crate) fn of(query: &HashMap<String, String>, headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let for_end = match query.get("wait_for").map(String::as_str) {
            None | Some("change") => false,
            Some("end") => true,
            Some(_) => return Err(Problem::invalid("wait_for", "must be change or end")),
        };
        let asked = match query.get("wait") {
            Some(text) => Some((seconds(text)?, false)),
            // A preference that cannot be met is no error.
            None => preference(headers).map(|seconds| (seconds.min(WAIT_MAX_SECONDS), true)),
        };
        Ok(asked.map(|(seconds, preferred)| Self { seconds, for_end, preferred }))
    }

    /// The header that confirms the wait.
    pub(crate) fn confirmation(self) -> Option<(HeaderName, HeaderValue)> {
        let value = HeaderValue::from_str(&format!("wait={}", self.seconds)).ok()?;
        self.preferred.then_some((PREFERENCE_APPLIED, value))
    }

    fn is_met(self, before: JobStatus, now: JobStatus) -> bool {
        now.is_terminal() || (!self.for_end && now != before)
    }

    /// The job when it has come to what is waited for, or when the time is over. `before` is the state that the client knows;
    /// without it, the one in which the job is found.
    pub(crate) async fn of_job(
        self,
        app: &App,
        key: &ApiKey,
        id: JobId,
        before: Option<JobStatus>,
    ) -> Result<Job, Problem> {
        let _turn = app.waits.try_acquire().map_err(|_| Problem::busy())?;
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let mut watching = app.bells.watchers().watch(id);
        let mut job = app.find(key, id).await?;
        let before = before.unwrap_or(job.status);
        while !self.is_met(before, job.status) && !app.closing.is_cancelled() {
            let changed = app.closing.run_until_cancelled(watching.changed());
            let in_time = timeout_at(until, changed).await.is_ok();
            job = app.find(key, id).await?;
            if !in_time {
                break;
            }
        }
        Ok(job)
    }
}

fn seconds(text: &str) -> Result<u64, Problem> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= WAIT_MAX_SECONDS);
    seconds.ok_or_else(|| {
        Problem::invalid("wait", &format!("must be a whole number of seconds from 0 to {WAIT_MAX_SECONDS}"))
    })
}

fn preference(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
    preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &[(&str, &str)], prefer: Option<&'static str>) -> Result<Option<Wait>, Problem> {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let headers = prefer.map(|value| (PREFER, HeaderValue::from_static(value)));
        Wait::of(&query, &headers.into_iter().collect())
    }

    #[test]
    fn a_wait_comes_by_query_or_by_header() {
        let wait = |seconds, for_end, preferred| Some(Wait { seconds, for_end, preferred });
        assert_eq!(of(&[], None).expect("none"), None);
        assert_eq!(of(&[("wait", "7")], Some("wait=9")).expect("a wait"), wait(7, false, false));
        assert_eq!(of(&[("wait", "60"), ("wait_for", "end")], None).expect("a wait"), wait(60, true, false));
        assert_eq!(of(&[], Some("respond-async, Wait = 100")).expect("a wait"), wait(60, false, true));
        assert_eq!(of(&[], Some("wait=soon")).expect("none"), None);
        for query in [("wait", "61"), ("wait", "-1"), ("wait", "x"), ("wait_for", "x")] {
            assert!(of(&[query], None).is_err(), "{query:?}");
        }
    }

    #[test]
    fn a_wait_is_met_by_the_next_state_or_by_the_end() {
        let (next, end) = (Wait { seconds: 1, for_end: false, preferred: false }, JobStatus::Completed);
        let last = Wait { for_end: true, ..next };
        assert!(next.is_met(JobStatus::Queued, JobStatus::InProgress) && next.is_met(end, end));
        assert!(!next.is_met(JobStatus::Queued, JobStatus::Queued));
        assert!(!last.is_met(JobStatus::Queued, JobStatus::InProgress) && last.is_met(JobStatus::Queued, end));
    }
}
