//! Whose key came with a request, and what it may be used for.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use clipmill_shared::accounts::keys::{self, Identity};
use clipmill_shared::accounts::operators::{self, Operator};
use clipmill_shared::accounts::scope::Scope;
use clipmill_shared::db::PgPool;
use clipmill_shared::id::AccountId;
use clipmill_shared::secret::{ApiKey, OperatorKey};
use tokio_util::sync::CancellationToken;
use tracing::{Span, warn};

use crate::app::App;
use crate::lockout::LockedOut;
use crate::problem::Problem;

/// The account that a request speaks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) AccountId);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Proven(identity) = Proven::from_request_parts(parts, app).await?;
        Ok(Self(identity.account))
    }
}

impl Caller {
    /// The account whose key this is, if the key may be used so.
    pub(crate) async fn prove(app: &App, key: &ApiKey, scope: Option<Scope>) -> Result<Self, Problem> {
        Proven::prove(app, key, scope).await.map(|Proven(identity)| Self(identity.account))
    }

    /// An account whose key was proved already.
    pub(crate) fn known(account: AccountId) -> Self {
        Span::current().record("account.id", tracing::field::display(account));
        Self(account)
    }
}

/// The account that a request speaks for, and by which of its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proven(pub(crate) Identity);

impl FromRequestParts<App> for Proven {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Bearer(key) = Bearer::from_request_parts(parts, app).await?;
        Self::prove(app, &key, Some(needed(&parts.method, parts.uri.path()))).await
    }
}

impl Proven {
    async fn prove(app: &App, key: &ApiKey, scope: Option<Scope>) -> Result<Self, Problem> {
        let identity = app.keys.ask(key.clone()).await?.ok_or_else(Problem::unauthenticated)?;
        Caller::known(identity.account);
        app.rates.belongs(key, identity.account);
        app.used.note(key);
        match scope {
            Some(scope) if !identity.scopes.allow(scope) => Err(Problem::insufficient_scope(scope)),
            _ => Ok(Self(identity)),
        }
    }
}

/// What a key has to be good for, for a request to be answered.
fn needed(method: &Method, path: &str) -> Scope {
    let of_account = ["/v1/account", "/v1/destinations", "/v1/webhook_endpoints", "/v1/webhooks", "/v1/usage"];
    if of_account.iter().any(|prefix| path.starts_with(prefix)) {
        return Scope::Account;
    }
    match *method {
        Method::GET | Method::HEAD => Scope::VideosRead,
        _ => Scope::VideosWrite,
    }
}

/// A key that has the form of one. Whose it is, and whether it lives, is not known yet.
pub(crate) struct Bearer(pub(crate) ApiKey);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(locked_out) = parts.extensions.get::<LockedOut>() {
            return Err((*locked_out).into());
        }
        key(&parts.headers).map(Self).ok_or_else(Problem::unauthenticated)
    }
}

/// The key that came with a request, if it has the form of one.
pub(crate) fn key(headers: &HeaderMap) -> Option<ApiKey> {
    token(headers).and_then(ApiKey::parse)
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Somebody who runs the service.
#[derive(Debug)]
pub(crate) struct Staff(pub(crate) Operator);

impl Staff {
    /// The name in the audit log.
    pub(crate) fn actor(&self) -> String {
        format!("operator {}", self.0.name)
    }
}

impl FromRequestParts<App> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(locked_out) = parts.extensions.get::<LockedOut>() {
            return Err((*locked_out).into());
        }
        let key = token(&parts.headers).and_then(OperatorKey::parse).ok_or_else(Problem::no_operator)?;
        operators::authenticate(&app.pool, &key).await?.map(Self).ok_or_else(Problem::no_operator)
    }
}

/// The public parts of the keys that were used since that was last written down.
#[derive(Debug, Default)]
pub(crate) struct Used(Mutex<HashSet<String>>);

/// How often it is written down which keys were used.
const NOTE_PAUSE: Duration = Duration::from_secs(60);

impl Used {
    /// Notes that a key was used.
    pub(crate) fn note(&self, key: &ApiKey) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains(key.lookup()) {
            used.insert(key.lookup().to_owned());
        }
    }

    /// Writes down, from time to time and at the end, which keys were used.
    pub(crate) async fn keep(&self, pool: &PgPool, closing: &CancellationToken) {
        while !closing.is_cancelled() {
            tokio::select! {
                () = closing.cancelled() => {}
                () = tokio::time::sleep(NOTE_PAUSE) => {}
            }
            self.flush(pool).await;
        }
    }

    /// Writes down which keys were used.
    pub(crate) async fn flush(&self, pool: &PgPool) {
        let used: Vec<String> = self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        if used.is_empty() {
            return;
        }
        if let Err(error) = keys::touch(pool, &used).await {
            warn!(%error, "Could not note which keys were used");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_says_what_a_key_has_to_be_good_for() {
        for (method, path, scope) in [
            (Method::GET, "/v1/videos", Scope::VideosRead),
            (Method::HEAD, "/v1/videos/video_1/content", Scope::VideosRead),
            (Method::POST, "/v1/videos", Scope::VideosWrite),
            (Method::DELETE, "/v1/files/file_1", Scope::VideosWrite),
            (Method::POST, "/v1/video_generation", Scope::VideosWrite),
            (Method::GET, "/v1/account/keys", Scope::Account),
            (Method::GET, "/v1/webhooks/secret", Scope::Account),
            (Method::DELETE, "/v1/webhook_endpoints/we_1", Scope::Account),
            (Method::GET, "/v1/usage", Scope::Account),
            (Method::POST, "/v1/destinations/studio/test", Scope::Account),
        ] {
            assert_eq!(needed(&method, path), scope, "{method} {path}");
        }
    }
}
