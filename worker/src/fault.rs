//! What went wrong in a stage, and what follows from it.

use std::time::Duration;

use anyhow::Error;
use clipmill_shared::jobs::{Failure, Job, retry};

/// A stage that did not come to its end.
#[derive(Debug)]
pub struct Fault {
    verdict: Verdict,
    code: &'static str,
    public: String,
    source: Error,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Retry,
    Fail,
    Elsewhere,
}

/// What to do with the lease.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Put the job back for another attempt after this time.
    Retry(Duration),
    /// End the job.
    Fail(Failure),
    /// Give the job back unharmed: it is this worker that cannot work.
    Release,
}

impl Fault {
    /// It may work another time or elsewhere. `public` is what the customer reads if it never does.
    pub fn transient(code: &'static str, public: &str, source: impl Into<Error>) -> Self {
        Self { verdict: Verdict::Retry, code, public: public.to_owned(), source: source.into() }
    }

    /// It will never work.
    pub fn permanent(code: &'static str, public: impl Into<String>, source: impl Into<Error>) -> Self {
        Self { verdict: Verdict::Fail, code, public: public.into(), source: source.into() }
    }

    /// It is this machine's fault, a full disk for example: the job is as good as new.
    pub fn of_this_worker(code: &'static str, source: impl Into<Error>) -> Self {
        Self { verdict: Verdict::Elsewhere, code, public: String::new(), source: source.into() }
    }

    /// The stable word for what went wrong.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What lies below it, for the log only.
    pub fn source(&self) -> &Error {
        &self.source
    }

    /// What follows: a pure function of the fault and the job's attempts, `jitter` from 0 to 1.
    pub fn next(self, job: &Job, jitter: f64) -> Next {
        match self.verdict {
            Verdict::Elsewhere => Next::Release,
            Verdict::Retry if job.may_retry() => Next::Retry(retry::back_off(job.attempt - job.released, jitter)),
            Verdict::Retry | Verdict::Fail => Next::Fail(Failure { code: self.code, message: self.public }),
        }
    }
}
