//! The one table of URLs.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::App;
use crate::limit::{MARK_BODY_MAX_BYTES, SMALL_BODY_MAX_BYTES};
use crate::minimax;
use crate::openapi::{self, Base};
use crate::problem::Problem;

mod account;
mod admin;
mod destinations;
mod errors;
mod files;
mod health;
mod usage;
mod videos;
mod webhook_endpoints;
mod webhooks;

/// Every route, with its part of the OpenAPI document.
pub(crate) fn table() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(videos::create::create, videos::list::list))
        .routes(routes!(videos::models::models))
        .routes(routes!(videos::get::get, videos::delete::delete))
        .routes(routes!(videos::events::events))
        .routes(routes!(videos::content::content))
        .routes(routes!(videos::cancel::cancel))
        .routes(routes!(videos::remix::remix))
        .routes(routes!(videos::retention::retention))
        .routes(routes!(usage::usage))
        .routes(routes!(files::create::create, files::list::list))
        .routes(routes!(files::get::get, files::delete::delete))
        .routes(routes!(files::content::content))
        .routes(routes!(files::complete::complete))
        .routes(routes!(webhooks::secret::secret))
        .routes(routes!(webhooks::keys::keys))
        .merge(webhook_endpoints())
        .merge(destinations())
        .merge(account())
        .merge(admin())
        .merge(minimax::table())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

fn webhook_endpoints() -> OpenApiRouter<App> {
    use webhook_endpoints::*;
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(get::get, update::update, update::patch, delete::delete))
        .routes(routes!(rotate_secret::rotate_secret))
        .routes(routes!(test::test))
        .routes(routes!(deliveries::deliveries))
        .routes(routes!(replay::replay))
        .routes(routes!(replay_delivery::replay_delivery))
        .layer(DefaultBodyLimit::max(SMALL_BODY_MAX_BYTES))
}

fn destinations() -> OpenApiRouter<App> {
    use destinations::*;
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(test::test))
        .layer(DefaultBodyLimit::max(SMALL_BODY_MAX_BYTES))
}

fn account() -> OpenApiRouter<App> {
    use account::*;
    OpenApiRouter::new()
        .merge(
            OpenApiRouter::new()
                .routes(routes!(get::get, update::update, delete::delete))
                .layer(DefaultBodyLimit::max(MARK_BODY_MAX_BYTES)),
        )
        .routes(routes!(keys::create::create, keys::list::list))
        .routes(routes!(keys::delete::delete))
        .routes(routes!(audit_log::audit_log))
        .routes(routes!(credits::credits))
        .routes(routes!(export::create))
        .routes(routes!(export::get))
        .routes(routes!(erasures::create))
        .routes(routes!(erasures::get))
        .routes(routes!(erasures::receipt))
        .layer(DefaultBodyLimit::max(SMALL_BODY_MAX_BYTES))
}

fn admin() -> OpenApiRouter<App> {
    use admin::*;
    OpenApiRouter::new()
        .routes(routes!(accounts::create, accounts::list))
        .routes(routes!(accounts::get, update::update, delete::delete))
        .routes(routes!(videos::videos))
        .routes(routes!(credits::grant))
        .routes(routes!(training_videos::training_videos))
        .routes(routes!(meter_events::meter_events))
        .routes(routes!(statistics::statistics))
        .routes(routes!(workers::workers))
        .routes(routes!(workers::drain))
        .routes(routes!(workers::resume))
        .routes(routes!(tiers::pause))
        .routes(routes!(tiers::resume))
        .layer(DefaultBodyLimit::max(SMALL_BODY_MAX_BYTES))
}

/// Every route, the document that describes them, and what there is besides: nothing.
pub(crate) fn router(app: App) -> Router {
    let (router, document) = table().split_for_parts();
    router
        .route("/docs/errors", get(errors::errors))
        .with_state(app)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi::complete(document)))
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::no_method())
}
