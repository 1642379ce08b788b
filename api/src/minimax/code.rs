//! MiniMax's codes, which stand in every answer, and what each of our errors is among them.

use clipmill_shared::jobs::Job;
use clipmill_shared::webhooks::minimax;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{self, Problem};

/// How it went, in every answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct BaseResp {
    /// 0 if it went well
    #[schema(example = 0)]
    status_code: u32,
    /// A sentence for people
    #[schema(example = "success")]
    status_msg: String,
}

/// The codes that this service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// The request took too long.
    Timeout = 1001,
    /// Asked too often, or as many jobs wait as may.
    RateLimited = 1002,
    /// There is no key.
    NoKey = 1004,
    /// The account has too few credits.
    InsufficientBalance = 1008,
    /// A fault of ours.
    Internal = 1013,
    /// Prompt or image were refused by moderation.
    InputModerated = 1026,
    /// Something that we lean on is away.
    Unavailable = 1033,
    /// The request cannot be accepted.
    Invalid = 2013,
    /// The key is nobody's, or dead.
    WrongKey = 2049,
}

/// Our names of fields, and those of the dialect.
const FIELDS: [(&str, &str); 5] = [
    ("input_reference", "first_frame_image"),
    ("last_frame", "last_frame_image"),
    ("seconds", "duration"),
    ("size", "resolution"),
    ("webhook_url", "callback_url"),
];

impl BaseResp {
    /// It went well.
    pub(super) fn success() -> Self {
        Self::of(minimax::SUCCESS)
    }

    /// How the job ended, or that nothing is wrong with it so far.
    pub(super) fn of_job(job: &Job) -> Self {
        Self::of(minimax::base_resp(job.status, job.error_code.as_deref(), job.error_message.as_deref()))
    }

    /// What went wrong with a request. `with_key` says that it brought a key.
    pub(super) fn of_problem(problem: &Problem, with_key: bool) -> Self {
        let code = Code::of(problem, with_key);
        let message = match code {
            Code::Invalid => format!("invalid params, {}", in_its_words(problem)),
            _ => problem.message().to_owned(),
        };
        Self { status_code: code as u32, status_msg: message }
    }

    fn of((status_code, status_msg): (u32, &str)) -> Self {
        Self { status_code, status_msg: status_msg.to_owned() }
    }
}

impl Code {
    fn of(problem: &Problem, with_key: bool) -> Self {
        match problem.code() {
            problem::Code::InvalidApiKey if with_key => Self::WrongKey,
            problem::Code::InvalidApiKey => Self::NoKey,
            problem::Code::InsufficientScope | problem::Code::InvalidOperatorKey => Self::WrongKey,
            problem::Code::InsufficientCredits => Self::InsufficientBalance,
            problem::Code::InputModerated => Self::InputModerated,
            problem::Code::RequestTimeout => Self::Timeout,
            problem::Code::QueueFull | problem::Code::RateLimitExceeded | problem::Code::TooManyFailedKeys => {
                Self::RateLimited
            }
            problem::Code::InternalError => Self::Internal,
            problem::Code::Unavailable | problem::Code::Busy => Self::Unavailable,
            problem::Code::InvalidValue
            | problem::Code::UnknownParameter
            | problem::Code::InvalidBody
            | problem::Code::TooManyFiles
            | problem::Code::NotFound
            | problem::Code::VideoNotFound
            | problem::Code::VideoHasNoContent
            | problem::Code::FileNotFound
            | problem::Code::WebhookEndpointNotFound
            | problem::Code::WebhookDeliveryNotFound
            | problem::Code::DestinationNotFound
            | problem::Code::TooManyDestinations
            | problem::Code::DestinationNameTaken
            | problem::Code::DestinationInUse
            | problem::Code::DeliveredElsewhere
            | problem::Code::KeyNotFound
            | problem::Code::AccountNotFound
            | problem::Code::WorkerNotFound
            | problem::Code::TierNotFound
            | problem::Code::ExportNotFound
            | problem::Code::ErasureNotFound
            | problem::Code::ReceiptNotFound
            | problem::Code::ProcessingLimited
            | problem::Code::LegalHold
            | problem::Code::TooManyKeys
            | problem::Code::MethodNotAllowed
            | problem::Code::IdempotencyKeyReused
            | problem::Code::VideoNotReady
            | problem::Code::NothingToKeep
            | problem::Code::TooManyPinned
            | problem::Code::VideoNotCancellable
            | problem::Code::SourceGone
            | problem::Code::FileNotReady
            | problem::Code::WebhookEndpointDisabled
            | problem::Code::TooManyWebhookEndpoints
            | problem::Code::VideoExpired
            | problem::Code::BodyTooLarge
            | problem::Code::UnsupportedMediaType
            | problem::Code::InvalidRange => Self::Invalid,
        }
    }
}

/// The message of an error, with the dialect's name of the field.
fn in_its_words(problem: &Problem) -> String {
    let field = FIELDS.iter().find(|(ours, _)| problem.param() == Some(ours));
    let rest = field.and_then(|(ours, theirs)| Some((theirs, problem.message().strip_prefix(ours)?)));
    rest.map_or(problem.message().to_owned(), |(theirs, rest)| format!("{theirs}{rest}"))
}

#[cfg(test)]
mod tests {
    use clipmill_shared::jobs::JobStatus;
    use clipmill_shared::jobs::cancel::CancelError;
    use clipmill_shared::jobs::submit::SubmitError;

    use super::*;

    #[test]
    fn every_error_has_its_code() {
        let table: [(Problem, u32); 20] = [
            (Problem::invalid("prompt", "must be a text"), 2013),
            (Problem::unknown_field("x"), 2013),
            (Problem::moderated(), 1026),
            (Problem::body("the body is no JSON"), 2013),
            (Problem::media_type(), 2013),
            (Problem::too_large(), 2013),
            (Problem::unauthenticated(), 2049),
            (Problem::locked_out(2), 1002),
            (Problem::no_video(), 2013),
            (Problem::no_route(), 2013),
            (Problem::no_method(), 2013),
            (Problem::no_content(JobStatus::Expired), 2013),
            (Problem::no_range(), 2013),
            (Problem::timeout(), 1001),
            (Problem::unavailable(), 1033),
            (Problem::internal(), 1013),
            (SubmitError::QueueFull.into(), 1002),
            (SubmitError::InsufficientCredits.into(), 1008),
            (SubmitError::ProcessingLimited.into(), 2013),
            (CancelError::Ended(JobStatus::Failed).into(), 2013),
        ];
        for (problem, code) in table {
            assert_eq!(BaseResp::of_problem(&problem, true).status_code, code, "{problem:?}");
        }
        assert_eq!(BaseResp::of_problem(&Problem::unauthenticated(), false).status_code, 1004);
    }

    #[test]
    fn fields_are_called_as_the_client_called_them() {
        let message = |field| BaseResp::of_problem(&Problem::invalid(field, "must be less"), true).status_msg;
        assert_eq!(message("seconds"), "invalid params, duration must be less");
        assert_eq!(message("input_reference"), "invalid params, first_frame_image must be less");
        assert_eq!(message("prompt"), "invalid params, prompt must be less");
    }
}
