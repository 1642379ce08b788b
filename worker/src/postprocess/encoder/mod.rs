//! Video encoders: which of those that are known work on this machine, and opening one for a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use clipmill_shared::jobs::options::{Codec, Quality};
use ffmpeg_next::encoder::video::Encoder;
use tracing::{info, warn};

use super::Target;
use super::error::Cause;

mod candidate;
mod open;
#[cfg(test)]
mod tests;
mod trial;

use candidate::Candidate;
use trial::Trial;

/// Which video encoders a worker takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EncoderChoice {
    /// Those of an NVIDIA GPU where they work, and others where not.
    #[default]
    Auto,
    /// None that take a GPU.
    Software,
    /// Those of an NVIDIA GPU; without them a worker does not start.
    Nvenc,
}

/// Why a worker cannot encode as it is told to.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// It shall use the GPU, and that does not work.
    #[error("NVENC does not work here: {0}")]
    Nvenc(String),
    /// Nothing makes the codec that every video can ask for.
    #[error("no H.264 encoder works here: {0}")]
    NoH264(String),
}

/// The encoders that work on this machine.
#[derive(Debug)]
pub struct Encoders {
    /// Of those of one codec, the one that is preferred comes first.
    working: Vec<&'static Candidate>,
    codecs: Vec<Codec>,
}

impl Encoders {
    /// Those that `choice` allows and that were seen to work, each by encoding a few frames once a process.
    ///
    /// # Errors
    /// None of them makes H.264, or none does on the GPU that was asked for.
    pub fn probe(choice: EncoderChoice) -> Result<Arc<Self>, EncoderError> {
        let hardware = if choice == EncoderChoice::Software { &[] } else { trial::hardware() };
        if let Some(reason) = refusal(hardware) {
            if choice == EncoderChoice::Nvenc {
                return Err(EncoderError::Nvenc(reason.to_owned()));
            }
            info!(reason, "NVENC does not work here, videos are encoded by the processor");
        }
        let encoders = Self::of(hardware.iter().chain(trial::software()));
        if !encoders.codecs.contains(&Codec::H264) {
            return Err(EncoderError::NoH264(refusal(trial::software()).unwrap_or_default().to_owned()));
        }
        Ok(encoders.into())
    }

    /// Those that take no GPU, as far as they work.
    pub fn software() -> Arc<Self> {
        Self::of(trial::software().iter()).into()
    }

    fn of<'t>(trials: impl Iterator<Item = &'t Trial>) -> Self {
        Self::from(trials.filter(|trial| trial.outcome.is_ok()).map(|trial| trial.candidate).collect::<Vec<_>>())
    }

    /// The codecs that there is an encoder for.
    pub fn codecs(&self) -> &[Codec] {
        &self.codecs
    }

    /// The encoder that is taken for each codec.
    pub fn names(&self) -> BTreeMap<&'static str, &'static str> {
        let preferred = |codec| Some((Codec::as_str(codec), self.makers(codec).next()?.name));
        self.codecs.iter().copied().filter_map(preferred).collect()
    }

    /// Opens the preferred encoder for one whole file, or the next one if it refuses: a GPU may have as many at work as it can.
    pub(super) fn open(&self, codec: Codec, quality: Quality, size: Target, fps: u32) -> Result<Encoder, Cause> {
        let mut refused = None;
        for candidate in self.makers(codec) {
            match open::open(candidate, quality, size, fps) {
                Ok(encoder) => return Ok(encoder),
                Err(error) => {
                    warn!(encoder = candidate.name, %error, "An encoder that works did not open");
                    metrics::counter!("clipmill_encoder_refusals_total", "encoder" => candidate.name).increment(1);
                    refused.get_or_insert(error);
                }
            }
        }
        Err(refused.unwrap_or_else(|| format!("there is no encoder for {}", codec.as_str()).into()))
    }

    fn makers(&self, codec: Codec) -> impl Iterator<Item = &'static Candidate> {
        self.working.iter().copied().filter(move |candidate| candidate.codec == codec)
    }
}

impl From<Vec<&'static Candidate>> for Encoders {
    fn from(working: Vec<&'static Candidate>) -> Self {
        let made = |codec: &Codec| working.iter().any(|candidate| candidate.codec == *codec);
        let codecs = Codec::ALL.into_iter().filter(made).collect();
        Self { working, codecs }
    }
}

/// Why there is no H.264 of these, if there is none.
fn refusal(trials: &[Trial]) -> Option<&str> {
    let h264 = trials.iter().find(|trial| trial.candidate.codec == Codec::H264)?;
    h264.outcome.as_ref().err().map(String::as_str)
}
