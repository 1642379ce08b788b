//! Whether finished videos of an account may be used for training. No, unless it says so; and at once no more when it says so.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::AccountError;
use crate::id::{AccountId, ConsentId, JobId};
use crate::storage::key;
use crate::tier::Tier;

/// Characters of the version of a wording.
pub const WORDING_MAX_CHARS: usize = 100;

/// What an account said.
#[derive(Debug)]
pub struct Consent {
    /// Whether it agreed, or took that back.
    pub given: bool,
    /// The version of the wording that it was shown.
    pub wording: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Writes down that an account agrees, or no longer does.
pub async fn set(tx: &mut PgConnection, account: AccountId, given: bool, wording: &str) -> Result<(), AccountError> {
    let acceptable = (1..=WORDING_MAX_CHARS).contains(&wording.chars().count()) && !wording.contains('\0');
    if !acceptable {
        return Err(AccountError::Wording);
    }
    let set = sqlx::query!(
        "update accounts set training_consent = $2 where id = $1 and deleted_at is null",
        account.uuid(),
        given
    );
    if set.execute(&mut *tx).await?.rows_affected() == 0 {
        return Err(AccountError::NotFound);
    }
    sqlx::query!(
        "insert into consents (id, account_id, given, wording) values ($1, $2, $3, $4)",
        ConsentId::new().uuid(),
        account.uuid(),
        given,
        wording,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// What an account said last, if it ever did.
pub async fn latest(pool: &PgPool, account: AccountId) -> Result<Option<Consent>, sqlx::Error> {
    sqlx::query_as!(
        Consent,
        "select given, wording, created_at from consents where account_id = $1 order by id desc limit 1",
        account.uuid(),
    )
    .fetch_optional(pool)
    .await
}

/// A finished video whose account agrees to training at this moment.
#[derive(Debug)]
pub struct TrainingVideo {
    /// Names the video.
    pub id: JobId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Which attempt made it.
    pub attempt: i32,
    /// Its tier.
    pub tier: Tier,
    /// What it shows.
    pub prompt: String,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Length in seconds.
    pub seconds: i32,
    /// Frames per second.
    pub fps: i32,
}

impl TrainingVideo {
    /// What its objects start with.
    pub fn prefix(&self) -> String {
        key::attempt_prefix(self.account_id, self.id, self.attempt)
    }
}

/// Videos that may be used for training, in the order of their ids, from after `after` on. The view `training_videos` decides, and
/// only over accounts that agree.
pub async fn training_videos(
    tx: &mut PgConnection,
    after: Option<JobId>,
    limit: i64,
) -> Result<Vec<TrainingVideo>, sqlx::Error> {
    sqlx::query_as!(
        TrainingVideo,
        r#"
        select id as "id!: JobId", account_id as "account_id!: AccountId", attempt as "attempt!", tier as "tier!: Tier",
            prompt as "prompt!", width as "width!", height as "height!", seconds as "seconds!", fps as "fps!"
        from training_videos where $1::uuid is null or id > $1 order by id limit $2
        "#,
        after.map(JobId::uuid),
        limit,
    )
    .fetch_all(tx)
    .await
}
