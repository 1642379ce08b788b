//! What a customer is told to expect.

use clipmill_tests::Server;
use clipmill_tests::gate::Gate;
use clipmill_tests::process::until;
use clipmill_tests::server::{small, text};
use serde_json::{Value, json};

#[tokio::test]
async fn an_estimate_comes_with_the_first_measured_render_and_goes_with_the_last_worker() {
    let server = Server::start().await;
    server.expire().await;
    let first = server.submit_small().await;
    assert_eq!(
        (&first["queue_position"], &first["eta_seconds"]),
        (&json!(0), &Value::Null),
        "nothing was measured yet"
    );
    server.render().await;
    // The worker reports what it measured.
    server.expire().await;
    let mut etas = Vec::new();
    for position in 0..3 {
        let job = server.submit_small().await;
        assert_eq!((&job["queue_position"], &job["queue_position_is_estimate"]), (&json!(position), &json!(false)));
        etas.push(job["eta_seconds"].as_u64().expect("an estimate"));
    }
    assert!(etas.is_sorted() && (1..60).contains(&etas[0]), "{etas:?}");

    sqlx::query("update workers set seen_at = seen_at - interval '1 minute'").execute(&server.pool).await.unwrap();
    // The one just submitted is in no view yet, so a new one is taken.
    let job = server.submit_small().await;
    assert_eq!((&job["queue_position"], &job["eta_seconds"]), (&json!(3), &Value::Null), "nobody is there to do it");
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_shrink_as_jobs_ahead_are_taken_up() {
    let gate = Gate::closed();
    let server = Server::with_engines(gate.engines()).await;
    let jobs = [server.submit_small().await, server.submit_small().await, server.submit_small().await];
    let position = async |job: &Value| server.video(&job["id"]).await["queue_position"].clone();
    assert_eq!(position(&jobs[2]).await, json!(2));
    let running = tokio::spawn(clipmill_worker::run(server.env.clone()));
    until("the first at work", async || gate.is_reached()).await;
    until("a shorter line", async || position(&jobs[2]).await == json!(1)).await;
    assert_eq!(position(&jobs[0]).await, Value::Null, "what runs waits for nobody");
    gate.open();
    until("the last one", async || server.video(&jobs[2]["id"]).await["status"] == "completed").await;
    server.env.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn tiers_that_are_served_together_stand_in_one_line_and_others_do_not() {
    let server = Server::start().await;
    let mut pro = small();
    pro["model"] = json!("pro");
    server.submit_small().await;
    let apart = server.submit(pro.clone()).await;
    assert_eq!(apart["queue_position"], 0, "no worker serves both");
    server.expire().await;
    let beside = server.submit(pro).await;
    assert_eq!(beside["queue_position"], 2, "the worker that reported serves both");
}

#[tokio::test]
async fn a_deep_queue_is_estimated_and_marked_so() {
    let server = Server::start().await;
    server.stranger().await;
    let first = server.submit_small().await;
    let copies = "insert into jobs select (jsonb_populate_record(jobs, jsonb_build_object(
                      'id', gen_random_uuid(), 'account_id', accounts.id, 'virtual_start', virtual_start + n))).*
                  from jobs, accounts, generate_series(1, 3000) as n where accounts.name = 'stranger'";
    sqlx::query(copies).execute(&server.pool).await.unwrap();
    let update = "update jobs set virtual_start = virtual_start + 2500.5 where id = $1";
    let id: clipmill_shared::id::JobId = text(&first["id"]).parse().unwrap();
    sqlx::query(update).bind(id.uuid()).execute(&server.pool).await.unwrap();
    let position = async || server.video(&first["id"]).await["queue_position"].as_u64().unwrap();
    until("an estimate of the whole line", async || (2300..2700).contains(&position().await)).await;
    assert_eq!(server.video(&first["id"]).await["queue_position_is_estimate"], true);
    sqlx::query("delete from jobs").execute(&server.pool).await.unwrap();
}
