//! Post-processing beside the `ffmpeg` command, which gets the same frames and the same settings, and what of it is left to do
//! when the engine is done.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clipmill_worker::postprocess::{Clip, Recipe, Target, Variant, postprocess};

use crate::bench::Bench;
use crate::ffmpeg::{Ffmpeg, likeness};
use crate::figure::{Figure, Reading};
use crate::film::Film;
use crate::stats::median;
use crate::tail;

const SIZE: Target = Target { width: 1920, height: 1080 };
const SMALL: Target = Target { width: 320, height: 192 };

/// How long everything took, in seconds, round by round.
#[derive(Default)]
struct Times {
    video: Vec<f64>,
    whole_set: Vec<f64>,
    ffmpeg_video: Vec<f64>,
    ffmpeg_at_once: Vec<f64>,
    ffmpeg_passes: Vec<f64>,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let (size, seconds, fps) = bench.sizes.pick((SIZE, 6, 24), (SMALL, 1, 8));
    let film = Film::draw(bench.folder(), size, seconds, fps)?;
    eprintln!("Encoding {} frames of {}x{}", film.frames, size.width, size.height);
    let ffmpeg = Ffmpeg::new(&film, bench.folder())?;
    let (mut times, mut made) = (Times::default(), None);
    for _ in 0..bench.sizes.rounds() {
        times.video.push(seconds_of(encode(&film, false)).await?.0);
        times.ffmpeg_video.push(timed(|| ffmpeg.video())?.0);
        let (took, clip) = seconds_of(encode(&film, true)).await?;
        times.whole_set.push(took);
        times.ffmpeg_passes.push(timed(|| ffmpeg.pass_by_pass())?.0);
        times.ffmpeg_at_once.push(timed(|| ffmpeg.all_at_once())?.0);
        made = Some(clip);
    }
    let clip = made.context("nothing was encoded")?;
    let mut figures = speed(&film, &times, bench.sizes.rounds());
    figures.extend(worth(&film, &ffmpeg, &clip)?);
    figures.push(tail::measure(bench, &film).await?);
    fs::remove_file(&film.path)?;
    Ok(figures)
}

/// What post-processing makes of the film, with or without the small pictures.
pub(crate) async fn encode(film: &Film, pictures: bool) -> Result<Clip> {
    let (footage, folder) = (film.footage(), film.path.parent().map(Path::to_owned).unwrap_or_default());
    let recipe = Recipe { pictures, ..Recipe::plain(film.size, film.fps) };
    Ok(tokio::task::spawn_blocking(move || postprocess(footage, &recipe, &folder)).await??)
}

/// What some work gives, and how many seconds it took.
pub(crate) async fn seconds_of<T>(work: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
    let started = Instant::now();
    let done = work.await?;
    Ok((started.elapsed().as_secs_f64(), done))
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let started = Instant::now();
    let done = work()?;
    Ok((started.elapsed().as_secs_f64(), done))
}

fn speed(film: &Film, times: &Times, rounds: usize) -> Vec<Figure> {
    let Film { size, frames, .. } = film;
    let how = |what: &str| {
        format!(
            "median of {rounds} alternating runs on {frames} raw frames of {}x{} in the page cache, libx264 veryfast at CRF 19 on both \
             sides: {what}",
            size.width, size.height
        )
    };
    let reading = |name: &str, value: &[f64], reference: f64, what: &str| Reading {
        name: format!("post-processing, {name}"),
        value: median(value),
        unit: "s",
        reference,
        how: how(what),
    };
    let (at_once, passes) = (median(&times.ffmpeg_at_once), median(&times.ffmpeg_passes));
    let set = format!(
        "video, poster, spritesheet and preview; ffmpeg took {at_once:.2} s in one command that splits the frames, and {passes:.2} s in \
         four passes: the quicker counts"
    );
    vec![
        reading("video alone", &times.video, median(&times.ffmpeg_video), "the video and nothing else").at_most(1.0),
        reading("whole set", &times.whole_set, at_once.min(passes), &set).at_most(0.7),
    ]
}

/// That speed was not bought with bytes or with likeness.
fn worth(film: &Film, ffmpeg: &Ffmpeg<'_>, clip: &Clip) -> Result<Vec<Figure>> {
    let path = |variant| -> Option<PathBuf> {
        clip.files.iter().find(|file| file.variant == variant).map(|file| file.path.clone())
    };
    let video = path(Variant::Video).context("there is no video")?;
    let (ours, frames) = likeness(film, &video)?;
    let (theirs, ffmpeg_frames) = likeness(film, &ffmpeg.video_path())?;
    let counts = [frames, ffmpeg_frames];
    ensure!(counts == [film.frames; 2], "{counts:?} frames were encoded of {}", film.frames);
    let of_pictures = clip.files.iter().filter(|file| file.variant != Variant::Video).map(|file| file.size_bytes);
    let reading = |name: &str, value: f64, unit, reference: f64, how: &str| Reading {
        name: format!("post-processing, {name}"),
        value,
        unit,
        reference,
        how: format!("of the last runs, against what ffmpeg made: {how}"),
    };
    let kib = |bytes: u64| bytes as f64 / 1024.0;
    let (video_kib, ffmpeg_kib) = (kib(fs::metadata(video)?.len()), kib(fs::metadata(ffmpeg.video_path())?.len()));
    Ok(vec![
        reading("bytes of the video", video_kib, "KiB", ffmpeg_kib, "length of the file").at_most(1.02),
        reading("likeness of the video", ours, "dB", theirs, "peak signal-to-noise ratio of the brightness")
            .at_least(0.99),
        reading(
            "bytes of the pictures",
            kib(of_pictures.sum()),
            "KiB",
            kib(ffmpeg.pictures_bytes()?),
            "poster, spritesheet and preview",
        )
        .at_most(1.1),
    ])
}
