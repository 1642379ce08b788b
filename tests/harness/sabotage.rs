//! Panics in the middle of a worker: where it counts or times something, once.
//!
//! The worker's own metrics mark the places, so that none of its code is there for the tests alone.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Names the metric at which a puppet panics, and after a space the value of one of its labels, if that matters.
pub const PLACE: &str = "PUPPET_PANICS_AT";

/// What a puppet prints before it panics.
pub const STRUCK: &str = "the puppet panics";

/// Makes this process panic at the place that the environment names, if it does.
///
/// # Errors
/// When something else records the metrics already.
pub fn set_up() -> anyhow::Result<()> {
    let Ok(place) = env::var(PLACE) else { return Ok(()) };
    metrics::set_global_recorder(Saboteur { place, struck: AtomicBool::new(false) })
        .context("metrics are recorded already")
}

struct Saboteur {
    place: String,
    struck: AtomicBool,
}

impl Saboteur {
    fn meet(&self, key: &Key) {
        let (name, label) = self.place.split_once(' ').unwrap_or((&self.place, ""));
        let is_here = key.name() == name && (label.is_empty() || key.labels().any(|other| other.value() == label));
        if is_here && !self.struck.swap(true, Ordering::SeqCst) {
            println!("{STRUCK}");
            panic!("as the test wants it");
        }
    }
}

impl Recorder for Saboteur {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.meet(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.meet(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.meet(key);
        Histogram::noop()
    }
}
