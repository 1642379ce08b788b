//! The OpenAPI document, made from the code, and the page to read it.

use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi as Document};

/// What the whole document starts from; the routes add themselves.
#[derive(OpenApi)]
#[openapi(modifiers(&Security), security(("api_key" = [])))]
pub(crate) struct Base;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("api_key", scheme);
        document.info = InfoBuilder::new()
            .title("Clipmill")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(
                "Text and images to video: submit a job, poll it or be called back, download the result.",
            ))
            .build();
    }
}

/// The OpenAPI 3.1 document of everything that the API answers.
pub fn document() -> Document {
    crate::routes::table().into_openapi()
}
