//! The tables with secrets: which rows have one that is not under the first master key, and how it is replaced there.

use std::collections::HashSet;

use sqlx::PgPool;
use uuid::Uuid;

use super::{PLAIN_MAX, Row, Sealed, Table, Turned};

/// Rows with a secret that does not begin as one under the first master key does.
pub(super) async fn stale(
    pool: &PgPool,
    table: Table,
    head: &[u8],
    after: Uuid,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    match table {
        Table::Accounts => {
            let rows = sqlx::query_as!(
                Row,
                r#"
                select id, webhook_secret as "secret: Sealed", null::bytea as "previous: Sealed" from accounts
                where id > $1 and (length(webhook_secret) <= $2 or substring(webhook_secret for length($3::bytea)) <> $3)
                order by id limit $4
                "#,
                after,
                PLAIN_MAX as i32,
                head,
                limit,
            );
            rows.fetch_all(pool).await
        }
        Table::Endpoints => {
            let rows = sqlx::query_as!(
                Row,
                r#"
                select id, secret as "secret: Sealed", previous_secret as "previous: Sealed" from webhook_endpoints
                where id > $1 and (length(secret) <= $2 or substring(secret for length($3::bytea)) <> $3
                    or length(previous_secret) <= $2 or substring(previous_secret for length($3::bytea)) <> $3)
                order by id limit $4
                "#,
                after,
                PLAIN_MAX as i32,
                head,
                limit,
            );
            rows.fetch_all(pool).await
        }
        Table::Destinations => {
            let rows = sqlx::query_as!(
                Row,
                r#"
                select id, secret as "secret!: Sealed", null::bytea as "previous: Sealed" from destinations
                where id > $1 and (length(secret) <= $2 or substring(secret for length($3::bytea)) <> $3)
                order by id limit $4
                "#,
                after,
                PLAIN_MAX as i32,
                head,
                limit,
            );
            rows.fetch_all(pool).await
        }
        Table::Jobs => {
            let rows = sqlx::query_as!(
                Row,
                r#"
                select id, upload_url as "secret!: Sealed", null::bytea as "previous: Sealed" from jobs
                where id > $1 and upload_url is not null
                    and (length(upload_url) <= $2 or substring(upload_url for length($3::bytea)) <> $3)
                order by id limit $4
                "#,
                after,
                PLAIN_MAX as i32,
                head,
                limit,
            );
            rows.fetch_all(pool).await
        }
    }
}

/// Writes the new secrets of those rows that still have the old ones, and says which they are.
pub(super) async fn replace(pool: &PgPool, table: Table, turned: &[&Turned]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let written = match table {
        Table::Accounts => replace_in_accounts(pool, turned).await?,
        Table::Endpoints => replace_in_endpoints(pool, turned).await?,
        Table::Destinations => replace_in_destinations(pool, turned).await?,
        Table::Jobs => replace_in_jobs(pool, turned).await?,
    };
    Ok(written.into_iter().collect())
}

async fn replace_in_accounts(pool: &PgPool, turned: &[&Turned]) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<_> = turned.iter().map(|turned| turned.old.id).collect();
    let old: Vec<_> = turned.iter().map(|turned| turned.old.secret.bytes()).collect();
    let new: Vec<_> = turned.iter().map(|turned| turned.new.secret.bytes()).collect();
    sqlx::query_scalar!(
        r#"
        with turned as (select * from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as turned (id, old, new)),
        -- In one order, so that no two statements wait for each other.
        held as materialized (
            select account.id, new from accounts as account join turned on turned.id = account.id
            where webhook_secret = old order by account.id for no key update of account
        )
        update accounts as account set webhook_secret = new from held where account.id = held.id
        returning account.id
        "#,
        &ids,
        &old as _,
        &new as _,
    )
    .fetch_all(pool)
    .await
}

async fn replace_in_endpoints(pool: &PgPool, turned: &[&Turned]) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<_> = turned.iter().map(|turned| turned.old.id).collect();
    let old: Vec<_> = turned.iter().map(|turned| turned.old.secret.bytes()).collect();
    let new: Vec<_> = turned.iter().map(|turned| turned.new.secret.bytes()).collect();
    let old_previous: Vec<_> = turned.iter().map(|turned| turned.old.previous.as_ref().map(Sealed::bytes)).collect();
    let new_previous: Vec<_> = turned.iter().map(|turned| turned.new.previous.as_ref().map(Sealed::bytes)).collect();
    sqlx::query_scalar!(
        r#"
        with turned as (
            select * from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])
                as turned (id, old, new, old_previous, new_previous)
        ),
        -- In one order, so that no two statements wait for each other.
        held as materialized (
            select endpoint.id, new, new_previous
            from webhook_endpoints as endpoint join turned on turned.id = endpoint.id
            where secret = old and previous_secret is not distinct from old_previous
            order by endpoint.id for no key update of endpoint
        )
        update webhook_endpoints as endpoint set secret = new, previous_secret = new_previous
        from held where endpoint.id = held.id
        returning endpoint.id
        "#,
        &ids,
        &old as _,
        &new as _,
        &old_previous as _,
        &new_previous as _,
    )
    .fetch_all(pool)
    .await
}

async fn replace_in_destinations(pool: &PgPool, turned: &[&Turned]) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<_> = turned.iter().map(|turned| turned.old.id).collect();
    let old: Vec<_> = turned.iter().map(|turned| turned.old.secret.bytes()).collect();
    let new: Vec<_> = turned.iter().map(|turned| turned.new.secret.bytes()).collect();
    sqlx::query_scalar!(
        r#"
        with turned as (select * from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as turned (id, old, new)),
        -- In one order, so that no two statements wait for each other.
        held as materialized (
            select destination.id, new from destinations as destination join turned on turned.id = destination.id
            where secret = old order by destination.id for no key update of destination
        )
        update destinations as destination set secret = new from held where destination.id = held.id
        returning destination.id
        "#,
        &ids,
        &old as _,
        &new as _,
    )
    .fetch_all(pool)
    .await
}

async fn replace_in_jobs(pool: &PgPool, turned: &[&Turned]) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<_> = turned.iter().map(|turned| turned.old.id).collect();
    let old: Vec<_> = turned.iter().map(|turned| turned.old.secret.bytes()).collect();
    let new: Vec<_> = turned.iter().map(|turned| turned.new.secret.bytes()).collect();
    sqlx::query_scalar!(
        r#"
        with turned as (select * from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as turned (id, old, new)),
        -- In one order, so that no two statements wait for each other.
        held as materialized (
            select job.id, new from jobs as job join turned on turned.id = job.id
            where upload_url = old order by job.id for no key update of job
        )
        update jobs as job set upload_url = new from held where job.id = held.id
        returning job.id
        "#,
        &ids,
        &old as _,
        &new as _,
    )
    .fetch_all(pool)
    .await
}
