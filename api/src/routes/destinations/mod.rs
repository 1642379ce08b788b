//! `/v1/destinations`: one file a verb, and the destination as clients see it.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use clipmill_shared::destinations::{self, Destination, Named};
use clipmill_shared::id::AccountId;

use crate::app::App;
use crate::problem::Problem;

pub(super) mod create;
pub(super) mod delete;
mod fields;
pub(super) mod get;
pub(super) mod list;
pub(super) mod test;
pub(super) mod update;
mod view;

/// The `{id}` of a path: an id or a name.
pub(crate) struct DestinationPath(Named);

impl FromRequestParts<App> for DestinationPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let text = path.ok().map(|Path(text)| text).filter(|text| !text.contains('\0'));
        text.and_then(|text| text.parse().ok()).map(Self).ok_or_else(Problem::no_destination)
    }
}

impl DestinationPath {
    /// The destination, if the account has it.
    async fn find(&self, app: &App, account: AccountId) -> Result<Destination, Problem> {
        destinations::find(&app.pool, account, &self.0).await?.ok_or_else(Problem::no_destination)
    }
}
