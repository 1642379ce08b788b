//! How often a key and an account may ask: token buckets, told in `x-ratelimit-*` headers.
//!
//! Each process has buckets of its own: with several behind one address the rates add up.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::HeaderName;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use clipmill_shared::id::AccountId;
use clipmill_shared::secret::ApiKey;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::app::App;
use crate::auth::Bearer;
use crate::problem::Problem;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// Buckets of one kind, and owners of keys, that are remembered at most: anybody may send keys of their own making.
pub(crate) const REMEMBERED: usize = 100_000;
const MINUTE: Duration = Duration::from_secs(60);

/// How often keys and accounts may ask.
#[derive(Debug, Clone, clap::Args)]
pub struct RateConfig {
    /// Requests a minute that one key may make in this process, all at once if it was quiet before; 0 means any number
    #[arg(long, env = "CLIPMILL_KEY_REQUESTS_PER_MINUTE", default_value_t = 60_000)]
    pub key_requests_per_minute: u32,
    /// Requests a minute that all keys of an account may make together; 0 means any number
    #[arg(long, env = "CLIPMILL_ACCOUNT_REQUESTS_PER_MINUTE", default_value_t = 120_000)]
    pub account_requests_per_minute: u32,
    /// Requests a minute without a live key after which a client's address has to wait; keys that are known pass. 0 means any number
    #[arg(long, env = "CLIPMILL_KEY_FAILURES_PER_MINUTE", default_value_t = 30)]
    pub key_failures_per_minute: u32,
}

impl RateConfig {
    /// As often as they like.
    pub const UNLIMITED: Self =
        Self { key_requests_per_minute: 0, account_requests_per_minute: 0, key_failures_per_minute: 0 };
}

/// The buckets of this process.
pub(crate) struct Rates {
    keys: Option<Buckets<[u8; 32]>>,
    accounts: Option<Buckets<AccountId>>,
    /// Whose the keys are that were proved here.
    owners: Mutex<HashMap<[u8; 32], AccountId>>,
}

impl Rates {
    pub(crate) fn new(config: &RateConfig) -> Self {
        Self {
            keys: Buckets::new(config.key_requests_per_minute),
            accounts: Buckets::new(config.account_requests_per_minute),
            owners: Mutex::default(),
        }
    }

    /// Notes whose key this is: from now on it also draws from its account's bucket, and is known to live.
    pub(crate) fn belongs(&self, key: &ApiKey, account: AccountId) {
        let mut owners = self.owners();
        if owners.len() >= REMEMBERED {
            owners.clear();
        }
        owners.insert(key.hash(), account);
    }

    /// Whether this key was proved here.
    pub(crate) fn knows(&self, key: &ApiKey) -> bool {
        self.owners().contains_key(&key.hash())
    }

    /// Notes that this key does not live, or not any more.
    pub(crate) fn forget(&self, key: &ApiKey) {
        self.owners().remove(&key.hash());
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<[u8; 32], AccountId>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one request out of the buckets of a key and of its account, and says how the emptier one stands. None where there
    /// is no limit.
    fn take(&self, key: &ApiKey) -> Result<Option<Standing>, Standing> {
        let hash = key.hash();
        let of_key = self.keys.as_ref().map(|buckets| buckets.take(&hash)).transpose()?;
        let of_account = self.accounts.as_ref().and_then(|buckets| {
            let owner = self.owners().get(&hash).copied();
            owner.map(|account| buckets.take(&account))
        });
        Ok(of_key.into_iter().chain(of_account.transpose()?).min_by_key(|standing| standing.remaining))
    }
}

/// A bucket for each of many.
pub(crate) struct Buckets<K: std::hash::Hash + Eq + Clone> {
    per_minute: NonZeroU32,
    limiter: DefaultKeyedRateLimiter<K, StateInformationMiddleware>,
}

impl<K: std::hash::Hash + Eq + Clone> Buckets<K> {
    /// Buckets that hold so many and are filled up in a minute; none for 0.
    pub(crate) fn new(per_minute: u32) -> Option<Self> {
        let per_minute = NonZeroU32::new(per_minute)?;
        let limiter = RateLimiter::keyed(Quota::per_minute(per_minute)).with_middleware();
        Some(Self { per_minute, limiter })
    }

    /// Takes one out of a bucket, unless it is empty.
    pub(crate) fn take(&self, whose: &K) -> Result<Standing, Standing> {
        if self.limiter.len() > REMEMBERED {
            // Who has been quiet for a minute has a full bucket anyway.
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(whose) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let wait = if remaining == 0 { MINUTE / self.per_minute.get() } else { Duration::ZERO };
                Ok(self.standing(remaining, wait))
            }
            Err(until) => Err(self.standing(0, until.wait_time_from(DefaultClock::default().now()))),
        }
    }

    fn standing(&self, remaining: u32, wait: Duration) -> Standing {
        let limit = self.per_minute.get();
        let full = MINUTE.mul_f64(f64::from(limit.saturating_sub(remaining)) / f64::from(limit));
        Standing { limit, remaining, wait, full }
    }
}

/// How a bucket stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    limit: u32,
    pub(crate) remaining: u32,
    /// At most so long until there is something in it again.
    pub(crate) wait: Duration,
    /// Until it is full.
    full: Duration,
}

impl Standing {
    fn tell(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(LIMIT, self.limit.into());
        headers.insert(REMAINING, self.remaining.into());
        if let Ok(reset) = format!("{}s", seconds(self.full)).parse() {
            headers.insert(RESET, reset);
        }
    }
}

/// Whole seconds in which a duration is over.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Bounds how often keys and accounts ask.
pub(crate) fn layers(router: Router, app: App) -> Router {
    router.layer(middleware::from_fn_with_state(app, limit))
}

async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // Who brings no key comes no further than to be told so.
    let standing = match Bearer::from_request_parts(&mut parts, &()).await {
        Ok(Bearer(key)) => app.rates.take(&key),
        Err(_) => Ok(None),
    };
    match standing {
        Ok(standing) => {
            let mut response = next.run(Request::from_parts(parts, body)).await;
            if let Some(standing) = standing {
                standing.tell(&mut response);
            }
            response
        }
        Err(standing) => {
            metrics::counter!("clipmill_rate_limited_total").increment(1);
            let mut response = Problem::rate_limited(seconds(standing.wait).max(1)).into_response();
            standing.tell(&mut response);
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_an_account_each_have_a_bucket() {
        let rates = Rates::new(&RateConfig {
            key_requests_per_minute: 2,
            account_requests_per_minute: 3,
            ..RateConfig::UNLIMITED
        });
        let (one, other, account) = (ApiKey::generate(), ApiKey::generate(), AccountId::new());
        for key in [&one, &other] {
            rates.belongs(key, account);
        }
        let remaining = |key: &ApiKey| rates.take(key).map(|standing| standing.expect("a limit").remaining);
        assert_eq!(remaining(&one).expect("the first"), 1);
        assert_eq!(remaining(&one).expect("the second"), 0);
        let refused =
            remaining(&one).map_err(|standing| seconds(standing.wait)).expect_err("the key's bucket is empty");
        assert!((1..=30).contains(&refused), "{refused}");
        assert_eq!(remaining(&other).expect("the account's last"), 0);
        assert!(remaining(&other).is_err(), "the account's bucket is empty");
        assert!(remaining(&ApiKey::generate()).is_ok(), "others have buckets of their own");
    }

    #[test]
    fn zero_is_no_limit() {
        let rates = Rates::new(&RateConfig::UNLIMITED);
        assert!(rates.take(&ApiKey::generate()).is_ok_and(|standing| standing.is_none()));
    }
}
