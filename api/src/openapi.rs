//! The OpenAPI document, made from the code, and what holds for all of its parts.

use std::collections::BTreeSet;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, ContentBuilder, InfoBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder,
};
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
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", scheme.clone());
        components.add_security_scheme("operator_key", scheme);
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
    for operation in document.paths.paths.values_mut().flat_map(operations).filter(|operation| !is_dialect(operation)) {
        add_errors(operation);
        forms.extend(contents(operation).filter_map(form));
    }
    let schemas = document.components.as_mut().map(|components| &mut components.schemas);
    for (_, schema) in schemas.into_iter().flatten().filter(|(name, _)| forms.contains(*name)) {
        let RefOr::T(Schema::Object(form)) = schema else { continue };
        form.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        form.properties.values_mut().for_each(let_be_text);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// Whether its answers say in their bodies what is wrong, and its bodies may have fields that we do not know.
fn is_dialect(operation: &Operation) -> bool {
    operation.tags.iter().flatten().any(|tag| tag == minimax::TAG)
}

/// Whether it is for those who run the service.
fn is_for_operators(operation: &Operation) -> bool {
    operation.tags.iter().flatten().any(|tag| tag == "admin")
}

/// The errors that any request may get, and those of any request with a key.
fn add_errors(operation: &mut Operation) {
    let keyed = operation.security.is_none().then_some(problem::WITH_A_KEY).into_iter().flatten();
    let staffed = is_for_operators(operation).then_some(problem::WITH_AN_OPERATORS_KEY).into_iter().flatten();
    for (status, description) in problem::ANYWHERE.into_iter().chain(keyed).chain(staffed) {
        let said = operation.responses.responses.entry(status.as_u16().to_string());
        said.or_insert_with(|| RefOr::T(error(description)));
    }
}

fn error(description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    ResponseBuilder::new().description(description).content("application/json", body).build()
}

fn contents(operation: &mut Operation) -> impl Iterator<Item = &mut Content> {
    let body = operation.request_body.as_mut().and_then(|body| match body {
        RefOr::T(body) => Some(body),
        RefOr::Ref(_) => None,
    });
    body.into_iter().flat_map(|body| body.content.values_mut()).filter_map(|content| match content {
        RefOr::T(content) => Some(content),
        RefOr::Ref(_) => None,
    })
}

/// The schema of a body. One that may be left out is not null where it is there.
fn form(content: &mut Content) -> Option<String> {
    if let Some(RefOr::T(Schema::OneOf(either))) = &content.schema {
        content.schema = either.items.iter().find(|item| matches!(item, RefOr::Ref(_))).cloned();
    }
    let Some(RefOr::Ref(schema)) = &content.schema else { return None };
    schema.ref_location.rsplit('/').next().map(str::to_owned)
}

/// Multipart knows only texts, so a number may be one, in JSON too.
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
