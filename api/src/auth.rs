//! Whose API key came with a request.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use clipmill_shared::accounts::keys::Identity;
use clipmill_shared::id::AccountId;
use clipmill_shared::secret::ApiKey;
use tracing::Span;

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
    /// The account whose key this is.
    pub(crate) async fn prove(app: &App, key: &ApiKey) -> Result<Self, Problem> {
        Proven::prove(app, key).await.map(|Proven(identity)| Self(identity.account))
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
        Self::prove(app, &key).await
    }
}

impl Proven {
    async fn prove(app: &App, key: &ApiKey) -> Result<Self, Problem> {
        let identity = app.keys.ask(key.clone()).await?.ok_or_else(Problem::unauthenticated)?;
        Caller::known(identity.account);
        app.rates.belongs(key, identity.account);
        Ok(Self(identity))
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
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(bearer).and_then(ApiKey::parse)
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
