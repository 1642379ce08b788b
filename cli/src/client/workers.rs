//! `clipmill workers`: the fleet, and what is said to it.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::DateTime;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use super::connection::Connection;
use super::{print_json, print_line};

/// How often a watched table is drawn anew.
const REFRESH: Duration = Duration::from_secs(2);
/// What makes a terminal forget what it shows and begin at the top.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Show the machines that render, and let one of them rest. Needs an operator's key
#[derive(Debug, clap::Args)]
pub struct Workers {
    /// Draw the table anew every two seconds until Ctrl-C
    #[arg(long)]
    pub watch: bool,

    /// What to say to it; without, it is shown
    #[command(subcommand)]
    pub order: Option<Order>,

    #[command(flatten)]
    pub(super) connection: Connection,
}

/// What is said to the fleet.
#[derive(Debug, clap::Subcommand)]
pub enum Order {
    /// Let a worker take no more jobs; what it has in hand it takes to its end
    Drain {
        /// A name in the table, or the configured name that it begins with
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
    },
    /// Let a worker take jobs again
    Resume {
        /// The name that was drained
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        name: String,
    },
    /// Let no job of a tier be taken; what is submitted waits
    PauseTier {
        /// `fast` or `pro`
        #[arg(value_parser = ["fast", "pro"])]
        tier: String,
    },
    /// Let jobs of a tier be taken again
    ResumeTier {
        /// `fast` or `pro`
        #[arg(value_parser = ["fast", "pro"])]
        tier: String,
    },
}

impl Order {
    fn path(&self) -> [&str; 3] {
        match self {
            Self::Drain { name } => ["workers", name, "drain"],
            Self::Resume { name } => ["workers", name, "resume"],
            Self::PauseTier { tier } => ["tiers", tier, "pause"],
            Self::ResumeTier { tier } => ["tiers", tier, "resume"],
        }
    }
}

impl Workers {
    pub(super) async fn run(self, http: reqwest::Client) -> Result<()> {
        ensure!(!self.watch || std::io::stdout().is_terminal(), "--watch draws on a terminal, and this is none");
        let client = self.connection.open(http)?;
        if let Some(order) = &self.order {
            return self.show(&client.order(&order.path()).await?);
        }
        loop {
            let fleet = client.workers().await?;
            if self.watch {
                print!("{CLEAR}");
            }
            self.show(&fleet)?;
            if !self.watch {
                return Ok(());
            }
            tokio::time::sleep(REFRESH).await;
        }
    }

    fn show(&self, fleet: &Value) -> Result<()> {
        match self.connection.json {
            true => print_json(fleet),
            false => print_line(table(fleet)?.trim_end()),
        }
        Ok(())
    }
}

/// The fleet as a table, a line a worker, and a line for each thing that it has in hand.
fn table(fleet: &Value) -> Result<String, std::fmt::Error> {
    let mut table = String::new();
    writeln!(table, "{:<44} {:<12} {:<10} {:<28} GPU", "WORKER", "HOST", "STATE", "RENDERS")?;
    for worker in list(&fleet["data"]) {
        let state = if worker["draining"] == true { "draining" } else { text(&worker["state"]) };
        let engines = list(&worker["engines"]).iter().map(|engine| {
            let with = engine["model"].as_str().unwrap_or(text(&engine["engine"]));
            format!("{}: {with}", text(&engine["tier"]))
        });
        let engines: Vec<String> = engines.collect();
        let gpus: Vec<String> = list(&worker["gpus"]).iter().map(gpu).collect();
        let (name, host) = (text(&worker["name"]), text(&worker["host"]));
        writeln!(table, "{name:<44} {host:<12} {state:<10} {:<28} {}", engines.join(", "), gpus.join(", "))?;
        for job in list(&worker["jobs"]) {
            let since = job["since"].as_i64().and_then(|since| DateTime::from_timestamp(since, 0));
            let since = since.map_or("?".to_owned(), |since| since.format("%H:%M:%S").to_string());
            let (id, tier) = (text(&job["id"]), text(&job["tier"]));
            writeln!(table, "  {id} {tier}, try {}, {} % since {since} UTC", job["attempt"], job["progress"])?;
        }
    }
    for name in list(&fleet["draining"]) {
        writeln!(table, "{} takes no jobs", text(name))?;
    }
    for pause in list(&fleet["paused_tiers"]) {
        writeln!(table, "{} is paused by {}", text(&pause["tier"]), text(&pause["by"]))?;
    }
    Ok(table)
}

fn gpu(gpu: &Value) -> String {
    let gib = |bytes: &Value| bytes.as_f64().unwrap_or(0.0) / f64::from(1 << 30);
    let (used, all) = (gib(&gpu["memory_used_bytes"]), gib(&gpu["memory_bytes"]));
    let busy = gpu["utilization_percent"].as_u64().map_or(String::new(), |percent| format!(" {percent} %"));
    let warm = gpu["temperature_celsius"].as_u64().map_or(String::new(), |celsius| format!(" {celsius} °C"));
    format!("{} {used:.0}/{all:.0} GiB{busy}{warm}", text(&gpu["name"]))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_worker_is_a_line_and_so_is_what_it_does() {
        let fleet = json!({
            "data": [{
                "name": "gpu-7-0", "host": "rack-3", "state": "ready", "draining": true,
                "engines": [{ "tier": "pro", "engine": "wan", "model": "Wan2.2" }, { "tier": "fast", "engine": "preview", "model": null }],
                "gpus": [{ "name": "H100", "memory_bytes": 80_u64 << 30, "memory_used_bytes": 60_u64 << 30, "utilization_percent": 97, "temperature_celsius": null }],
                "jobs": [{ "id": "video_1", "tier": "pro", "attempt": 2, "progress": 40, "since": 3661 }],
            }],
            "draining": ["gpu-7"],
            "paused_tiers": [{ "tier": "fast", "by": "grace", "since": 0 }],
        });
        let table = table(&fleet).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].contains("draining") && lines[1].contains("pro: Wan2.2, fast: preview"), "{table}");
        assert!(lines[1].ends_with("H100 60/80 GiB 97 %"), "{table}");
        assert_eq!(lines[2], "  video_1 pro, try 2, 40 % since 01:01:01 UTC");
        assert_eq!(lines[3..], ["gpu-7 takes no jobs", "fast is paused by grace"]);
    }
}
