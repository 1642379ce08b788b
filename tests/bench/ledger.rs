//! All that the benchmarks ask of the ledger, so that a change of its calls is met here alone.

use std::time::Duration;

use anyhow::Result;
use clipmill_shared::accounts;
use clipmill_shared::accounts::keys::{self, KeyWish};
use clipmill_shared::accounts::limits::{self, Limits};
use clipmill_shared::db::PgPool;
use clipmill_shared::fleet::Fleet;
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::lease::{self, Ability, Lease};
use clipmill_shared::jobs::spec::{Spec, Wish};
use clipmill_shared::jobs::submit::{Intake, Origin};
use clipmill_shared::tier::Tier;
use clipmill_shared::vault::Vault;
use clipmill_shared::webhooks::outbox::{self, Outcome, Tried};

use crate::film::Film;

/// The prompt of every job, of a usual length.
pub(crate) const PROMPT: &str =
    "A red fox runs through fresh snow at dawn, birch trees, low sun, long shadows [Tracking shot]";
/// Seconds in which a claimed delivery or job has to be settled.
const PATIENCE: Duration = Duration::from_secs(60);

/// An account that may queue as much as it likes, and its key.
pub(crate) async fn account(pool: &PgPool) -> Result<(AccountId, String)> {
    let account = accounts::create(pool, &Vault::default(), "bench", false).await?.id;
    let (_, key) = keys::create(pool, account, &KeyWish::named("bench")).await?;
    limits::set(pool, account, Limits { max_running: None, max_queued: None }).await?;
    Ok((account, key.reveal().to_owned()))
}

/// Submits a small job, 64 by 64 pixels and one second at 8 frames a second, past the API.
pub(crate) async fn submit(intake: &Intake, account: AccountId) -> Result<()> {
    order(intake, account, Wish { seconds: Some(1), size: Some("64x64".to_owned()), fps: Some(8), ..Wish::default() })
        .await
}

/// Submits a job of the tier Pro for a video like this film, past the API.
pub(crate) async fn submit_film(intake: &Intake, account: AccountId, film: &Film) -> Result<()> {
    let seconds = Some(i64::from(film.frames / film.fps));
    let size = Some(format!("{}x{}", film.size.width, film.size.height));
    let wish = Wish { tier: Some(Tier::Pro), seconds, size, fps: Some(film.fps.into()), ..Wish::default() };
    order(intake, account, wish).await
}

async fn order(intake: &Intake, account: AccountId, wish: Wish) -> Result<()> {
    let tier = wish.tier.unwrap_or(Tier::Fast);
    let wish = Wish { prompt: Some(PROMPT.to_owned()), model: tier.as_str().to_owned(), tier: Some(tier), ..wish };
    let origin = Origin {
        api_key: None,
        number: None,
        webhook_format: Default::default(),
        idempotency_key: None,
        fingerprint: &[7; 32],
    };
    intake.submit(account, &Spec::new(wish, &Fleet::default())?, origin).await?;
    Ok(())
}

/// Claims the next job of any tier.
pub(crate) async fn claim(pool: &PgPool) -> Result<Option<Lease>> {
    Ok(lease::claim(pool, Ability::of(&Tier::ALL), "bench", PATIENCE).await?)
}

/// Claims and completes until nothing is queued; says how many jobs it were.
pub(crate) async fn drain(pool: &PgPool) -> Result<u64> {
    let mut jobs = 0;
    while let Some(lease) = claim(pool).await? {
        lease.complete(pool, &[]).await?;
        jobs += 1;
    }
    Ok(jobs)
}

/// Claims a batch of deliveries and settles it as delivered; says how many they were.
pub(crate) async fn deliver(pool: &PgPool, batch: i64) -> Result<usize> {
    let deliveries = outbox::claim(pool, batch, PATIENCE).await?;
    let delivered = |id, attempt| Tried { id, attempt, outcome: Outcome::Delivered, status: Some(200), entry: None };
    let tries: Vec<Tried> = deliveries.iter().map(|delivery| delivered(delivery.id, delivery.attempt)).collect();
    outbox::settle(&mut *pool.acquire().await?, &tries).await?;
    Ok(tries.len())
}
