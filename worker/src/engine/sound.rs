//! Sound that an engine makes with its frames.

/// A stretch of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples per second of each channel, 8,000 to 192,000.
    pub rate: u32,
    /// 1 for mono, 2 for stereo.
    pub channels: u16,
    /// Samples from -1 to 1, at most [`Sound::SAMPLES_MAX`]. Those of one moment stand side by side: left, right, left, …
    pub samples: Vec<f32>,
}

impl Sound {
    /// The most samples of one stretch, all channels together: 4 MiB.
    pub const SAMPLES_MAX: usize = 1 << 20;

    /// No sound yet: says what is going to come.
    pub fn announce(rate: u32, channels: u16) -> Self {
        Self { rate, channels, samples: Vec::new() }
    }
}
