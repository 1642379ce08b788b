//! Raw frames in a file, the same for whoever encodes them.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clipmill_tests::picture;
use clipmill_worker::engine::preview::PreviewEngine;
use clipmill_worker::engine::{Engine, EngineError, Frame, FrameSink, Request, Watch};
use clipmill_worker::postprocess::{Footage, Piece, Target};
use tokio::sync::mpsc;

/// What is seen one after the other, each as long as the others: something that moves little, and something that moves much.
const SHOTS: [(&str, bool); 3] = [
    ("a cup of espresso [Push in, Pan left]", true),
    ("sunrise over a calm sea, birds flying [Truck right]", false),
    ("fast clouds over a green meadow at noon [Pedestal up]", false),
];
/// Frames between engine and encoder, as many as a worker has.
const FRAMES_BUFFERED: usize = 8;

/// Raw frames in a file: packed 8-bit RGB, frame after frame.
#[derive(Debug, Clone)]
pub(crate) struct Film {
    /// Where they are.
    pub(crate) path: PathBuf,
    /// Their size.
    pub(crate) size: Target,
    /// How many there are.
    pub(crate) frames: u32,
    /// How many are shown in a second.
    pub(crate) fps: u32,
}

impl Film {
    /// Draws a film into `folder`. What was just written is in memory, so that nobody who reads it waits for a disk.
    pub(crate) fn draw(folder: &Path, size: Target, seconds: u32, fps: u32) -> Result<Self> {
        let film = Self { path: folder.join("frames.rgb"), size, frames: seconds * fps, fps };
        let mut file = File::create(&film.path).map(BufWriter::new).context("cannot write raw frames")?;
        let mut left = film.frames;
        for (shots_left, (prompt, still)) in (1..=SHOTS.len()).rev().zip(SHOTS) {
            let frames = left / shots_left as u32;
            left -= frames;
            let first_frame = still.then(|| picture::decode(picture::COFFEE));
            PreviewEngine::new().render(
                &film.request(prompt, frames, first_frame),
                &Watch::default(),
                &mut Writer(&mut file),
            )?;
        }
        file.flush()?;
        Ok(film)
    }

    fn request(&self, prompt: &str, frames: u32, first_frame: Option<Frame>) -> Request {
        Request {
            prompt: prompt.to_owned(),
            negative_prompt: None,
            width: self.size.width,
            height: self.size.height,
            frames,
            fps: self.fps,
            seed: 7,
            first_frame,
            last_frame: None,
        }
    }

    /// The frames as an engine delivers them: from a thread of their own, through a channel of a worker's length.
    pub(crate) fn footage(&self) -> Footage {
        let (sender, stream) = mpsc::channel(FRAMES_BUFFERED);
        let film = self.clone();
        // Whoever does not want more has said why.
        std::thread::spawn(move || film.each(|frame| Ok(sender.blocking_send(Piece::Frame(frame))?)));
        Footage { fps: self.fps, frames: self.frames, engine: "film".to_owned(), stream }
    }

    fn each(&self, mut take: impl FnMut(Frame) -> Result<()>) -> Result<()> {
        let mut file = File::open(&self.path)?;
        for _ in 0..self.frames {
            let mut pixels = vec![0; (self.size.width * self.size.height * 3) as usize];
            file.read_exact(&mut pixels)?;
            take(Frame::from_raw(self.size.width, self.size.height, pixels).context("half a frame")?)?;
        }
        Ok(())
    }
}

struct Writer<'f>(&'f mut BufWriter<File>);

impl FrameSink for Writer<'_> {
    fn push(&mut self, frame: Frame) -> Result<(), EngineError> {
        self.0.write_all(&frame).map_err(|error| EngineError::Transient(error.to_string()))
    }
}

/// An engine that has drawn its film already, and hands it over as fast as it is taken.
pub(crate) struct Projector {
    film: Film,
    ended: Mutex<Option<Instant>>,
}

impl Projector {
    /// An engine with this film.
    pub(crate) fn new(film: &Film) -> Arc<Self> {
        Arc::new(Self { film: film.clone(), ended: Mutex::default() })
    }

    /// When it handed over the last frame of its latest video.
    pub(crate) fn ended(&self) -> Option<Instant> {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Projector {
    fn name(&self) -> &str {
        "film"
    }

    fn render(&self, _: &Request, _: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        self.film.each(|frame| Ok(out.push(frame)?)).map_err(|error| EngineError::Transient(format!("{error:#}")))?;
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }
}
