#![doc = include_str!("../README.md")]

use axum::Router;

pub mod admin;
pub mod app;
mod auth;
mod browser;
pub mod config;
mod delivery;
mod form;
#[doc(hidden)]
pub mod fuzz;
mod limit;
pub mod minimax;
mod observe;
mod openapi;
mod page;
mod picture;
mod problem;
pub mod prompt;
mod range;
pub mod rate;
mod routes;
mod serve;
mod submit;
mod wait;

pub use app::App;
pub use openapi::document;
pub use serve::serve;

/// Everything that the API answers, ready to be served.
pub fn router(app: App) -> Router {
    let routes = limit::layers(routes::router(app.clone()));
    minimax::layer::layers(observe::layers(browser::layers(rate::layers(routes, app.clone()), &app)))
}
