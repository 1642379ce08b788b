//! `clipmill-wan bench`: where the time of a render goes.

use std::time::Instant;

use anyhow::Result;
use clipmill_wan::Stage;
use serde_json::json;

use crate::gauge::Gauge;
use crate::job::Job;
use crate::watch::Clock;

/// Measure a render; prints JSON
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    job: Job,
    /// Renders before the one that is measured, so that nothing is loaded in it
    #[arg(long, default_value_t = 1)]
    warm_up: u32,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        let gauge = Gauge::start();
        let (model, images) = (self.job.model()?, self.job.images()?);
        let (request, settings) = (self.job.request(&images), self.job.settings());
        for _ in 0..self.warm_up {
            let clock = Clock::new();
            model.render(&request, &settings, &clock, &mut |_| Ok(()))?;
            clock.finish();
        }
        let (clock, started, mut frames) = (Clock::new(), Instant::now(), 0_u32);
        model.render(&request, &settings, &clock, &mut |_| {
            frames += 1;
            Ok(())
        })?;
        let total = started.elapsed().as_secs_f64();
        clock.finish();
        let seconds = |stage| clock.spent(stage).as_secs_f64();
        let work = model.work(&request, &settings)?;
        let denoise = seconds(Stage::Denoise);
        let said = json!({
            "frames": frames,
            "forwards": work.forwards,
            "tokens": work.tokens,
            "total_seconds": total,
            "load_seconds": seconds(Stage::Load),
            "encode_seconds": seconds(Stage::Encode),
            "denoise_seconds": denoise,
            "decode_seconds": seconds(Stage::Decode),
            "seconds_per_step": denoise / work.steps as f64,
            "decode_seconds_per_frame": seconds(Stage::Decode) / f64::from(frames),
            "dit_tflop": work.flop / 1e12,
            "dit_tflop_per_second": work.flop / 1e12 / denoise,
            "share_outside_dit": 1.0 - denoise / total,
            "estimated_peak_bytes": model.peak_bytes(&request, &settings)?,
            "host_peak_bytes": gauge.peak(),
        });
        println!("{}", serde_json::to_string_pretty(&said)?);
        Ok(())
    }
}
