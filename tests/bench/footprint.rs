//! What our programs take while they do nothing, and until they are ready, against a Node process with graphile-worker.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clipmill_tests::process::binary;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, Database};
use crate::figure::{Figure, Reading};
use crate::load::{self, Connection};
use crate::node::{self, Node};
use crate::stats::median;

/// In which a process has become idle.
const REST: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(2);
const MIB: f64 = 1024.0 * 1024.0;

/// What one program takes.
struct Footprint {
    resident_mib: Vec<f64>,
    ready_ms: Vec<f64>,
    file_mib: f64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let Some(node) = bench.node().await else { return Ok(Vec::new()) };
    let database = bench.database("bench_footprint").await?;
    let theirs = bench.empty_database("bench_footprint_graphile").await?;
    // Its first start makes its tables.
    graphile(node, &theirs).await?;
    let mut footprints = [Footprint::of(&binary("clipmill-api"))?, Footprint::of(&binary("clipmill-worker"))?];
    let mut reference = Footprint::of(&node.program().await?)?;
    for _ in 0..bench.sizes.rounds() {
        footprints[0].add(ours(bench, &database, "clipmill-api", &["serve", "--listen"]).await?);
        footprints[1].add(ours(bench, &database, "clipmill-worker", &["--listen"]).await?);
        reference.add(graphile(node, &theirs).await?);
    }
    let figures = ["clipmill-api serve", "clipmill-worker"].into_iter().zip(&footprints);
    Ok(figures.flat_map(|(name, footprint)| compare(name, footprint, &reference)).collect())
}

fn compare(name: &str, ours: &Footprint, theirs: &Footprint) -> [Figure; 3] {
    let reading = |what: &str, value: f64, unit: &'static str, reference: f64, how: &str| {
        let how = format!("{how}; against {}, in a process of its own", node::HOW);
        Reading { name: format!("footprint, {name}, {what}"), value, unit, reference, how }.at_most(1.0)
    };
    let runs = ours.ready_ms.len();
    let resident = format!("VmRSS of the idle process {REST:?} after it was ready, median of {runs} starts");
    let ready =
        format!("from spawn to 200 of /readyz (Node: to a runner that runs), median of {runs} alternating starts");
    [
        reading("resident memory", median(&ours.resident_mib), "MiB", median(&theirs.resident_mib), &resident),
        reading("start to ready", median(&ours.ready_ms), "ms", median(&theirs.ready_ms), &ready),
        reading("program file", ours.file_mib, "MiB", theirs.file_mib, "size of the binary (Node: of node alone)"),
    ]
}

impl Footprint {
    fn of(program: &Path) -> Result<Self> {
        let file_mib = std::fs::metadata(program)?.len() as f64 / MIB;
        Ok(Self { resident_mib: Vec::new(), ready_ms: Vec::new(), file_mib })
    }

    fn add(&mut self, (ready, resident_mib): (Duration, f64)) {
        self.ready_ms.push(ready.as_secs_f64() * 1e3);
        self.resident_mib.push(resident_mib);
    }
}

/// Starts one of our programs, waits until it is ready and looks at its memory.
async fn ours(bench: &Bench, database: &Database, name: &str, arguments: &[&str]) -> Result<(Duration, f64)> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = Command::new(binary(name));
    command.args(arguments).arg(address.to_string()).envs(bench.environment(database).await?);
    command.env("CLIPMILL_LOG", "warn").stdin(Stdio::null()).kill_on_drop(true);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    timeout(PATIENCE, ready(address)).await.with_context(|| format!("{name} was never ready"))?;
    let elapsed = started.elapsed();
    look(&mut child, elapsed).await
}

async fn ready(address: SocketAddr) {
    let request = load::get("/readyz", "none", None);
    let ask = async || Connection::open(address).await?.ask(&request).await;
    while !ask().await.is_ok_and(|status| status == 200) {
        sleep(POLL).await;
    }
}

/// The same of a Node process with graphile-worker.
async fn graphile(node: &Node, database: &Database) -> Result<(Duration, f64)> {
    let started = Instant::now();
    let mut child = node.command(&database.url, &["idle"]).stdout(Stdio::piped()).spawn().context("cannot run node")?;
    let mut said = BufReader::new(child.stdout.take().context("no output")?).lines();
    let line = timeout(PATIENCE, said.next_line()).await.context("node was never ready")??;
    ensure!(line.as_deref() == Some("ready"), "node said {line:?}");
    let elapsed = started.elapsed();
    look(&mut child, elapsed).await
}

async fn look(child: &mut Child, ready: Duration) -> Result<(Duration, f64)> {
    sleep(REST).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().context("it ended")?))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    let kib: f64 = resident.context("/proc names no VmRSS")?;
    child.kill().await?;
    Ok((ready, kib / 1024.0))
}
