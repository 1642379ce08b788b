//! What the `ffmpeg` command makes of a film, with the settings that a worker has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::film::Film;

/// The picture that the poster shows, tiles of the spritesheet, and the preview's frames a second and seconds.
const POSTER_AT: u32 = 3;
const TILES: u32 = 25;
const PREVIEW: (u32, u32) = (8, 4);

/// The worker's settings of libx264 and MP4.
const VIDEO: &str = "-c:v libx264 -preset veryfast -crf 19 -profile:v high -pix_fmt yuv420p -colorspace bt709 \
    -color_primaries bt709 -color_trc bt709 -color_range tv -chroma_sample_location center -movflags +faststart";
/// How the others are compressed.
const POSTER: &str = "-frames:v 1 -c:v libwebp -quality 80";
const SPRITESHEET: &str = "-frames:v 1 -c:v mjpeg -q:v 4";
const ANIMATION: &str = "-c:v libwebp_anim -quality 80 -loop 0";

/// The `ffmpeg` command, with a film to read and a folder to write to.
pub(crate) struct Ffmpeg<'f> {
    film: &'f Film,
    folder: PathBuf,
}

impl<'f> Ffmpeg<'f> {
    /// Writes into a folder of its own in `folder`.
    pub(crate) fn new(film: &'f Film, folder: &Path) -> Result<Self> {
        let folder = folder.join("ffmpeg");
        fs::create_dir_all(&folder)?;
        Ok(Self { film, folder })
    }

    /// Where its video is.
    pub(crate) fn video_path(&self) -> PathBuf {
        self.folder.join("video.mp4")
    }

    /// How many bytes its small pictures have.
    pub(crate) fn pictures_bytes(&self) -> Result<u64> {
        let length = |name| Ok(fs::metadata(self.folder.join(name))?.len());
        ["poster.webp", "spritesheet.jpg", "preview.webp"].into_iter().map(length).sum()
    }

    /// The video and nothing else.
    pub(crate) fn video(&self) -> Result<()> {
        self.run(&[], &["-vf", CONVERTED], &[(self.video_options().as_str(), "video.mp4")])
    }

    /// Everything in one command, which splits the frames.
    pub(crate) fn all_at_once(&self) -> Result<()> {
        let [poster, spritesheet, preview] = self.filters();
        let graph = format!(
            "[0:v]split=4[a][b][c][d];[a]{CONVERTED},format=yuv420p[video];[b]{poster}[poster];[c]{spritesheet}[spritesheet];\
             [d]{preview}[preview]"
        );
        let outputs = [
            (format!("-map [video] {}", self.video_options()), "video.mp4"),
            (format!("-map [poster] {POSTER}"), "poster.webp"),
            (format!("-map [spritesheet] {SPRITESHEET}"), "spritesheet.jpg"),
            (format!("-map [preview] -fps_mode vfr {ANIMATION}"), "preview.webp"),
        ];
        self.run(
            &[],
            &["-filter_complex", &graph],
            &outputs.each_ref().map(|(options, name)| (options.as_str(), *name)),
        )
    }

    /// One command after the other, each of which reads no more of the film than it needs.
    pub(crate) fn pass_by_pass(&self) -> Result<()> {
        let [_, spritesheet, preview] = self.filters();
        self.video()?;
        let poster_at = format!("{:.6}", f64::from(self.film.frames / POSTER_AT) / f64::from(self.film.fps));
        self.run(&["-ss", &poster_at], &[], &[(POSTER, "poster.webp")])?;
        self.run(&[], &["-vf", &spritesheet], &[(SPRITESHEET, "spritesheet.jpg")])?;
        let animation = format!("-fps_mode vfr {ANIMATION}");
        self.run(&["-t", &PREVIEW.1.to_string()], &["-vf", &preview], &[(&animation, "preview.webp")])
    }

    fn video_options(&self) -> String {
        format!("{VIDEO} -g {}", self.film.fps * 2)
    }

    /// What picks and scales the frames of poster, spritesheet and preview.
    fn filters(&self) -> [String; 3] {
        let Film { frames, fps, .. } = self.film;
        let tiles = TILES.min(*frames);
        let shrink = |side: u32| {
            let side = side.min(self.film.size.width);
            format!("scale={side}:{}:flags=lanczos", (self.film.size.height * side).div_ceil(self.film.size.width))
        };
        let (rate, seconds) = PREVIEW;
        [
            format!("select='eq(n,{})'", frames / POSTER_AT),
            format!(
                "select='gte(n,floor((2*selected_n+1)*{frames}/{}))*lt(selected_n,{tiles})',{},tile={}x{}",
                2 * tiles,
                shrink(160),
                tiles.min(5),
                tiles.div_ceil(5)
            ),
            format!("select='lt(n,{})*gte(n*{rate},selected_n*{fps})',{}", fps * seconds, shrink(320)),
        ]
    }

    fn run(&self, before: &[&str], filter: &[&str], outputs: &[(&str, &str)]) -> Result<()> {
        let Film { path, size, fps, .. } = self.film;
        let mut command = Command::new("ffmpeg");
        command.args(["-y", "-nostdin", "-v", "error"]).args(before);
        command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &format!("{}x{}", size.width, size.height)]);
        command.args(["-r", &fps.to_string(), "-i"]).arg(path).args(filter);
        for (options, name) in outputs {
            command.args(options.split_ascii_whitespace()).arg(self.folder.join(name));
        }
        let ended = command.output().context("cannot run ffmpeg")?;
        ensure!(ended.status.success(), "ffmpeg failed: {}", String::from_utf8_lossy(&ended.stderr));
        Ok(())
    }
}

/// RGB by the rules of BT.709; the command's own choice would be older ones.
const CONVERTED: &str = "scale=out_color_matrix=bt709:out_range=tv";

/// How close a video's brightness comes to the film's: peak signal-to-noise ratio in decibels, and how many frames it has.
pub(crate) fn likeness(film: &Film, video: &Path) -> Result<(f64, u32)> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "info", "-i"]).arg(video);
    command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &format!("{}x{}", film.size.width, film.size.height)]);
    command.args(["-r", &film.fps.to_string(), "-i"]).arg(&film.path);
    let graph = format!("[1:v]{CONVERTED},format=yuv420p[film];[0:v][film]psnr");
    command.args(["-filter_complex", &graph, "-f", "null", "-"]);
    let ended = command.output().context("cannot run ffmpeg")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let number = |name: &str| {
        let (_, rest) = said.rsplit_once(name)?;
        rest.split_ascii_whitespace().next()
    };
    let psnr = number("PSNR y:").and_then(|text| text.parse().ok()).with_context(|| format!("no PSNR in: {said}"))?;
    let frames =
        number("frame=").and_then(|text| text.parse().ok()).with_context(|| format!("no frames in: {said}"))?;
    Ok((psnr, frames))
}
