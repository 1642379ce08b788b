//! How fast the preview engine draws at 1366x768, against the 60 frames a second that it owes.

use std::time::Instant;

use clipmill_tests::picture;
use clipmill_worker::engine::preview::PreviewEngine;
use clipmill_worker::engine::{Engine as _, EngineError, Frame, FrameSink, Request, Watch};

use crate::bench::Bench;
use crate::figure::{Figure, Reading};
use crate::stats::median;

const FRAMES_PER_SECOND: f64 = 60.0;

const PROMPTS: [&str; 5] = [
    "sunrise over a calm sea, birds flying [Truck right]",
    "rain over a city skyline at night [Pan left]",
    "snow falls on high mountains [Push in]",
    "a lake under the aurora at midnight",
    "fast clouds over a green meadow at noon [Pedestal up]",
];

struct Sink;

impl FrameSink for Sink {
    fn push(&mut self, frame: Frame) -> Result<(), EngineError> {
        std::hint::black_box(frame);
        Ok(())
    }
}

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (runs, frames) = bench.sizes.pick((3, 120), (1, 4));
    let texts = PROMPTS.into_iter().map(|prompt| (prompt, None));
    let still = [("a cup of espresso [Push in, Pan left]", Some(picture::decode(picture::COFFEE)))];
    texts.chain(still).map(|(prompt, first_frame)| one(prompt, first_frame, runs, frames)).collect()
}

/// The median of a few runs.
fn one(prompt: &str, first_frame: Option<Frame>, runs: usize, frames: u32) -> anyhow::Result<Figure> {
    let kind = if first_frame.is_some() { "image" } else { "text" };
    let request = Request {
        prompt: prompt.to_owned(),
        negative_prompt: None,
        width: 1366,
        height: 768,
        frames,
        fps: 24,
        seed: 7,
        first_frame,
        last_frame: None,
    };
    let mut rates = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        PreviewEngine::new().render(&request, &Watch::default(), &mut Sink)?;
        rates.push(f64::from(frames) / started.elapsed().as_secs_f64());
    }
    let words: String = prompt.chars().take_while(|c| *c != '[').take(32).collect();
    let name = format!("preview, {kind}: {}", words.trim());
    let how = format!("median of {runs} runs of {frames} frames of 1366x768, engine alone, \"{prompt}\"");
    let value = median(&rates);
    Ok(Reading { name, value, unit: "frames/s", reference: FRAMES_PER_SECOND, how }.at_least(1.0))
}
