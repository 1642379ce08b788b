//! The fleet: which workers there are, and how fast they were lately. Each reports for itself; one that fell silent counts
//! no more.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgPool;
use sqlx::types::Json;

use crate::jobs::options::Codec;
use crate::offer::Offer;
use crate::tier::Tier;

pub mod bucket;
pub mod load;
pub mod orders;
pub mod process;

/// How fast attempts of one tier were lately.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// How long an attempt held its GPU, in seconds.
    pub gpu_seconds: f64,
    /// How long an attempt took from claim to upload, in seconds for one unit of cost.
    pub unit_seconds: f64,
}

/// One live worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// What it serves.
    pub tiers: Vec<Tier>,
    /// How many renders it runs at the same time.
    pub gpus: u32,
}

/// A render under way.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    /// Its tier.
    pub tier: Tier,
    /// How far it is, 0 to 1.
    pub done: f64,
}

/// All that the estimates need to know of the fleet.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// The live workers.
    pub workers: Vec<Worker>,
    /// How fast each tier was lately, as far as it was measured.
    pub paces: BTreeMap<Tier, Pace>,
    /// What is being rendered.
    pub running: Vec<Running>,
    /// What the workers of a tier can render, where that is less than the tier accepts: of the live ones, else of those that
    /// were there last.
    pub offers: BTreeMap<Tier, Offer>,
    /// What some live worker of a tier can encode. A tier without live workers has what its last ones could.
    pub codecs: BTreeMap<Tier, BTreeSet<Codec>>,
}

/// What a worker says of one tier that it serves.
#[derive(Debug, Clone)]
pub struct Served {
    /// The tier.
    pub tier: Tier,
    /// How fast it was, as far as it knows.
    pub pace: Option<Pace>,
    /// What its engine can render, if that is less than the tier accepts.
    pub offer: Option<Offer>,
}

impl Pace {
    /// Takes one more attempt into account: recent ones count most, each a fifth of what is not known yet.
    pub fn learn(known: Option<Pace>, latest: Pace) -> Pace {
        const NEWS: f64 = 0.2;
        let Some(known) = known else { return latest };
        let blend = |known: f64, latest: f64| known + (latest - known) * NEWS;
        Pace {
            gpu_seconds: blend(known.gpu_seconds, latest.gpu_seconds),
            unit_seconds: blend(known.unit_seconds, latest.unit_seconds),
        }
    }
}

impl Fleet {
    /// What can be encoded in this tier: H.264 always, even before there is a worker, and what else some worker has an encoder for.
    pub fn encodes(&self, tier: Tier) -> BTreeSet<Codec> {
        let known = self.codecs.get(&tier).into_iter().flatten().copied();
        known.chain([Codec::H264]).collect()
    }

    /// The tiers whose jobs stand in one line with those of `tier`, since some worker serves both.
    pub fn tiers_beside(&self, tier: Tier) -> Vec<Tier> {
        let sharing = self.workers.iter().filter(|worker| worker.tiers.contains(&tier));
        let mut beside: Vec<Tier> = sharing.flat_map(|worker| worker.tiers.iter().copied()).collect();
        beside.push(tier);
        beside.sort();
        beside.dedup();
        beside
    }
}

/// Says that a worker lives, what it serves and how fast it was.
pub async fn report(
    pool: &PgPool,
    name: &str,
    gpus: u32,
    codecs: &[Codec],
    served: &[Served],
) -> Result<(), sqlx::Error> {
    let tiers: Vec<Tier> = served.iter().map(|served| served.tier).collect();
    let column = |of: fn(Pace) -> f64| served.iter().map(|served| served.pace.map(of)).collect::<Vec<_>>();
    let offers =
        serde_json::to_value(served.iter().map(|served| &served.offer).collect::<Vec<_>>()).unwrap_or_default();
    sqlx::query!(
        r#"
        insert into workers as worker (name, tier, gpus, gpu_seconds, unit_seconds, offer, codecs)
        select $1, tier, $2, gpu, unit, nullif($6::jsonb -> (nth - 1)::int, 'null'), $7
        from unnest($3::tier[], $4::float8[], $5::float8[]) with ordinality as served (tier, gpu, unit, nth)
        on conflict (name, tier) do update
            set gpus = excluded.gpus, seen_at = now(), offer = excluded.offer, codecs = excluded.codecs,
                gpu_seconds = coalesce(excluded.gpu_seconds, worker.gpu_seconds),
                unit_seconds = coalesce(excluded.unit_seconds, worker.unit_seconds)
        "#,
        name,
        gpus as i32,
        &tiers as _,
        &column(|pace| pace.gpu_seconds) as _,
        &column(|pace| pace.unit_seconds) as _,
        offers,
        &codecs.iter().map(|codec| codec.as_str().to_owned()).collect::<Vec<_>>(),
    )
    .execute(pool)
    .await
    .map(drop)
}

