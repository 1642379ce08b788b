//! Every error that a client can see, in the shape of OpenAI's API. The one place with 4xx and 5xx.

mod code;
mod domain;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clipmill_shared::accounts::scope::Scope;
use clipmill_shared::jobs::JobStatus;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use code::Code;

/// Errors that any request may get, and what they mean.
pub(crate) const ANYWHERE: [(StatusCode, &str); 3] = [
    (StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive or to answer"),
    (StatusCode::INTERNAL_SERVER_ERROR, "A fault on our side"),
    (StatusCode::SERVICE_UNAVAILABLE, "Not available at the moment; see `retry-after`"),
];
/// Errors that any request may get where a key is wanted.
pub(crate) const WITH_A_KEY: [(StatusCode, &str); 3] = [
    (StatusCode::UNAUTHORIZED, "No live API key"),
    (StatusCode::FORBIDDEN, "A key that may not be used for this"),
    (
        StatusCode::TOO_MANY_REQUESTS,
        "More requests than the key or the account may make, or too many without a live key; see `retry-after`",
    ),
];

/// The error that any request may get where an operator's key is wanted.
pub(crate) const WITH_AN_OPERATORS_KEY: [(StatusCode, &str); 1] =
    [(StatusCode::UNAUTHORIZED, "No live operator's key")];

const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An error on its way to the client. The answer carries it along, so that a dialect may say it in its own words.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    message: String,
    param: Option<String>,
    /// Seconds after which it may go better.
    retry_after: Option<u64>,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// A sentence for people
    #[schema(example = "seconds must be a whole number from 1 to 10 for 1280x720 in the fast tier")]
    message: String,
    /// The class of the error
    #[serde(rename = "type")]
    #[schema(example = "invalid_request_error")]
    kind: &'static str,
    /// The field that is at fault, if one is
    #[schema(example = "seconds")]
    param: Option<String>,
    /// A stable word for programs
    #[schema(example = "invalid_value")]
    code: &'static str,
}

