//! The store compared with the ledger, both ways: objects without a row go after a grace time, rows without objects are marked. Page by
//! page, in the order of keys, so that it takes no more memory for a large store than for a small one.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use clipmill_shared::db::{self, PgPool};
use clipmill_shared::id::AccountId;
use clipmill_shared::reconcile::{self as ledger, Expected, Kind, Known, Range, Report};
use clipmill_shared::storage::key::{self, Owner, Part, Place};
use clipmill_shared::storage::lifecycle::OURS;
use clipmill_shared::storage::survey::Stored;
use clipmill_shared::storage::{Storage, StorageError};
use serde_json::json;
use tracing::{error, info, warn};

use crate::env::Env;

/// How often a worker looks whether it is the time of day.
const POLL: Duration = Duration::from_secs(60);
/// How long after the time of day it is still made up for.
const SLACK: Duration = Duration::from_secs(3600);
/// How many of the rows without objects are named.
const NAMED: usize = 100;

/// What to compare, and what to do about it.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How old an object without a row has to be.
    pub grace: TimeDelta,
    /// Whether only to look.
    pub dry_run: bool,
    /// Only what belongs to this account, if any.
    pub account: Option<AccountId>,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Found {
    /// How much of what.
    pub report: Report,
    /// Some of the rows without objects, by what the keys of their objects would start with.
    pub missing: Vec<String>,
}

/// Compares once a night, if the settings say so. One worker at a time, and one a night.
pub(crate) async fn nightly(env: Arc<Env>) {
    let Some(at) = env.config.reconcile.at.0 else { return };
    let wish = Wish { grace: env.config.reconcile.grace(), dry_run: false, account: None };
    loop {
        match db::within(ledger::is_due(&env.pool, at, SLACK)).await {
            Ok(false) => {}
            Ok(true) => tokio::select! {
                () = env.stop.cancelled() => return,
                compared = run(&env.pool, &env.storage, &wish) => note(compared),
            },
            Err(error) => warn!(%error, "Could not look whether the store is to be compared with the ledger"),
        }
        tokio::select! {
            () = env.stop.cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

fn note(compared: anyhow::Result<Option<Found>>) {
    match compared {
        Ok(Some(Found { report, .. })) => {
            let missing = report.missing_videos + report.missing_files + report.missing_exports;
            if missing > 0 {
                error!(missing, "The store lacks objects of finished videos, files or archives");
            }
            metrics::counter!("clipmill_orphans_removed_total").increment(report.orphans);
            metrics::gauge!("clipmill_objects_missing").set(missing as f64);
            info!(report = %serde_json::to_string(&report).unwrap_or_default(), "Compared the store with the ledger");
        }
        Ok(None) => info!("Another worker compares the store with the ledger"),
        Err(error) => warn!(error = format!("{error:#}"), "Could not compare the store with the ledger"),
    }
}

/// Compares once, and prints what came of it: a table, or JSON.
///
/// # Errors
/// The store or the ledger does not answer, or somebody else compares.
pub async fn report(pool: &PgPool, storage: &Storage, wish: &Wish, json: bool) -> anyhow::Result<()> {
    let found = run(pool, storage, wish).await?.context("another process compares at the moment")?;
    let report = serde_json::to_value(&found.report)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&json!({ "report": report, "missing": found.missing }))?);
        return Ok(());
    }
    for (what, count) in report.as_object().into_iter().flatten() {
        println!("{:<16} {count}", what.replace('_', " "));
    }
    for place in &found.missing {
        println!("lacks objects    {place}");
    }
    Ok(())
}

/// Compares once. None while somebody else does.
///
/// # Errors
/// The store or the ledger does not answer. What was done until then is done.
pub async fn run(pool: &PgPool, storage: &Storage, wish: &Wish) -> anyhow::Result<Option<Found>> {
    let Some(turn) = ledger::take_turn(pool).await? else { return Ok(None) };
    let found = compare(pool, storage, wish).await;
    turn.end().await?;
    found.map(Some)
}

async fn compare(pool: &PgPool, storage: &Storage, wish: &Wish) -> anyhow::Result<Found> {
    let began = if wish.dry_run { None } else { Some(ledger::begin(pool).await?) };
    let found = Found { report: Report { dry_run: wish.dry_run, ..Report::default() }, missing: Vec::new() };
    let mut comparison = Comparison { pool, storage, wish, found, from: None, carried: HashSet::new() };
    let compared = comparison.all().await;
    match (began, &compared) {
        (Some(id), Ok(())) => ledger::finish(pool, id, &comparison.found.report).await?,
        (Some(id), Err(_)) => ledger::give_up(pool, id).await?,
        (None, _) => {}
    }
    compared.map(|()| comparison.found)
}

/// A comparison under way.
struct Comparison<'a> {
    pool: &'a PgPool,
    storage: &'a Storage,
    wish: &'a Wish,
    found: Found,
    /// Up to before this place, rows were looked for.
    from: Option<Place>,
    /// The keys of this place that were seen so far.
    carried: HashSet<String>,
}

/// An object of the form of ours.
type Placed<'a> = (&'a Stored, Place, Part);

