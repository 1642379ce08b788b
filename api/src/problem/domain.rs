//! What each error of the domain is to the client: a new one does not compile until somebody chose.

use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use clipmill_shared::accounts::AccountError;
use clipmill_shared::accounts::keys::KEYS_MAX;
use clipmill_shared::batch::Unanswered;
use clipmill_shared::db;
use clipmill_shared::destinations::{DESTINATIONS_MAX, DestinationError};
use clipmill_shared::files::{FILES_MAX, FileError};
use clipmill_shared::jobs::cancel::CancelError;
use clipmill_shared::jobs::retention::RetentionError;
use clipmill_shared::jobs::spec::Invalid;
use clipmill_shared::jobs::submit::SubmitError;
use clipmill_shared::storage::StorageError;
use clipmill_shared::vault::VaultError;
use clipmill_shared::webhooks::endpoint::{CreateError, ENDPOINTS_MAX};
use tracing::error;

use super::{Code, Problem};

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.field, &invalid.allowed)
    }
}

impl From<db::Error> for Problem {
    fn from(error: db::Error) -> Self {
        error!(%error, "The database failed");
        Self::unavailable()
    }
}

impl From<Unanswered> for Problem {
    /// Why is in the log already.
    fn from(_: Unanswered) -> Self {
        Self::unavailable()
    }
}

impl From<StorageError> for Problem {
    fn from(storage: StorageError) -> Self {
        match storage {
            StorageError::Range => Self::no_range(),
            StorageError::NotFound
            | StorageError::Unavailable { .. }
            | StorageError::Refused { .. }
            | StorageError::File(_) => {
                error!(error = %storage, "The store failed");
                Self::unavailable()
            }
        }
    }
}

impl From<VaultError> for Problem {
    fn from(vault: VaultError) -> Self {
        error!(error = %vault, "A secret does not open");
        Self::unavailable()
    }
}

impl From<SubmitError> for Problem {
    fn from(submit: SubmitError) -> Self {
        match submit {
            SubmitError::KeyReused => {
                let message = "this Idempotency-Key was used with another request; use a new key for a new request";
                Self { param: Some("Idempotency-Key".to_owned()), ..Self::new(Code::IdempotencyKeyReused, message) }
            }
            SubmitError::Unanswered(error) => error.into(),
            SubmitError::QueueFull => {
                let message =
                    "the account has as many jobs queued as it may; submit again when some of them have been taken up";
                Self::new(Code::QueueFull, message)
            }
            SubmitError::ProcessingLimited => {
                let message = "nothing of the account is processed at the moment, so it cannot submit; PATCH /v1/account ends that";
                Self::new(Code::ProcessingLimited, message)
            }
            SubmitError::InsufficientCredits => {
                let message = "the account has too few credits left for this video; see /v1/account/credits";
                Self::new(Code::InsufficientCredits, message)
            }
            SubmitError::NumberTaken => Self::unavailable(),
            SubmitError::Invalid(invalid) => invalid.into(),
            SubmitError::Storage(error) => error.into(),
            SubmitError::Database(error) => error.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(account: AccountError) -> Self {
        match account {
            AccountError::Name => Self::invalid("name", "must have 1 to 200 characters, without the character U+0000"),
            AccountError::Email => {
                Self::invalid("email", "must be an address of 3 to 320 characters with an @ among them, and no space")
            }
            AccountError::Wording => {
                Self::invalid("training_consent_wording", "must have 1 to 100 characters, without the character U+0000")
            }
            AccountError::NotFound => Self::no_account(),
            AccountError::TooManyKeys => {
                let message = format!("the account has {KEYS_MAX} live keys, as many as it may; revoke one first");
                Self::new(Code::TooManyKeys, message)
            }
            AccountError::LimitedByOperator => Self::new(
                Code::ProcessingLimited,
                "an operator of this service stopped the processing, and alone may end that",
            ),
            AccountError::Held(until) => {
                let until = until.format("%F %T UTC");
                Self::new(Code::LegalHold, format!("nothing of the account may be deleted until {until}"))
            }
            AccountError::Vault(error) => error.into(),
            AccountError::Database(error) => error.into(),
        }
    }
}

impl From<FileError> for Problem {
    fn from(file: FileError) -> Self {
        match file {
            FileError::NotFound => Self::no_file(),
            FileError::TooMany => {
                let message = format!("the account has {FILES_MAX} files, as many as it may; delete some first");
                Self::new(Code::TooManyFiles, message)
            }
            FileError::NotStored => Self::file_not_ready(),
            FileError::NotAsAnnounced => Self::invalid("file", "must be what was announced"),
            FileError::Storage(error) => error.into(),
            FileError::Database(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(cancel: CancelError) -> Self {
        match cancel {
            CancelError::NotFound => Self::no_video(),
            CancelError::Ended(status) => {
                Self::new(Code::VideoNotCancellable, format!("the video is already {status}"))
            }
            CancelError::Database(error) => error.into(),
        }
    }
}

impl From<RetentionError> for Problem {
    fn from(retention: RetentionError) -> Self {
        match retention {
            RetentionError::NotFound => Self::no_video(),
            RetentionError::NotFinished(status) => {
                let message = format!("the video is {status}; it can be pinned when it is completed");
                Self::new(Code::VideoNotReady, message)
            }
            RetentionError::NothingToKeep => {
                Self::new(Code::NothingToKeep, "the video ended without files, or its files are gone or going")
            }
            RetentionError::TooManyPinned => {
                let message = "the account has as many pinned videos as it may; unpin or delete one first";
                Self::new(Code::TooManyPinned, message)
            }
            RetentionError::Invalid(invalid) => invalid.into(),
            RetentionError::Database(error) => error.into(),
        }
    }
}

impl From<CreateError> for Problem {
    fn from(create: CreateError) -> Self {
        match create {
            CreateError::TooMany => {
                let message = format!(
                    "the account has {ENDPOINTS_MAX} webhook endpoints, which is all it may have; delete one first"
                );
                Self::new(Code::TooManyWebhookEndpoints, message)
            }
            CreateError::Database(error) => error.into(),
        }
    }
}

impl From<DestinationError> for Problem {
    fn from(destination: DestinationError) -> Self {
        match destination {
            DestinationError::NotFound => Self::no_destination(),
            DestinationError::TooMany => {
                let message = format!(
                    "the account has {DESTINATIONS_MAX} destinations, which is all it may have; delete one first"
                );
                Self::new(Code::TooManyDestinations, message)
            }
            DestinationError::NameTaken => {
                let message = "another destination of the account has this name";
                Self { param: Some("name".to_owned()), ..Self::new(Code::DestinationNameTaken, message) }
            }
            DestinationError::InUse => {
                let message = "videos that are not finished go to this destination; wait for them, or cancel them";
                Self::new(Code::DestinationInUse, message)
            }
            DestinationError::Database(error) => error.into(),
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            _ => Self::body("the body could not be read"),
        }
    }
}