impl Problem {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, retry_after: None }
    }

    /// A field that cannot be accepted, and what could be.
    pub(crate) fn invalid(field: impl Into<String>, allowed: &str) -> Self {
        let field = field.into();
        let message = format!("{field} {allowed}");
        Self { param: Some(field), ..Self::new(Code::InvalidValue, message) }
    }

    /// A field that there is not.
    pub(crate) fn unknown_field(field: &str) -> Self {
        let message = format!("there is no field {field} here; see /openapi.json for those there are");
        Self { param: Some(field.to_owned()), ..Self::new(Code::UnknownParameter, message) }
    }

    /// A member that an object does not have, and those that it has.
    pub(crate) fn unknown_member(member: &str, known: &[&str]) -> Self {
        let message = format!("there is no {member} here; there are: {}", known.join(", "));
        Self { param: Some(member.to_owned()), ..Self::new(Code::UnknownParameter, message) }
    }

    /// A prompt, or an image, that may not be drawn.
    pub(crate) fn moderated() -> Self {
        let message = "prompt or images were refused by this service's moderation";
        Self { param: Some("prompt".to_owned()), ..Self::new(Code::InputModerated, message) }
    }

    /// A body that cannot be read at all.
    pub(crate) fn body(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidBody, message)
    }

    /// A body in a form that is not spoken here.
    pub(crate) fn media_type() -> Self {
        let message = "the content-type must be application/json or multipart/form-data";
        Self::new(Code::UnsupportedMediaType, message)
    }

    /// A body in another form than the only one that is spoken here.
    pub(crate) fn no_json() -> Self {
        let message = "the content-type must be application/json";
        Self::new(Code::UnsupportedMediaType, message)
    }

    /// A body beyond the limit.
    pub(crate) fn too_large() -> Self {
        Self::new(Code::BodyTooLarge, "the body is too large; images may have 20 MB each")
    }

    /// No key, or none that lives.
    pub(crate) fn unauthenticated() -> Self {
        let message = "send a live API key as `Authorization: Bearer cm_…`";
        Self::new(Code::InvalidApiKey, message)
    }

    /// No operator's key, or none that lives.
    pub(crate) fn no_operator() -> Self {
        Self::new(Code::InvalidOperatorKey, "send a live operator's key as `Authorization: Bearer cmop_…`")
    }

    /// A key that may not be used so.
    pub(crate) fn insufficient_scope(scope: Scope) -> Self {
        Self::new(Code::InsufficientScope, format!("this needs a key with the scope {scope}"))
    }

    /// No such key, or another account's.
    pub(crate) fn no_key() -> Self {
        Self::new(Code::KeyNotFound, "there is no such key")
    }

    /// No such worker.
    pub(crate) fn no_worker() -> Self {
        Self::new(Code::WorkerNotFound, "there is no such worker, or none that was drained")
    }

    /// No such tier.
    pub(crate) fn no_tier() -> Self {
        Self::new(Code::TierNotFound, "there is no such tier: name one of fast, pro")
    }

    /// No such account.
    pub(crate) fn no_account() -> Self {
        Self::new(Code::AccountNotFound, "there is no such account")
    }

    /// No such export, or another account's.
    pub(crate) fn no_export() -> Self {
        Self::new(Code::ExportNotFound, "there is no such export")
    }

    /// No such deletion, or another account's.
    pub(crate) fn no_erasure() -> Self {
        Self::new(Code::ErasureNotFound, "there is no such deletion")
    }

    /// No receipt of this token.
    pub(crate) fn no_receipt() -> Self {
        Self::new(Code::ReceiptNotFound, "there is no receipt for this token")
    }

    /// No such video, or another account's.
    pub(crate) fn no_video() -> Self {
        Self::new(Code::VideoNotFound, "there is no such video")
    }

    /// No such file, or another account's.
    pub(crate) fn no_file() -> Self {
        Self::new(Code::FileNotFound, "there is no such file")
    }

    /// A file whose content has yet to come.
    pub(crate) fn file_not_ready() -> Self {
        let message = "the file has no content yet; store it by the upload link and then complete it";
        Self::new(Code::FileNotReady, message)
    }

    /// No such destination, or another account's.
    pub(crate) fn no_destination() -> Self {
        Self::new(Code::DestinationNotFound, "there is no such destination")
    }

    /// Files that were delivered and never kept here.
    pub(crate) fn delivered_elsewhere() -> Self {
        let message = "the video was delivered as output says and not kept here";
        Self::new(Code::DeliveredElsewhere, message)
    }

    /// No such webhook endpoint, or another account's.
    pub(crate) fn no_endpoint() -> Self {
        Self::new(Code::WebhookEndpointNotFound, "there is no such webhook endpoint")
    }

    /// No such delivery, or another endpoint's.
    pub(crate) fn no_delivery() -> Self {
        Self::new(Code::WebhookDeliveryNotFound, "the webhook endpoint has no such delivery")
    }

    /// A webhook endpoint to which nothing is sent.
    pub(crate) fn endpoint_disabled() -> Self {
        let message = "the webhook endpoint is disabled; update it with enabled: true first";
        Self::new(Code::WebhookEndpointDisabled, message)
    }

    /// A video whose source images are gone.
    pub(crate) fn source_gone() -> Self {
        let message = "the source images of the video are not kept any more; submit them again in place of remixing it";
        Self::new(Code::SourceGone, message)
    }

    /// No such place.
    pub(crate) fn no_route() -> Self {
        Self::new(Code::NotFound, "there is nothing at this address; see /openapi.json for what there is")
    }

    /// A place where something else can be done.
    pub(crate) fn no_method() -> Self {
        Self::new(Code::MethodNotAllowed, "this cannot be done here; see /openapi.json for what can")
    }

    /// A video without content, and why.
    pub(crate) fn no_content(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued | JobStatus::InProgress | JobStatus::Completed => {
                let message =
                    format!("the video has no such content yet, it is {status}; poll it until it is completed");
                Self::new(Code::VideoNotReady, message)
            }
            JobStatus::Failed | JobStatus::Cancelled => {
                Self::new(Code::VideoHasNoContent, format!("the video is {status} and has no content"))
            }
            JobStatus::Expired => Self::new(Code::VideoExpired, "the video's retention is over and its files are gone"),
        }
    }

    /// A part of the content that does not exist.
    pub(crate) fn no_range() -> Self {
        Self::new(Code::InvalidRange, "the range lies outside of the content")
    }

    /// The request took too long to arrive or to answer.
    pub(crate) fn timeout() -> Self {
        Self::new(Code::RequestTimeout, "the request took too long")
    }

    /// Something that we lean on is away for the moment.
    pub(crate) fn unavailable() -> Self {
        Self::new(Code::Unavailable, "the service is not available at the moment, try again")
    }

    /// Asked more often than allowed.
    pub(crate) fn rate_limited(wait_seconds: u64) -> Self {
        let message = format!("too many requests: wait {wait_seconds} s, see the x-ratelimit headers");
        let problem = Self::new(Code::RateLimitExceeded, message);
        Self { retry_after: Some(wait_seconds), ..problem }
    }

    /// Came too often without a live key.
    pub(crate) fn locked_out(wait_seconds: u64) -> Self {
        let message = format!("too many requests from this address came without a live API key: wait {wait_seconds} s");
        Self { retry_after: Some(wait_seconds), ..Self::new(Code::TooManyFailedKeys, message) }
    }

    /// As many as there may be do the same already.
    pub(crate) fn busy() -> Self {
        Self::new(Code::Busy, "the service has too much to do at the moment, try again")
    }

    /// A fault of ours. Its text stays inside.
    pub(crate) fn internal() -> Self {
        Self::new(Code::InternalError, "something went wrong on our side")
    }

    fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The stable word for programs.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The sentence for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The field that is at fault, if one is.
    pub(crate) fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    fn kind(&self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (problem, status) = (self.clone(), self.status());
        let detail =
            ErrorDetail { kind: self.kind(), message: self.message, param: self.param, code: self.code.as_str() };
        let mut response = (status, Json(ErrorBody { error: detail })).into_response();
        match status {
            // Client libraries repeat a 409 unless they are told that it will not help.
            StatusCode::CONFLICT => response.headers_mut().insert(X_SHOULD_RETRY, HeaderValue::from_static("false")),
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                response.headers_mut().insert(RETRY_AFTER, self.retry_after.unwrap_or(10).into())
            }
            _ => None,
        };
        response.extensions_mut().insert(problem);
        response
    }
}
