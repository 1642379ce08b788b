//! Submits over HTTP, against Postgres committing the same rows and nothing else.

use anyhow::Result;
use clipmill_shared::id::AccountId;
use serde_json::json;

use crate::bench::Bench;
use crate::figure::{Figure, Reading};
use crate::ledger::{self, PROMPT};
use crate::load::{self, Load};
use crate::pgbench::{self, Pgbench};
use crate::service::{CONNECTIONS, Service};
use crate::stats::median;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let database = bench.database("bench_submit").await?;
    let (mut accounts, mut requests) = (Vec::new(), Vec::new());
    let body = json!({ "prompt": PROMPT, "model": "fast", "seconds": "4", "size": "720x1280", "seed": 7 }).to_string();
    for _ in 0..CONNECTIONS {
        let (account, key) = ledger::account(&database.pool).await?;
        accounts.push(account);
        requests.push(vec![load::post("/v1/videos", &key, &body)]);
    }
    sqlx::query("create sequence bench_ids start 1099511627776").execute(&database.pool).await?;
    let service = Service::start(bench, &database).await?;
    let pgbench = Pgbench::new(&database.url, &script(&accounts)).await?;
    let one = vec![requests[0].clone(); requests.len()];
    let window = bench.sizes.window();
    load::run(service.address, &requests, window / 5, 200).await?;
    let (mut bare, mut many, mut single) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.sizes.rounds() {
        bare.push(pgbench.run(window).await?);
        many.push(load::run(service.address, &requests, window, 200).await?);
        single.push(load::run(service.address, &one, window, 200).await?);
    }
    Ok([("an account a connection", many), ("all of one account", single)]
        .into_iter()
        .flat_map(|(whose, loads)| figures(whose, &loads, &bare, bench))
        .collect())
}

/// The columns and values of a submit, one row and one commit at a time.
fn script(accounts: &[AccountId]) -> String {
    let accounts: Vec<String> = accounts.iter().map(|account| account.uuid().to_string()).collect();
    let (accounts, fingerprint) = (accounts.join(","), "07".repeat(32));
    format!(
        "insert into jobs (id, account_id, tier, mode, model, prompt, negative_prompt, width, height, seconds, fps, seed, \
         first_frame, last_frame, metadata, webhook_url, retention_seconds, idempotency_key, fingerprint, virtual_start) \
         values (lpad(to_hex(nextval('bench_ids')), 32, '0')::uuid, ('{{{accounts}}}'::uuid[])[:client_id + 1], 'fast', \
         'text_to_video', 'fast', '{PROMPT}', null, 720, 1280, 4, 24, 7, null, null, '{{}}', null, 86400, null, \
         '\\x{fingerprint}', 1);\n"
    )
}

fn figures(whose: &str, loads: &[Load], bare: &[Load], bench: &Bench) -> [Figure; 2] {
    let rate = |loads: &[Load]| median(&loads.iter().map(|load| load.per_second).collect::<Vec<_>>());
    let slow = |loads: &[Load]| median(&loads.iter().map(|load| load.p99_ms).collect::<Vec<_>>());
    let how = format!(
        "POST /v1/videos on {CONNECTIONS} kept-alive connections to the API in this process, {whose}, against {} committing one \
         row of jobs a transaction; median of {} alternating runs of {:?}",
        pgbench::HOW,
        bench.sizes.rounds(),
        bench.sizes.window(),
    );
    let submits = Reading {
        name: format!("submit, {whose}"),
        value: rate(loads),
        unit: "submits/s",
        reference: rate(bare),
        how: how.clone(),
    };
    let name = format!("submit, {whose}, 99th percentile");
    let p99 = Reading { name, value: slow(loads), unit: "ms", reference: slow(bare), how };
    [submits.at_least(0.6), p99.at_most(2.0)]
}
