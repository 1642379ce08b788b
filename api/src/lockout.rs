//! Clients that send one key after another and none that lives: after some failures they have to wait before the ledger is asked
//! again. Keys that were proved in this process, from wherever, pass at all times.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::address::ClientAddress;
use crate::app::App;
use crate::auth;
use crate::problem::{Code, Problem};
use crate::rate::{Buckets, REMEMBERED, seconds};

/// Who has failed how often, in this process.
pub(crate) struct Lockout {
    failures: Option<Buckets<IpAddr>>,
    /// Clients whose bucket is empty, and until when. That is asked before a key is looked at, and the buckets can only be asked by
    /// drawing from them.
    shut: Mutex<HashMap<IpAddr, Instant>>,
}

impl Lockout {
    /// So many failures a minute are let pass; 0 means any number.
    pub(crate) fn new(failures_per_minute: u32) -> Self {
        Self { failures: Buckets::new(failures_per_minute), shut: Mutex::default() }
    }

    /// How long a client has to wait until a key that is not known is looked at, if it has to.
    fn wait(&self, client: IpAddr) -> Option<Duration> {
        let until = *self.shut.lock().unwrap_or_else(PoisonError::into_inner).get(&client)?;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    /// Counts a key that is nobody's, or none at all.
    fn failed(&self, client: IpAddr) {
        let Some(failures) = &self.failures else { return };
        let (Ok(standing) | Err(standing)) = failures.take(&client);
        if standing.remaining > 0 {
            return;
        }
        let now = Instant::now();
        let mut shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        if shut.len() >= REMEMBERED {
            shut.retain(|_, until| *until > now);
        }
        if shut.len() < REMEMBERED {
            shut.insert(client, now + standing.wait);
        }
    }
}

/// Goes with a request whose key is not looked at, and says for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockedOut(Duration);

impl From<LockedOut> for Problem {
    fn from(LockedOut(wait): LockedOut) -> Self {
        metrics::counter!("clipmill_locked_out_total").increment(1);
        Self::locked_out(seconds(wait).max(1))
    }
}

/// Bounds how often a client fails to bring a live key.
pub(crate) fn layers(router: Router, app: App) -> Router {
    router.layer(middleware::from_fn_with_state(app, watch))
}

/// What is open to everybody has no key to look at, and so it never meets the [`LockedOut`] that goes with the request.
async fn watch(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ClientAddress>().copied();
    let Some(client) = address.and_then(ClientAddress::client) else { return next.run(request).await };
    let key = auth::key(request.headers());
    let is_known = || key.as_ref().is_some_and(|key| app.rates.knows(key));
    if let Some(wait) = app.lockout.wait(client).filter(|_| !is_known()) {
        request.extensions_mut().insert(LockedOut(wait));
    }
    let response = next.run(request).await;
    if response.extensions().get::<Problem>().is_some_and(is_failure) {
        metrics::counter!("clipmill_failed_keys_total").increment(1);
        app.lockout.failed(client);
        // It lived once, if it was known at all.
        key.iter().for_each(|key| app.rates.forget(key));
    }
    response
}

/// Whether no live key came with a request that wants one, a customer's or an operator's.
fn is_failure(problem: &Problem) -> bool {
    matches!(problem.code(), Code::InvalidApiKey | Code::InvalidOperatorKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_to_wait_when_its_failures_are_used_up_and_others_do_not() {
        let (lockout, one, other) = (Lockout::new(3), IpAddr::from([203, 0, 113, 7]), IpAddr::from([203, 0, 113, 8]));
        for _ in 0..3 {
            assert_eq!(lockout.wait(one), None);
            lockout.failed(one);
        }
        let wait = lockout.wait(one).expect("a wait");
        assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(20), "{wait:?}");
        assert_eq!(lockout.wait(other), None);
    }

    #[test]
    fn zero_is_no_limit() {
        let (lockout, client) = (Lockout::new(0), IpAddr::from([203, 0, 113, 7]));
        (0..1000).for_each(|_| lockout.failed(client));
        assert_eq!(lockout.wait(client), None);
    }
}
