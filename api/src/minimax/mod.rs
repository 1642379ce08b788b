#![doc = include_str!("README.md")]

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

mod callback;
mod code;
pub(crate) mod layer;
mod models;
mod size;
mod v1;

pub use models::{MinimaxConfig, MinimaxModels};
pub(crate) use v1::Task;

/// Marks the dialect's operations in the OpenAPI document.
pub(crate) const TAG: &str = "minimax";

/// The routes of the dialect, with their part of the OpenAPI document.
pub(crate) fn table() -> OpenApiRouter<App> {
    v1::table()
}
