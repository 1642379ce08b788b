//! The OpenAPI document, made from the code, and what holds for all of its parts.

use std::collections::BTreeSet;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{OpenApi, ToSchema};

use crate::minimax;
use crate::problem::{self, ErrorBody};

/// What the whole document starts from; the routes add themselves.
#[derive(OpenApi)]
#[openapi(modifiers(&Base), security(("api_key" = [])), components(schemas(ErrorBody)))]
pub(crate) struct Base;

impl utoipa::Modify for Base {
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
    complete(crate::routes::table().into_openapi())
}

/// Adds what holds for every route, so that none has to say it.
pub(crate) fn complete(mut document: Document) -> Document {
    let mut forms = BTreeSet::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        add_errors(operation);
        forms.extend(form(operation));
    }
    let schemas = document.components.as_mut().map(|components| &mut components.schemas);
    for (_, schema) in schemas.into_iter().flatten().filter(|(name, _)| forms.contains(*name)) {
        let RefOr::T(Schema::Object(form)) = schema else { continue };
        form.properties.values_mut().for_each(let_be_text);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// The errors that any request may get, and those of any request with a key. The answers of a dialect say in their bodies what
/// is wrong.
fn add_errors(operation: &mut Operation) {
    if operation.tags.iter().flatten().any(|tag| tag == minimax::TAG) {
        return;
    }
    let keyed = operation.security.is_none().then_some(problem::WITH_A_KEY).into_iter().flatten();
    for (status, description) in problem::ANYWHERE.into_iter().chain(keyed) {
        let said = operation.responses.responses.entry(status.as_u16().to_string());
        said.or_insert_with(|| RefOr::T(error(description)));
    }
}

fn error(description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    ResponseBuilder::new().description(description).content("application/json", body).build()
}

/// The schema of a body that is also taken as multipart.
fn form(operation: &Operation) -> Option<String> {
    let Some(RefOr::T(body)) = &operation.request_body else { return None };
    let Some(RefOr::T(content)) = body.content.get("multipart/form-data") else { return None };
    let Some(RefOr::Ref(schema)) = &content.schema else { return None };
    schema.ref_location.rsplit('/').next().map(str::to_owned)
}

/// Multipart knows only texts, so a number of such a body may be one.
fn let_be_text(property: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(property)) = property else { return };
    let types = match &property.schema_type {
        SchemaType::Type(one) => vec![one.clone()],
        SchemaType::Array(several) => several.clone(),
        SchemaType::AnyValue => return,
    };
    if types.contains(&Type::Integer) {
        property.schema_type = types.into_iter().chain([Type::String]).collect();
        property.format = None;
        property.pattern.get_or_insert_with(|| INTEGER.to_owned());
    }
}

const INTEGER: &str = "^-?[0-9]+$";
