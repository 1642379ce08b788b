//! `clipmill-worker lifecycle`: rules of the bucket as the last net, for what everything else has missed.

use anyhow::{Context as _, bail};
use clipmill_shared::accounts::lasting::{self, Lasting};
use clipmill_shared::db::{self, PgPool};
use clipmill_shared::storage::Storage;
use clipmill_shared::storage::lifecycle::{Rule, UPLOAD_DAYS};
use clipmill_shared::tier::Tier;
use tracing::debug;

const DAY_SECONDS: u32 = 86_400;
const UNKNOWN: &str = "this server knows no rules of a bucket: give up uploads that were begun by its own means, if it has any; \
                       the nightly comparison finds what is left";

/// Prints the rules that the bucket has, in JSON.
///
/// # Errors
/// A server that knows no such rules, or does not answer.
pub async fn show(storage: &Storage) -> anyhow::Result<()> {
    let rules = storage.lifecycle().await?.context(UNKNOWN)?;
    println!("{}", serde_json::to_string_pretty(&rules)?);
    Ok(())
}

/// Gives the bucket our rules, and says which. Those of others stay.
///
/// # Errors
/// A server that knows no such rules, or does not answer.
pub async fn apply(pool: &PgPool, storage: &Storage, record_days: u32) -> anyhow::Result<()> {
    let lasting = db::within(lasting::count(pool)).await?;
    let days = days(record_days);
    if !storage.set_lifecycle(&Rule::ours(lasting.is_none().then_some(days))).await? {
        bail!(UNKNOWN);
    }
    println!("uploads that were begun are given up after {UPLOAD_DAYS} day");
    match lasting.is_none() {
        true => println!(
            "objects go after {days} days: take the rule away before an account keeps its history, may pin, or comes under a legal hold"
        ),
        false => println!("no rule for objects: {}", why_not(&lasting)),
    }
    Ok(())
}

/// Days after which nothing is in use any more: the longest retention, and then the longest that a record stays.
fn days(record_days: u32) -> i32 {
    let longest = Tier::ALL.map(|tier| tier.limits().retention.max_seconds).into_iter().max().unwrap_or(0);
    i32::try_from(longest.div_ceil(DAY_SECONDS) + record_days + 1).unwrap_or(i32::MAX)
}

/// Has the bucket give up uploads that were begun and never finished, where the server knows such rules and our key may set them.
/// Elsewhere the nightly comparison finds them.
pub(crate) async fn give_up_uploads(storage: &Storage) {
    match storage.give_up_uploads().await {
        Ok(true) => debug!("The bucket gives up uploads that were begun"),
        Ok(false) => debug!("This server knows no rules of a bucket"),
        Err(error) => debug!(%error, "Could not have the bucket give up uploads that were begun"),
    }
}

fn why_not(lasting: &Lasting) -> String {
    let Lasting { with_history, held, pinning } = lasting;
    let reasons = [
        (with_history, "keep their history"),
        (held, "are under a legal hold"),
        (pinning, "may pin videos, or have pinned some"),
    ];
    let reasons = reasons.into_iter().filter(|(accounts, _)| **accounts > 0);
    let reasons: Vec<String> = reasons.map(|(accounts, why)| format!("{accounts} accounts {why}")).collect();
    format!("{}, and a rule of the bucket would let go what they keep", reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_for_objects_is_longer_than_anything_is_in_use() {
        assert_eq!(days(90), 30 + 90 + 1);
    }

    #[test]
    fn a_rule_that_is_left_out_says_why() {
        let some = Lasting { with_history: 2, held: 0, pinning: 7 };
        assert!(why_not(&some).starts_with("2 accounts keep their history, 7 accounts may pin videos"));
    }
}
