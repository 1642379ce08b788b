//! What the store should hold: the objects of finished videos, of files and of archives, in the order of their keys.

use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use crate::accounts::export::FILE_NAME;
use crate::id::AccountId;
use crate::jobs::Output;
use crate::storage::key::{self, Owner, Place};

/// Rows that are read at a time.
const ROWS: i64 = 1000;

/// Of what there are rows with objects, in the order in which their keys stand within an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Archives.
    Export,
    /// Files.
    File,
    /// Finished videos.
    Video,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Export, Kind::File, Kind::Video];

    fn of(owner: Owner) -> Self {
        match owner {
            Owner::Export(_) => Self::Export,
            Owner::File(_) => Self::File,
            Owner::Job(_) => Self::Video,
        }
    }
}

/// A stretch of the store.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// From this owner on; from the beginning if none.
    pub from: Option<Place>,
    /// Up to before this owner; to the end if none.
    pub until: Option<Place>,
    /// Of this account alone, if any.
    pub account: Option<AccountId>,
}

/// The place of a row: its account and its id.
type Row = (Uuid, Uuid);

impl Range {
    /// The rows of one kind within it: from the first on, up to before the second.
    fn of(&self, kind: Kind) -> (Row, Row) {
        let first = self.account.map_or(Uuid::nil(), AccountId::uuid);
        let last = self.account.map_or(Uuid::max(), AccountId::uuid);
        let edge = |place: Place| {
            let id = match Kind::of(place.owner).cmp(&kind) {
                std::cmp::Ordering::Less => Uuid::nil(),
                std::cmp::Ordering::Equal => place.owner.uuid(),
                std::cmp::Ordering::Greater => Uuid::max(),
            };
            (place.account.uuid(), id)
        };
        (self.from.map_or((first, Uuid::nil()), edge), self.until.map_or((last, Uuid::max()), edge))
    }
}

/// A row whose objects should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Whose it is.
    pub place: Place,
    /// The keys of its objects.
    pub keys: Vec<String>,
    /// Whether an object was known to be missing.
    pub was_missing: bool,
}

/// Up to a thousand rows of one kind that a stretch of the store should have objects of, from its beginning; and where to go on, if there
/// may be more. What is about to go is none of them.
pub async fn expected(pool: &PgPool, kind: Kind, range: &Range) -> Result<(Vec<Expected>, Option<Place>), sqlx::Error> {
    let (from, until) = range.of(kind);
    let rows = match kind {
        Kind::Video => videos(pool, from, until).await?,
        Kind::File => files(pool, from, until).await?,
        Kind::Export => exports(pool, from, until).await?,
    };
    let last = rows.last().filter(|_| rows.len() as i64 == ROWS).map(|row| row.place);
    Ok((rows, last.map(Place::next)))
}

async fn videos(pool: &PgPool, from: Row, until: Row) -> Result<Vec<Expected>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, account_id, attempt, outputs as "outputs!: Json<Vec<Output>>", missing_at is not null as "was_missing!" from jobs
        where status = 'completed' and (account_id, id) >= ($1, $2) and (account_id, id) < ($3, $4)
            and coalesce((delivery ->> 'keep')::boolean, true)
            and not exists (select from removals where job_id = jobs.id and reason = 'expired' and removals.attempt > 0)
        order by account_id, id limit $5
        "#,
        from.0,
        from.1,
        until.0,
        until.1,
        ROWS,
    );
    let rows = rows.fetch_all(pool).await?.into_iter().map(|row| {
        let place = Place { account: row.account_id.into(), owner: Owner::Job(row.id.into()) };
        let prefix = key::attempt_prefix(place.account, row.id.into(), row.attempt);
        let keys = row.outputs.iter().map(|output| format!("{prefix}{}", output.file_name)).collect();
        Expected { place, keys, was_missing: row.was_missing }
    });
    Ok(rows.collect())
}

async fn files(pool: &PgPool, from: Row, until: Row) -> Result<Vec<Expected>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, account_id, object as "object!", missing_at is not null as "was_missing!" from files
        where state = 'ready' and (account_id, id) >= ($1, $2) and (account_id, id) < ($3, $4)
        order by account_id, id limit $5
        "#,
        from.0,
        from.1,
        until.0,
        until.1,
        ROWS,
    );
    let rows = rows.fetch_all(pool).await?.into_iter().map(|row| {
        let place = Place { account: row.account_id.into(), owner: Owner::File(row.id.into()) };
        let keys = vec![format!("{}{}", key::file_prefix(place.account, row.id.into()), row.object)];
        Expected { place, keys, was_missing: row.was_missing }
    });
    Ok(rows.collect())
}

async fn exports(pool: &PgPool, from: Row, until: Row) -> Result<Vec<Expected>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, account_id, attempt, missing_at is not null as "was_missing!" from exports
        where state = 'completed' and (account_id, id) >= ($1, $2) and (account_id, id) < ($3, $4)
        order by account_id, id limit $5
        "#,
        from.0,
        from.1,
        until.0,
        until.1,
        ROWS,
    );
    let rows = rows.fetch_all(pool).await?.into_iter().map(|row| {
        let place = Place { account: row.account_id.into(), owner: Owner::Export(row.id.into()) };
        let prefix = key::export_prefix(place.account, row.id.into());
        Expected { place, keys: vec![format!("{prefix}{}/{FILE_NAME}", row.attempt)], was_missing: row.was_missing }
    });
    Ok(rows.collect())
}

/// An object of the row is missing. Says whether the row still stands: what is deleted, or is being removed, lacks nothing.
pub async fn mark(pool: &PgPool, owner: Owner) -> Result<bool, sqlx::Error> {
    let id = owner.uuid();
    let marked = match owner {
        Owner::Job(_) => sqlx::query!(
            r#"
            update jobs set missing_at = coalesce(missing_at, now())
            where id = $1 and status = 'completed'
                and not exists (select from removals where job_id = jobs.id and reason = 'expired' and removals.attempt > 0)
            "#,
            id,
        ),
        Owner::File(_) => {
            sqlx::query!(
                "update files set missing_at = coalesce(missing_at, now()) where id = $1 and state = 'ready'",
                id
            )
        }
        Owner::Export(_) => sqlx::query!(
            "update exports set missing_at = coalesce(missing_at, now()) where id = $1 and state = 'completed'",
            id,
        ),
    };
    Ok(marked.execute(pool).await?.rows_affected() == 1)
}

/// All objects of the row are there again.
pub async fn clear(pool: &PgPool, owner: Owner) -> Result<(), sqlx::Error> {
    let id = owner.uuid();
    let cleared = match owner {
        Owner::Job(_) => sqlx::query!("update jobs set missing_at = null where id = $1", id),
        Owner::File(_) => sqlx::query!("update files set missing_at = null where id = $1", id),
        Owner::Export(_) => sqlx::query!("update exports set missing_at = null where id = $1", id),
    };
    cleared.execute(pool).await.map(drop)
}
