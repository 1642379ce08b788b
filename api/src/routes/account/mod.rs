//! `/v1/account`: what an account is, and what its owner may ask for.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use clipmill_shared::id::{ErasureId, ExportId, KeyId};

use crate::app::App;
use crate::problem::Problem;

pub(super) mod audit_log;
pub(super) mod credits;
pub(super) mod delete;
pub(super) mod erasures;
pub(super) mod export;
pub(super) mod get;
pub(super) mod keys;
pub(super) mod update;
mod view;

/// The `{id}` of a path. What is no id names nothing.
pub(crate) struct Named<I>(pub(crate) I);

impl<I: FromStr + NotFound> FromRequestParts<App> for Named<I> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let segments = Path::<HashMap<String, String>>::from_request_parts(parts, app).await;
        let id = segments.ok().and_then(|Path(mut segments)| segments.remove("id")?.parse().ok());
        id.map(Self).ok_or_else(I::not_found)
    }
}

/// What is said when there is nothing of a name.
pub(crate) trait NotFound {
    /// The error.
    fn not_found() -> Problem;
}

impl NotFound for KeyId {
    fn not_found() -> Problem {
        Problem::no_key()
    }
}

impl NotFound for ExportId {
    fn not_found() -> Problem {
        Problem::no_export()
    }
}

impl NotFound for ErasureId {
    fn not_found() -> Problem {
        Problem::no_erasure()
    }
}