/// Says that a worker has ended. What it measured stays known for a day.
pub async fn leave(pool: &PgPool, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("update workers set seen_at = now() - interval '30 seconds' where name = $1", name)
        .execute(pool)
        .await
        .map(drop)
}

/// Forgets workers that fell silent a day ago.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from workers where seen_at < now() - interval '1 day'").execute(pool).await.map(drop)
}

/// The fleet as it is now: a worker lives that reported in the last half minute and may take jobs; paces are the mean of the last five workers
/// that measured one.
pub async fn read(pool: &PgPool) -> Result<Fleet, sqlx::Error> {
    let workers = sqlx::query_as!(
        WorkerRow,
        r#"
        select array_agg(tier) as "tiers!: Vec<Tier>", max(gpus) as "gpus!" from workers
        where seen_at > now() - interval '30 seconds' and tier <> all (select tier from paused_tiers)
            and not exists (select from drains where drains.name in (workers.name, left(workers.name, -33)))
        group by name limit 10000
        "#
    );
    let paces = sqlx::query!(
        r#"
        select every.tier as "tier!: Tier", avg(gpu_seconds) as gpu_seconds, avg(unit_seconds) as unit_seconds
        from unnest(enum_range(null::tier)) as every (tier) cross join lateral (
            select gpu_seconds, unit_seconds from workers
            where workers.tier = every.tier and unit_seconds is not null order by seen_at desc limit 5
        ) as recent
        group by every.tier
        "#
    );
    let running = sqlx::query!(
        r#"select tier as "tier: Tier", progress from jobs where status = 'in_progress' order by virtual_start limit 10000"#
    );
    let pace = |gpu_seconds: Option<f64>, unit_seconds: Option<f64>| {
        Some(Pace { gpu_seconds: gpu_seconds?, unit_seconds: unit_seconds? })
    };
    Ok(Fleet {
        workers: workers.fetch_all(pool).await?.into_iter().map(WorkerRow::into_worker).collect(),
        paces: paces
            .fetch_all(pool)
            .await?
            .into_iter()
            .filter_map(|row| Some((row.tier, pace(row.gpu_seconds, row.unit_seconds)?)))
            .collect(),
        running: running
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(|row| Running { tier: row.tier, done: f64::from(row.progress) / 100.0 })
            .collect(),
        offers: offers(pool).await?,
        codecs: codecs(pool).await?,
    })
}

/// What is offered in each tier: of the workers that were seen in the half minute before the last word of any.
async fn offers(pool: &PgPool) -> Result<BTreeMap<Tier, Offer>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select worker.tier as "tier: Tier", offer as "offer!: Json<Offer>"
        from workers as worker
        join (select tier, max(seen_at) as seen_at from workers group by tier) as latest on latest.tier = worker.tier
        where offer is not null and worker.seen_at > latest.seen_at - interval '30 seconds'
        order by worker.seen_at desc, name limit 10000
        "#
    );
    let mut offers = BTreeMap::new();
    for row in rows.fetch_all(pool).await? {
        let offer = match offers.remove(&row.tier) {
            Some(known) => Offer::meet(known, &row.offer),
            None => row.offer.0,
        };
        offers.insert(row.tier, offer);
    }
    Ok(offers)
}

/// What can be encoded in each tier, by the same workers that the offers are of.
async fn codecs(pool: &PgPool) -> Result<BTreeMap<Tier, BTreeSet<Codec>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select distinct worker.tier as "tier: Tier", codec as "codec!" from workers as worker
        join (select tier, max(seen_at) as seen_at from workers group by tier) as latest on latest.tier = worker.tier
        cross join unnest(codecs) as codec
        where worker.seen_at > latest.seen_at - interval '30 seconds' limit 100
        "#
    );
    let mut codecs: BTreeMap<Tier, BTreeSet<Codec>> = BTreeMap::new();
    for row in rows.fetch_all(pool).await? {
        // A codec that a newer version knows is not on offer here.
        codecs.entry(row.tier).or_default().extend(row.codec.parse::<Codec>().ok());
    }
    Ok(codecs)
}

struct WorkerRow {
    tiers: Vec<Tier>,
    gpus: i32,
}

impl WorkerRow {
    fn into_worker(self) -> Worker {
        Worker { tiers: self.tiers, gpus: self.gpus.unsigned_abs() }
    }
}
