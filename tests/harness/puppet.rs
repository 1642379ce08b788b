//! An engine that does what the prompt says, to strike exactly at a place of a render.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clipmill_shared::tier::Tier;
use clipmill_worker::engine::{Engine, EngineError, Frame, FrameSink, Request, Watch};
use clipmill_worker::env::Engines;

/// What a prompt can ask for. A prompt without any of these words gets a plain video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Fails half-way, as an engine does that may work another time.
    Fail,
    /// Panics half-way.
    Panic,
    /// Ends the process half-way, without a word.
    Abort,
    /// Ends the process after the last frame, while they are encoded.
    AbortLate,
    /// Stays half-way until it is stopped or there is a line on standard input; says so on standard output.
    Hold,
    /// Stays after the last frame, likewise.
    HoldLate,
    /// Draws what cannot be compressed, and stays before the last frame, likewise.
    HoldNoisy,
    /// Delivers a frame that cannot be encoded.
    Odd,
}

impl Act {
    const ALL: [Act; 8] =
        [Self::Fail, Self::Panic, Self::Abort, Self::AbortLate, Self::Hold, Self::HoldLate, Self::HoldNoisy, Self::Odd];

    /// A prompt that asks for it.
    pub fn prompt(self) -> String {
        format!("puppet {self:?} now")
    }

    fn of(prompt: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.prompt() == prompt)
    }

    /// How many of the frames come first.
    fn after(self, frames: u32) -> u32 {
        match self {
            Self::AbortLate | Self::HoldLate => frames,
            Self::HoldNoisy => frames - 1,
            _ => frames / 2,
        }
    }

    fn perform(self, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        match self {
            Self::Fail => Err(EngineError::Transient("as the prompt wants it".to_owned())),
            Self::Panic => panic!("as the prompt wants it"),
            Self::Abort | Self::AbortLate => std::process::abort(),
            Self::Hold | Self::HoldLate | Self::HoldNoisy => {
                hold(watch);
                Ok(())
            }
            Self::Odd => out.push(Frame::new(0, 0)),
        }
    }
}

/// How often a puppet that holds looks whether it shall go on.
const STEP: Duration = Duration::from_millis(5);

/// What a puppet prints when it holds.
pub const HELD: &str = "the puppet holds";

fn hold(watch: &Watch) {
    let go_on = Arc::new(AtomicBool::new(false));
    let heard = go_on.clone();
    std::thread::spawn(move || {
        // An end of the input is no line: whoever held the puppet may be gone, but not its job.
        if std::io::stdin().read_line(&mut String::new()).is_ok_and(|length| length > 0) {
            heard.store(true, Ordering::SeqCst);
        }
    });
    println!("{HELD}");
    while !watch.stopped() && !go_on.load(Ordering::SeqCst) {
        std::thread::sleep(STEP);
    }
}

/// Engines for every tier that do what prompts say.
pub fn engines() -> Engines {
    let engine: Arc<dyn Engine> = Arc::new(Puppet);
    Tier::ALL.into_iter().map(|tier| (tier, engine.clone())).collect()
}

struct Puppet;

impl Engine for Puppet {
    fn name(&self) -> &str {
        "puppet"
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let act = Act::of(&request.prompt);
        let due = |number| act.filter(|act| number == act.after(request.frames));
        for number in 0..=request.frames {
            if let Some(act) = due(number) {
                act.perform(watch, out)?;
            }
            if watch.stopped() {
                return Err(EngineError::Stopped);
            }
            if number < request.frames {
                out.push(draw(act, request, number))?;
            }
        }
        Ok(())
    }
}

fn draw(act: Option<Act>, Request { width, height, .. }: &Request, number: u32) -> Frame {
    match act {
        Some(Act::HoldNoisy) => noise(*width, *height, number),
        _ => Frame::from_pixel(*width, *height, image::Rgb([90, number as u8, 160])),
    }
}

/// Other pixels with each number, by Marsaglia's xorshift.
fn noise(width: u32, height: u32, number: u32) -> Frame {
    let (mut frame, mut state) = (Frame::new(width, height), u64::from(number) + 1);
    for bytes in frame.chunks_mut(size_of::<u64>()) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.copy_from_slice(&state.to_le_bytes()[..bytes.len()]);
    }
    frame
}
