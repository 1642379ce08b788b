//! `/v1/admin`: what those who run the service do with accounts. Whatever touches one is in its audit log, which it can read.

use clipmill_shared::accounts::audit::{self, Action};
use clipmill_shared::db::Connection;
use clipmill_shared::id::AccountId;

use super::account::{Named, NotFound};
use crate::auth::Staff;
use crate::problem::Problem;

pub(super) mod accounts;
pub(super) mod credits;
pub(super) mod delete;
pub(super) mod meter_events;
pub(super) mod statistics;
pub(super) mod tiers;
pub(super) mod training_videos;
pub(super) mod update;
pub(super) mod videos;
mod view;
pub(super) mod workers;

impl NotFound for AccountId {
    fn not_found() -> Problem {
        Problem::no_account()
    }
}

/// Writes into the audit log what is being done.
async fn record(
    tx: &mut Connection,
    account: AccountId,
    staff: &Staff,
    action: Action,
    detail: &[String],
) -> Result<(), Problem> {
    Ok(audit::record(tx, account, &staff.actor(), action, detail).await?)
}
