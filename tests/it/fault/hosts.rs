//! The service on several hosts, of which some are harmed; `make hosts` does it with more jobs.

use clipmill_tests::process::binary;
use serde_json::Value;
use tokio::process::Command;

/// What the program ends with where hosts cannot be made.
const SKIPPED: Option<i32> = Some(77);

#[tokio::test]
async fn hosts_that_are_cut_off_slow_or_dead_leave_every_job_done_once() {
    let ended = Command::new(binary("hosts")).args(["--jobs", "12"]).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    if ended.status.code() == SKIPPED {
        eprintln!("{said}");
        return;
    }
    assert!(ended.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let figures = &report["figures"];
    assert!(figures["jobs"].as_u64() >= Some(12), "{report}");
    assert!(figures["attempts"].as_u64() >= figures["jobs"].as_u64().map(|jobs| jobs + 2), "two were lost: {report}");
    assert!(figures["requests_without_an_answer"].as_u64() >= Some(3), "{report}");
}