impl Comparison<'_> {
    async fn all(&mut self) -> anyhow::Result<()> {
        self.objects().await?;
        self.uploads().await
    }

    fn prefix(&self) -> String {
        self.wish.account.map_or_else(|| OURS.to_owned(), key::account_prefix)
    }

    async fn objects(&mut self) -> anyhow::Result<()> {
        let (prefix, mut after) = (self.prefix(), None);
        loop {
            let page = self.storage.survey(&prefix, after.as_deref()).await?;
            let has_more = page.has_more && !page.items.is_empty();
            let placed: Vec<Placed<'_>> = page
                .items
                .iter()
                .filter_map(|object| key::parse(&object.key).map(|(place, part)| (object, place, part)))
                .collect();
            self.found.report.objects += page.items.len() as u64;
            self.found.report.unknown += (page.items.len() - placed.len()) as u64;
            self.orphans(&placed).await?;
            self.rows(&placed, has_more).await?;
            if !has_more {
                return Ok(());
            }
            after = page.items.last().map(|object| object.key.clone());
        }
    }

    /// Removes those objects of a page that no row stands for. The ledger is asked after the page was listed.
    async fn orphans(&mut self, placed: &[Placed<'_>]) -> anyhow::Result<()> {
        let mut places: Vec<Place> = placed.iter().map(|(_, place, _)| *place).collect();
        places.dedup();
        let known = db::within(ledger::known(self.pool, &places)).await?;
        let (own, foreign): (Vec<_>, Vec<_>) = placed.iter().partition(|(_, place, _)| known.has(place.account));
        self.found.report.foreign += foreign.len() as u64;
        let orphans: Vec<&Stored> = own
            .iter()
            .filter(|(object, place, part)| !known.covers(&object.key, place, *part))
            .map(|(object, ..)| *object)
            .collect();
        let (old, young): (Vec<_>, Vec<_>) = orphans.into_iter().partition(|object| self.is_old(object, &known));
        self.found.report.young_orphans += young.len() as u64;
        let keys: Vec<String> = old.iter().map(|object| object.key.clone()).collect();
        let refused: HashSet<String> = match self.wish.dry_run || keys.is_empty() {
            true => HashSet::new(),
            false => self.storage.remove(&keys).await?.into_iter().map(|refused| refused.key).collect(),
        };
        for object in old.iter().filter(|object| !refused.contains(&object.key)) {
            self.found.report.orphans += 1;
            self.found.report.orphan_bytes += object.size_bytes;
        }
        Ok(())
    }

    fn is_old(&self, object: &Stored, known: &Known) -> bool {
        object.modified_at <= known.now - self.wish.grace
    }

    /// Looks for the objects of the rows whose place was passed with this page.
    async fn rows(&mut self, placed: &[Placed<'_>], has_more: bool) -> anyhow::Result<()> {
        let last = placed.last().map(|(_, place, _)| *place);
        if has_more && last.is_none() {
            return Ok(());
        }
        let until = last.filter(|_| has_more);
        let mut seen = std::mem::take(&mut self.carried);
        seen.extend(placed.iter().map(|(object, ..)| object.key.clone()));
        for kind in Kind::ALL {
            let mut range = Range { from: self.from, until, account: self.wish.account };
            loop {
                let (rows, next) = db::within(ledger::expected(self.pool, kind, &range)).await?;
                self.found.report.rows += rows.len() as u64;
                for row in &rows {
                    self.look(row, &seen).await?;
                }
                let Some(next) = next else { break };
                range.from = Some(next);
            }
        }
        seen.retain(|seen| key::parse(seen).is_some_and(|(place, _)| Some(place) == until));
        (self.from, self.carried) = (until, seen);
        Ok(())
    }

    /// Marks a row whose objects were not seen and are not there on a second look: they may have come since the page was listed.
    async fn look(&mut self, row: &Expected, seen: &HashSet<String>) -> anyhow::Result<()> {
        for key in row.keys.iter().filter(|key| !seen.contains(*key)) {
            match self.storage.size_bytes(key).await {
                Err(StorageError::NotFound) => return self.missing(row).await,
                there => drop(there?),
            }
        }
        if row.was_missing && !self.wish.dry_run {
            db::within(ledger::clear(self.pool, row.place.owner)).await?;
        }
        Ok(())
    }

    async fn missing(&mut self, row: &Expected) -> anyhow::Result<()> {
        let is_so = self.wish.dry_run || db::within(ledger::mark(self.pool, row.place.owner)).await?;
        if !is_so {
            return Ok(());
        }
        match row.place.owner {
            Owner::Job(_) => self.found.report.missing_videos += 1,
            Owner::File(_) => self.found.report.missing_files += 1,
            Owner::Export(_) => self.found.report.missing_exports += 1,
        }
        if self.found.missing.len() < NAMED {
            self.found.missing.push(row.place.to_string());
        }
        Ok(())
    }

    /// Gives up uploads that were begun and never finished, where the store can list them.
    async fn uploads(&mut self) -> anyhow::Result<()> {
        let now = db::within(ledger::known(self.pool, &[])).await?.now;
        let (prefix, mut after, mut count) = (self.prefix(), None, 0);
        loop {
            let Some(page) = self.storage.survey_uploads(&prefix, after.as_ref()).await? else { return Ok(()) };
            for upload in page.items.iter().filter(|upload| upload.begun_at <= now - self.wish.grace) {
                if !self.wish.dry_run {
                    self.storage.abort(upload).await.context("an upload that was begun")?;
                }
                count += 1;
            }
            self.found.report.uploads = Some(count);
            after = page.items.last().cloned();
            if !page.has_more || after.is_none() {
                return Ok(());
            }
        }
    }
}
