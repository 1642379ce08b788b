//! `/v1/webhooks`: what receivers check signatures with.

pub(super) mod keys;
pub(super) mod secret;
