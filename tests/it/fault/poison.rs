//! A job that kills the process of every worker that takes it.

use std::sync::atomic::{AtomicBool, Ordering};

use clipmill_shared::id::JobId;
use clipmill_tests::Server;
use clipmill_tests::process::{Puppet, until};
use clipmill_tests::puppet::Act;
use clipmill_tests::server::{small, text};
use serde_json::{Value, json};

/// Starts a worker again whenever it has died, as a supervisor does, and says how often it had to.
async fn supervise(server: &Server, stop: &AtomicBool) -> usize {
    let environment = server.environment().await;
    for deaths in 0.. {
        let mut puppet = Puppet::start(environment.clone(), &["--lease-seconds", "2"]);
        tokio::select! {
            status = puppet.ended() => assert!(!status.success(), "a worker ended by itself"),
            () = until("the end of the test", async || stop.load(Ordering::SeqCst)) => {
                puppet.finish().await;
                return deaths;
            }
        }
    }
    unreachable!("nobody counts so far")
}

/// Waits until the job is queued after this many attempts, and says how many seconds it now has to wait.
async fn pause_after(server: &Server, job: &Value, attempt: i64) -> f64 {
    let waits = async || {
        let video = server.video(&job["id"]).await;
        video["status"] == "queued" && video["attempt"] == attempt
    };
    until("the job back in the queue", waits).await;
    // From the moment in which it was put back: the timer for what its attempt left behind is set with it.
    let pause = "select extract(epoch from jobs.run_at - removals.created_at)::float8 from jobs, removals
        where jobs.id = $1 and removals.job_id = jobs.id and reason = 'superseded' and prefix like '%/' || $2 || '/'";
    let id: JobId = text(&job["id"]).parse().unwrap();
    let pause = sqlx::query_scalar(pause).bind(id.uuid()).bind(i32::try_from(attempt).unwrap());
    pause.fetch_one(&server.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_fails_with_pauses_between_while_others_complete() {
    let server = Server::start().await;
    let mut poison = small();
    poison["prompt"] = json!(Act::Abort.prompt());
    let poison = server.submit(poison).await;
    let others = [server.submit_small().await, server.submit_small().await, server.submit_small().await];
    let stop = AtomicBool::new(false);
    let watching = async {
        let pauses = [pause_after(&server, &poison, 1).await, pause_after(&server, &poison, 2).await];
        assert!((2.0..2.6).contains(&pauses[0]) && (4.0..5.1).contains(&pauses[1]), "{pauses:?} s");
        until("the end of the poison", async || server.video(&poison["id"]).await["status"] == "failed").await;
        for other in &others {
            until("the others", async || server.video(&other["id"]).await["status"] == "completed").await;
        }
        stop.store(true, Ordering::SeqCst);
    };
    let (deaths, ()) = tokio::join!(supervise(&server, &stop), watching);
    assert_eq!(deaths, 3, "one death an attempt, and none after the last");
    let video = server.video(&poison["id"]).await;
    assert_eq!((video["error"]["code"].as_str(), video["attempt"].as_i64()), (Some("worker_lost"), Some(3)));
}
