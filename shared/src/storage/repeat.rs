//! Which requests are sent again beyond those that the client sends again by itself.

use std::error::Error;
use std::marker::PhantomData;
use std::time::Duration;

use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_s3::error::ProvideErrorMetadata;

/// How often a part is sent before its upload is given up.
const PART_TRIES: u32 = 5;
/// The longest pause before the second try. Each one after may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A part is sent more often than other requests: with it goes all that was sent before.
pub(super) fn for_parts() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(PART_TRIES).with_initial_backoff(FIRST_PAUSE)
}

/// What the store answers when something has changed on its way.
const SPOILT: [&str; 3] = ["BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"];

/// Has requests that fail with `E` sent again when they were spoilt on their way.
pub(super) struct Spoilt<E>(PhantomData<E>);

impl<E> Default for Spoilt<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E> std::fmt::Debug for Spoilt<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spoilt")
    }
}

impl<E: Error + ProvideErrorMetadata + Send + Sync + 'static> ClassifyRetry for Spoilt<E> {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err).and_then(|error| error.as_operation_error());
        let code = error.and_then(|error| error.downcast_ref::<E>()).and_then(ProvideErrorMetadata::code);
        match code {
            Some(code) if SPOILT.contains(&code) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "spoilt on its way"
    }
}
