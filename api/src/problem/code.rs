//! Every `code` of an error: its HTTP status, what it means, and what to do about it. The page at `/docs/errors` is made of this.

use axum::http::StatusCode;

/// A table of codes: variant, status, word, meaning, remedy.
macro_rules! codes {
    ($($name:ident $status:ident $word:literal $meaning:literal $remedy:literal)*) => {
        /// What went wrong, as a stable word for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code.
            pub(crate) const ALL: &[Code] = &[$(Code::$name),*];

            /// The HTTP status that it comes with.
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status,)* }
            }

            /// The word on the wire.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)* }
            }

            /// What it means.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning,)* }
            }

            /// What to do about it.
            pub(crate) fn remedy(self) -> &'static str {
                match self { $(Code::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    InvalidValue BAD_REQUEST "invalid_value"
        "A field or parameter cannot be accepted; `param` names it."
        "Change it as the message says, then send the request again."
    UnknownParameter BAD_REQUEST "unknown_parameter"
        "There is no such field or parameter here; `param` names it."
        "Leave it out, or look its name up in `/openapi.json`."
    InvalidBody BAD_REQUEST "invalid_body"
        "The body or the query string cannot be read at all."
        "Send well-formed JSON or multipart, as the message says."
    InputModerated BAD_REQUEST "input_moderated"
        "The prompt or an image is not allowed here."
        "Change it. The same request will be refused again, and nothing is charged."
    TooManyFiles BAD_REQUEST "too_many_files"
        "The account has as many files as it may."
        "Delete some that are not needed any more."
    InvalidApiKey UNAUTHORIZED "invalid_api_key"
        "There is no API key with the request, or none that lives."
        "Send a live key as `Authorization: Bearer cm_…`."
    ReceiptNotFound NOT_FOUND "receipt_not_found"
        "There is no receipt for this token."
        "Check the token: it was shown when the deletion was asked for."
    InvalidOperatorKey UNAUTHORIZED "invalid_operator_key"
        "There is no operator's key with the request, or none that lives."
        "Send a live operator's key as `Authorization: Bearer cmop_…`; `clipmill-api operator-key create` makes one."
    InsufficientCredits PAYMENT_REQUIRED "insufficient_credits"
        "The account has too few credits left for this video."
        "Have credits granted, or ask for a smaller or shorter video; `/v1/account/credits` shows what is left."
    InsufficientScope FORBIDDEN "insufficient_scope"
        "The key may not be used for this."
        "Use a key with the scope that the message names."
    ProcessingLimited FORBIDDEN "processing_limited"
        "Nothing of the account is processed: its data is kept, its jobs wait."
        "End the limitation with `PATCH /v1/account`, if it is yours to end."
    NotFound NOT_FOUND "not_found"
        "There is nothing at this address."
        "Look the address up in `/openapi.json`."
    VideoNotFound NOT_FOUND "video_not_found"
        "The account has no such video, or not any more."
        "Check the id, and whose key is used."
    VideoHasNoContent NOT_FOUND "video_has_no_content"
        "The video failed or was cancelled, so there is nothing to download."
        "Look at its `error`, and submit it again if that helps."
    FileNotFound NOT_FOUND "file_not_found"
        "The account has no such file, or not any more."
        "Check the id, and whose key is used; put the file up again if it has expired."
    WebhookEndpointNotFound NOT_FOUND "webhook_endpoint_not_found"
        "The account has no such webhook endpoint."
        "Check the id, and whose key is used."
    DestinationNotFound NOT_FOUND "destination_not_found"
        "The account has no such destination."
        "Check the id or name, and whose key is used."
    KeyNotFound NOT_FOUND "key_not_found"
        "The account has no such key."
        "Check the id: it starts with `key_` and is not the key itself."
    WorkerNotFound NOT_FOUND "worker_not_found"
        "There is no worker of this name, or none that was drained."
        "Look its name up at `/v1/admin/workers`."
    TierNotFound NOT_FOUND "tier_not_found"
        "There is no such tier."
        "Name one of: fast, pro."
    AccountNotFound NOT_FOUND "account_not_found"
        "There is no such account, or not any more."
        "Check the id; `/v1/admin/accounts` lists them."
    ExportNotFound NOT_FOUND "export_not_found"
        "The account has no such export."
        "Check the id, and whose key is used."
    ErasureNotFound NOT_FOUND "erasure_not_found"
        "The account has no such deletion."
        "Check the id, and whose key is used."
    WebhookDeliveryNotFound NOT_FOUND "webhook_delivery_not_found"
        "The webhook endpoint has no such delivery, or not any more."
        "Check the id; the log is kept for 30 days."
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed"
        "This cannot be done at this address."
        "Look in `/openapi.json` for what can."
    RequestTimeout REQUEST_TIMEOUT "request_timeout"
        "The request took too long to arrive or to answer."
        "Send it again, with the same `Idempotency-Key` if it submits."
    IdempotencyKeyReused CONFLICT "idempotency_key_reused"
        "The `Idempotency-Key` was used with another request."
        "Use a new key for a new request."
    LegalHold CONFLICT "legal_hold"
        "The law has what the account holds kept for now, so nothing of it is deleted."
        "Ask again when the hold is over; the message says when."
    TooManyKeys CONFLICT "too_many_keys"
        "The account has as many live keys as it may."
        "Revoke one that is not needed any more."
    VideoNotReady CONFLICT "video_not_ready"
        "The video is not finished."
        "Wait until it is completed, by poll, `?wait=`, events or webhook."
    NothingToKeep CONFLICT "nothing_to_keep"
        "The video ended without files, or its files are gone or going."
        "Submit it again, with more `retention_seconds` if need be."
    TooManyPinned CONFLICT "too_many_pinned"
        "The account has as many pinned videos as it may."
        "Unpin or delete one that is not needed any more."
    VideoNotCancellable CONFLICT "video_not_cancellable"
        "The video has ended in another way."
        "Nothing; delete it if it is not wanted."
    SourceGone CONFLICT "source_gone"
        "The source images of the video are not kept any more, so it cannot be remixed."
        "Submit the images again, or let the account keep its history."
    FileNotReady CONFLICT "file_not_ready"
        "The file was announced, but has not arrived or not been completed."
        "Put it up under its link and complete it."
    WebhookEndpointDisabled CONFLICT "webhook_endpoint_disabled"
        "The webhook endpoint is disabled, so nothing is sent to it."
        "Enable it first."
    TooManyWebhookEndpoints CONFLICT "too_many_webhook_endpoints"
        "The account has as many webhook endpoints as it may."
        "Delete one that is not needed any more."
    TooManyDestinations CONFLICT "too_many_destinations"
        "The account has as many destinations as it may."
        "Delete one that is not needed any more."
    DestinationNameTaken CONFLICT "destination_name_taken"
        "Another destination of the account has this name."
        "Choose another name, or change the one that has it."
    DestinationInUse CONFLICT "destination_in_use"
        "Videos that are not finished go to this destination."
        "Wait until they have ended, or cancel them."
    DeliveredElsewhere GONE "delivered_elsewhere"
        "The video was delivered to the customer's own store, and was not to be kept here."
        "Get it there: `delivered_to` of its `outputs` says where."
    VideoExpired GONE "video_expired"
        "The video's retention is over and its files are gone."
        "Submit it again, with more `retention_seconds` if need be."
    BodyTooLarge PAYLOAD_TOO_LARGE "body_too_large"
        "The body is larger than any request needs."
        "Send images of at most 20 MB each, or put them up as files."
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported_media_type"
        "The body is in a form that is not spoken here."
        "Send `application/json` or `multipart/form-data`, as the message says."
    InvalidRange RANGE_NOT_SATISFIABLE "invalid_range"
        "The part that was asked for lies outside of the content."
        "Ask for a part within its size."
    QueueFull TOO_MANY_REQUESTS "queue_full"
        "The account has as many jobs queued as it may."
        "Submit again after `retry-after`, when some have been taken up."
    RateLimitExceeded TOO_MANY_REQUESTS "rate_limit_exceeded"
        "The key or its account asks more often than it may."
        "Wait for `retry-after`; the `x-ratelimit-*` headers tell how the rate stands."
    TooManyFailedKeys TOO_MANY_REQUESTS "too_many_failed_keys"
        "Too many requests from this address came without a live key, so that further keys are not looked at for a while."
        "Wait for `retry-after`, and look which key is sent. A key that was used well before passes all the time."
    InternalError INTERNAL_SERVER_ERROR "internal_error"
        "Something went wrong on our side."
        "Try again; tell the operator the `x-request-id` if it goes on."
    Unavailable SERVICE_UNAVAILABLE "unavailable"
        "Something that the service leans on is away for the moment."
        "Try again after `retry-after`, with the same `Idempotency-Key` if it submits."
    Busy SERVICE_UNAVAILABLE "busy"
        "As many requests of this kind are under way as there may be."
        "Try again after `retry-after`."
}
