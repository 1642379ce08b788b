#![doc = include_str!("../README.md")]

use axum::Router;

mod address;
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
mod lockout;
pub mod minimax;
mod observe;
mod openapi;
mod output;
mod page;
mod picture;
mod problem;
pub mod prompt;
mod range;
pub mod rate;
mod recipient;
mod routes;
pub mod secrets;
mod serve;
mod submit;
mod tls;
pub mod transport;
mod wait;
pub mod watermark;

pub use app::App;
pub use openapi::document;
pub use serve::serve;
pub use transport::Transport;

/// Everything that the API answers, ready to be served.
pub fn router(app: App) -> Router {
    let routes = rate::layers(limit::layers(routes::router(app.clone())), app.clone());
    let routes = lockout::layers(routes, app.clone());
    minimax::layer::layers(observe::layers(browser::layers(routes, &app)))
}
