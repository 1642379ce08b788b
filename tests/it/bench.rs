//! The benchmarks at their smallest: that they measure, not what.

use std::fs;
use std::path::Path;
use std::process::Command;

use clipmill_tests::process::binary;
use serde_json::Value;

/// Everything that is measured without Node's packages, and which figures each gives.
const SUBJECTS: [(&str, &[&str]); 11] = [
    ("preview", &["preview, text: ", "preview, image: "]),
    (
        "postprocess",
        &[
            "post-processing, video alone",
            "post-processing, whole set",
            "post-processing, bytes of the video",
            "post-processing, likeness of the video",
            "post-processing, bytes of the pictures",
            "post-processing, tail",
        ],
    ),
    ("submit", &["submit, an account a connection", "submit, all of one account, 99th percentile"]),
    ("poll", &["poll, finished jobs", "poll, queued jobs, 1000 in the queue"]),
    (
        "pickup",
        &["pick-up, median, against 2 ms", "pick-up, 99th percentile", "pick-up, median, against apalis-postgres"],
    ),
    (
        "throughput",
        &[
            "throughput, slots: 1, against apalis-postgres",
            "throughput, slots: 4, against apalis-postgres",
            "throughput, slots: 16, against apalis-postgres",
            "throughput, webhook deliveries",
        ],
    ),
    (
        "depth",
        &["claim, 500 jobs queued", "claim, 1000 jobs queued", "claim, 50 jobs queued before 2000 finished ones"],
    ),
    ("bloat", &["bloat, table of jobs", "bloat, indexes of jobs", "bloat, renewals that touch no index"]),
    ("expiry", &["claim beside 5000 timers that are due", "expiry, videos"]),
    ("idle", &["idle GPU under a backlog"]),
    (
        "waiting",
        &[
            "create beside clients that wait, 99th percentile",
            "retrieve beside clients that wait, 99th percentile",
            "50 waiting clients, connections that listen",
            "50 waiting clients, statements while nothing happens",
            "50 waiting clients, told of the end, 99th percentile",
        ],
    ),
];

#[test]
fn every_figure_is_taken_and_written_down_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("summary.json");
    let mut bench = Command::new(binary("bench"));
    bench.args(SUBJECTS.map(|(subject, _)| subject)).args(["--small", "--no-node", "--folder"]).arg(folder.path());
    let ended = bench.arg("--output").arg(&output).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));

    let figures: Vec<Value> = serde_json::from_slice(&fs::read(output).unwrap()).unwrap();
    figures.iter().for_each(is_complete);
    for start in SUBJECTS.iter().flat_map(|(_, names)| *names) {
        let found = figures.iter().any(|figure| figure["name"].as_str().unwrap().starts_with(start));
        assert!(found, "there is no figure of: {start}");
    }
    claims_read_no_table_from_end_to_end(folder.path());
}

fn is_complete(figure: &Value) {
    for key in ["name", "unit", "goal", "how"] {
        assert!(figure[key].as_str().is_some_and(|text| !text.is_empty()), "{key} in {figure}");
    }
    // What is no number, or not finite, is null in JSON.
    let number = |key: &str| figure[key].as_f64().filter(|number| *number > 0.0);
    let [value, reference, ratio] =
        ["value", "reference", "ratio"].map(|key| number(key).unwrap_or_else(|| panic!("{key} in {figure}")));
    assert!((value / reference / ratio - 1.0).abs() < 1e-6, "{figure}");
    let (sign, goal) = figure["goal"].as_str().unwrap().split_once(' ').unwrap();
    let goal: f64 = goal.parse().unwrap();
    let met = if sign == ">=" { ratio >= goal } else { ratio <= goal };
    assert_eq!(figure["met"], met, "{figure}");
}

fn claims_read_no_table_from_end_to_end(folder: &Path) {
    for depth in ["shallow", "100k", "1m", "finished"] {
        let plan = fs::read_to_string(folder.join(format!("explain-{depth}.txt"))).unwrap();
        assert!(plan.contains("actual time") && plan.contains("jobs_claim"), "{plan}");
    }
}
