//! An account as its owner sees it.

use clipmill_shared::accounts::consent::Consent;
use clipmill_shared::accounts::profile::Profile;
use clipmill_shared::id::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::watermark::view::WatermarkView;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Account")]
pub(crate) struct AccountView {
    /// Names the account
    #[schema(value_type = String, example = "acct_01934b6c2a7e7c3e9b1f0a2d4c6e8f10")]
    id: AccountId,
    /// Always `account`
    #[schema(example = "account")]
    object: &'static str,
    /// What it calls itself
    name: String,
    /// Where its owner is reached
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// Unix seconds
    created_at: i64,
    /// Whether prompts, source images and records stay until they are deleted. If not, prompts and source images go with the media,
    /// or when a job without media has been over for as long
    keep_history: bool,
    /// How long finished media are kept when a request does not say, within what the tier allows; null means as the tier says
    retention_seconds: Option<i32>,
    /// Whether finished videos may be used for training
    training_consent: bool,
    /// The version of the wording that was last agreed to, or taken back
    training_consent_wording: Option<String>,
    /// Unix seconds at which that was said
    training_consent_at: Option<i64>,
    /// Whether nothing of the account is processed: its data is kept, submits are refused, jobs wait
    processing_limited: bool,
    /// Unix seconds since when that is so
    processing_limited_at: Option<i64>,
    /// Unix seconds until which a legal hold keeps everything; null if there is none
    legal_hold_until: Option<i64>,
    /// How many of its jobs may be worked on at the same time; null means any number
    max_running: Option<i32>,
    /// How many of its jobs may wait; null means any number
    max_queued: Option<i32>,
    /// Its own visible mark; null means the service's
    watermark: Option<WatermarkView>,
    /// Whether an operator requires that each of its videos carries a mark
    watermark_required: bool,
    /// What the payment provider calls the account. No other data about payment is kept here
    billing_reference: Option<String>,
}

impl AccountView {
    /// An account, and what it said last about training.
    pub(crate) fn new(profile: Profile, consent: Option<Consent>) -> Self {
        Self {
            id: profile.id,
            object: "account",
            name: profile.name,
            email: profile.email,
            created_at: profile.created_at.timestamp(),
            keep_history: profile.keep_history,
            retention_seconds: profile.retention_seconds,
            training_consent: profile.training_consent,
            training_consent_at: consent.as_ref().map(|consent| consent.created_at.timestamp()),
            training_consent_wording: consent.map(|consent| consent.wording),
            processing_limited: profile.processing_limited_at.is_some(),
            processing_limited_at: profile.processing_limited_at.map(|at| at.timestamp()),
            legal_hold_until: profile.hold_until.map(|at| at.timestamp()),
            max_running: profile.max_running,
            max_queued: profile.max_queued,
            watermark: profile.watermark.map(|mark| mark.0.into()),
            watermark_required: profile.watermark_required,
            billing_reference: profile.billing_reference,
        }
    }
}
