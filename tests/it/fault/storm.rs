//! A small storm; `make storm` makes a large one.

use clipmill_tests::process::binary;
use serde_json::Value;
use tokio::process::Command;

#[tokio::test]
async fn a_small_storm_does_no_harm() {
    let arguments = ["--jobs", "20", "--storm-seconds", "8", "--workers", "2", "--seed", "3"];
    let ended = Command::new(binary("storm")).args(arguments).kill_on_drop(true).output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(report["submitted"], 20);
    assert_eq!(report["faults"].as_object().unwrap().len(), 11, "every kind of fault: {report}");
}
