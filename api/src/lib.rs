#![doc = include_str!("../README.md")]

use std::future::Future;

use axum::Router;
use tokio::net::TcpListener;

pub mod admin;
pub mod app;
mod auth;
pub mod config;
mod form;
mod limit;
mod observe;
mod openapi;
mod picture;
mod problem;
mod range;
mod routes;

pub use app::App;
pub use openapi::document;

/// Everything that the API answers, ready to be served.
pub fn router(app: App) -> Router {
    observe::layers(limit::layers(routes::router(app)))
}

/// Serves `app` on `listener` until `stop`, then finishes the requests in flight.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(app)).with_graceful_shutdown(stop).await
}
