//! What each service may do in Postgres: what it needs, and no more.

use std::time::Duration;

use clipmill_shared::jobs::lease::{self, Ability};
use clipmill_shared::tier::Tier;
use clipmill_tests::Server;
use sqlx::{AssertSqlSafe, PgPool};

const INSUFFICIENT_PRIVILEGE: &str = "42501";

async fn is_refused(pool: &PgPool, statement: &str) -> bool {
    let error = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(pool).await.err();
    error.is_some_and(|error| {
        error.as_database_error().and_then(|error| error.code()).as_deref() == Some(INSUFFICIENT_PRIVILEGE)
    })
}

#[tokio::test]
async fn the_api_can_neither_claim_a_job_nor_finish_one() {
    let server = Server::start().await;
    server.submit_small().await;
    let claimed = lease::claim(&server.api, Ability::of(&Tier::ALL), "api", Duration::from_secs(30)).await;
    let code = claimed.err().and_then(|error| error.as_database_error()?.code().map(|code| code.into_owned()));
    assert_eq!(code.as_deref(), Some(INSUFFICIENT_PRIVILEGE));
    for statement in [
        "update jobs set attempt = attempt + 1",
        "update jobs set outputs = '[]'",
        "update jobs set prompt = 'another'",
        "update jobs set account_id = gen_random_uuid()",
        "insert into usage select * from usage",
        "delete from usage",
        "delete from audit_log",
        "update audit_log set actor = ''",
        "insert into operator_keys (id, name, lookup, hash) values (gen_random_uuid(), 'x', 'x', decode(repeat('00', 32), 'hex'))",
        "delete from accounts",
        "create table mine (id int)",
    ] {
        assert!(is_refused(&server.api, statement).await, "{statement}");
    }
    server.render().await;
}

#[tokio::test]
async fn a_worker_can_neither_read_what_proves_a_key_nor_make_a_job() {
    let server = Server::start().await;
    server.submit_small().await;
    let worker = &server.env.pool;
    for statement in [
        "select hash from api_keys",
        "select * from api_keys",
        "select * from operator_keys",
        "update api_keys set revoked_at = null",
        "delete from api_keys",
        "insert into jobs select * from jobs",
        "update credit_balances set granted = 1000000",
        "insert into credit_entries select * from credit_entries",
        "insert into accounts select * from accounts",
        "insert into audit_log select * from audit_log",
        "insert into destinations select * from destinations",
        "update destinations set bucket = 'another'",
        "create table mine (id int)",
    ] {
        assert!(is_refused(worker, statement).await, "{statement}");
    }
    sqlx::query("select id, name from api_keys").execute(worker).await.unwrap();
    server.render().await;
}
