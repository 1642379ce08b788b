//! Whose API key came with a request.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use clipmill_shared::accounts::keys;
use clipmill_shared::id::AccountId;
use clipmill_shared::secret::ApiKey;
use tracing::Span;

use crate::app::App;
use crate::problem::Problem;

/// The account that a request speaks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) AccountId);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = header.and_then(bearer).and_then(ApiKey::parse).ok_or_else(Problem::unauthenticated)?;
        let account = keys::authenticate(&app.pool, &key).await?.ok_or_else(Problem::unauthenticated)?;
        Span::current().record("account.id", tracing::field::display(account));
        Ok(Self(account))
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
