//! Model servers that a killed worker left behind: they would hold the GPU and the port of the next. They are known by a
//! variable in their environment, and so are their children.

use std::fs;
use std::time::Duration;

use clipmill_shared::fleet::process::Identity;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};
use tracing::info;

use crate::identity;

/// Says who runs a server, and which: `PID STARTED URL`.
const MARK: &str = "CLIPMILL_RUNS_SERVER";

/// The variable by which a server of this worker is known.
pub(super) fn mark(url: &str) -> Option<(&'static str, String)> {
    let own = identity::own()?;
    Some((MARK, format!("{} {} {url}", own.pid, own.started)))
}

/// Ends what a worker that lives no more left of the server at this address.
pub(super) async fn end(url: &str, patience: Duration) {
    const LOOK: Duration = Duration::from_millis(100);
    let until = Instant::now() + patience;
    let mut left = find(url);
    if !left.is_empty() {
        info!(processes = left.len(), "Ends the model server that a killed worker left behind");
        signal(&left, Signal::TERM);
    }
    while !left.is_empty() && Instant::now() < until {
        sleep(LOOK).await;
        left = find(url);
    }
    signal(&left, Signal::KILL);
}

fn signal(processes: &[Pid], signal: Signal) {
    for process in processes {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(*process, signal);
    }
}

/// The processes that have the mark of a dead worker for this address. What may not be looked at is not ours.
fn find(url: &str) -> Vec<Pid> {
    let Some(own) = identity::own() else { return Vec::new() };
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter(|pid| is_left(*pid, url, &own)).filter_map(Pid::from_raw).collect()
}

fn is_left(pid: i32, url: &str, own: &Identity) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let mark = variables.find_map(|variable| variable.strip_prefix(MARK)?.strip_prefix('='));
    let worker = mark.and_then(|mark| {
        let (pid, rest) = mark.split_once(' ')?;
        let (started, of) = rest.split_once(' ')?;
        (of == url).then_some(Identity { pid: pid.parse().ok()?, started: started.parse().ok()?, ..own.clone() })
    });
    worker.is_some_and(|worker| !identity::is_alive(&worker))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const URL: &str = "http://127.0.0.1:1/orphan-test";

    fn run(mark: String) -> std::process::Child {
        let mut command = Command::new("cat");
        command.env(MARK, mark).stdin(Stdio::piped()).spawn().expect("cat runs")
    }

    #[tokio::test]
    async fn what_a_dead_worker_left_is_ended_and_what_a_live_one_runs_is_not() {
        let own = identity::own().expect("this is Linux");
        let mut left = run(format!("{} {} {URL}", own.pid, own.started + 1));
        let mut others = [run(mark(URL).expect("a mark").1), run(format!("{} 1 http://elsewhere", i32::MAX))];
        end(URL, Duration::from_secs(10)).await;
        assert!(!left.wait().expect("it ended").success());
        for other in &mut others {
            assert!(other.try_wait().expect("its state").is_none(), "it goes on");
            other.kill().expect("it is killed");
            other.wait().expect("it ends");
        }
    }
}
