//! An account as operators see it: what it is and may do, and nothing that it made.

use clipmill_shared::accounts::profile::Profile;
use clipmill_shared::id::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

/// An account, for operators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "AdminAccount")]
pub(crate) struct AdminAccountView {
    /// Names the account
    #[schema(value_type = String, example = "acct_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: AccountId,
    /// Always `account`
    #[schema(example = "account")]
    object: &'static str,
    /// What it calls itself
    name: String,
    /// Where its owner is reached
    email: Option<String>,
    /// Unix seconds
    created_at: i64,
    /// Whether it keeps its history
    keep_history: bool,
    /// Whether finished videos may be used for training
    training_consent: bool,
    /// Whether nothing of it is processed
    processing_limited: bool,
    /// Unix seconds until which a legal hold keeps everything
    legal_hold_until: Option<i64>,
    /// Why
    legal_hold_reason: Option<String>,
    /// How many of its jobs may be worked on at the same time; null means any number
    max_running: Option<i32>,
    /// How many of its jobs may wait; null means any number
    max_queued: Option<i32>,
    /// How many finished videos it may pin
    max_pinned: i32,
    /// Whether each of its videos has to carry a visible mark
    watermark_required: bool,
    /// What the payment provider calls it
    billing_reference: Option<String>,
    /// Unix seconds since when it is deleted
    deleted_at: Option<i64>,
}

impl AdminAccountView {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            id: profile.id,
            object: "account",
            name: profile.name,
            email: profile.email,
            created_at: profile.created_at.timestamp(),
            keep_history: profile.keep_history,
            training_consent: profile.training_consent,
            processing_limited: profile.processing_limited_at.is_some(),
            legal_hold_until: profile.hold_until.map(|at| at.timestamp()),
            legal_hold_reason: profile.hold_reason,
            max_running: profile.max_running,
            max_queued: profile.max_queued,
            max_pinned: profile.max_pinned,
            watermark_required: profile.watermark_required,
            billing_reference: profile.billing_reference,
            deleted_at: profile.deleted_at.map(|at| at.timestamp()),
        }
    }
}
