//! `vae/config.json`: the sizes of the autoencoder, and what follows from them.

use serde::Deserialize;

use crate::error::Unsupported;

/// The class that a folder's autoencoder has to be of.
const CLASS: &str = "AutoencoderKLWan";
/// No published model has a number above this, and no product of three of them overflows.
const LARGEST: usize = 1 << 17;
/// Pixels have red, green and blue.
const COLOURS: usize = 3;

/// Mean of each latent channel of Wan 2.1, for folders that do not give them.
const LATENTS_MEAN: [f64; 16] = [
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922,
    -0.9497, 0.2503, -0.2921,
];
/// Standard deviation of each latent channel of Wan 2.1, for folders that do not give them.
const LATENTS_STD: [f64; 16] = [
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253,
    2.8251, 1.9160,
];

/// The configuration of an autoencoder; keys that a file lacks have the values of Wan 2.1.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The class that diffusers would make.
    #[serde(rename = "_class_name")]
    pub class_name: String,
    /// Channels of the encoder at full resolution.
    pub base_dim: usize,
    /// Channels of the decoder at full resolution, where they are not the encoder's.
    pub decoder_base_dim: Option<usize>,
    /// Channels of the latents.
    pub z_dim: usize,
    /// Multiple of the base channels at each level, from full resolution down.
    pub dim_mult: Vec<usize>,
    /// Residual blocks of each level of the encoder; the decoder has one more.
    pub num_res_blocks: usize,
    /// Scales at which the levels have attention; no published model has any.
    pub attn_scales: Vec<f64>,
    /// Whether each step down halves the frames as well. (The key is spelled so.)
    #[serde(rename = "temperal_downsample")]
    pub temporal_downsample: Vec<bool>,
    /// Mean of each latent channel.
    pub latents_mean: Option<Vec<f64>>,
    /// Standard deviation of each latent channel.
    pub latents_std: Option<Vec<f64>>,
    /// Whether each level has a shortcut around it: the architecture of Wan 2.2.
    pub is_residual: bool,
    /// Channels that enter the first convolution: three for each pixel of a patch.
    pub in_channels: usize,
    /// Channels that leave the last convolution: three for each pixel of a patch.
    pub out_channels: usize,
    /// Rows and columns of pixels that are folded into channels.
    pub patch_size: Option<usize>,
    /// Frames of pixels to one latent frame.
    pub scale_factor_temporal: usize,
    /// Rows of pixels to one latent row.
    pub scale_factor_spatial: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            class_name: CLASS.into(),
            base_dim: 96,
            decoder_base_dim: None,
            z_dim: 16,
            dim_mult: vec![1, 2, 4, 4],
            num_res_blocks: 2,
            attn_scales: Vec::new(),
            temporal_downsample: vec![false, true, true],
            latents_mean: None,
            latents_std: None,
            is_residual: false,
            in_channels: 3,
            out_channels: 3,
            patch_size: None,
            scale_factor_temporal: 4,
            scale_factor_spatial: 8,
        }
    }
}

/// A stack of residual blocks at one resolution, and the change of resolution after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Channels that come in.
    pub(super) input: usize,
    /// Channels of the residual blocks.
    pub(super) output: usize,
    /// Residual blocks.
    pub(super) blocks: usize,
    /// What follows; the last level has nothing.
    pub(super) resample: Option<Resample>,
}

/// A doubling or halving of the rows and columns, and perhaps of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resample {
    /// Channels that leave it.
    pub(super) output: usize,
    /// Whether the frames are doubled or halved, too.
    pub(super) temporal: bool,
}

impl Config {
    /// Whether this implementation can run it.
    ///
    /// # Errors
    /// The first key with a value that is not supported, and what is.
    pub fn check(&self) -> Result<(), Unsupported> {
        self.check_class()?;
        self.check_sizes()?;
        self.check_scales()?;
        self.check_statistics()
    }

    fn check_class(&self) -> Result<(), Unsupported> {
        if self.class_name != CLASS {
            return Err(Unsupported::new("_class_name", format!("is {:?}; {CLASS:?} is supported", self.class_name)));
        }
        if !self.attn_scales.is_empty() {
            return Err(Unsupported::new(
                "attn_scales",
                "asks for attention outside of the middle block; [] is supported",
            ));
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), Unsupported> {
        let within = |key, value: usize, most: usize| match value {
            1.. if value <= most => Ok(()),
            _ => Err(Unsupported::new(key, format!("is {value}; 1 to {most} are supported"))),
        };
        within("base_dim", self.base_dim, LARGEST)?;
        within("decoder_base_dim", self.decoder_base(), LARGEST)?;
        within("z_dim", self.z_dim, LARGEST)?;
        within("num_res_blocks", self.num_res_blocks, 16)?;
        within("patch_size", self.patch(), 16)?;
        if !(2..=8).contains(&self.dim_mult.len()) {
            return Err(Unsupported::new(
                "dim_mult",
                format!("has {} levels; 2 to 8 are supported", self.dim_mult.len()),
            ));
        }
        for &multiple in &self.dim_mult {
            within("dim_mult", multiple, LARGEST)?;
            within("dim_mult", multiple.saturating_mul(self.base_dim.max(self.decoder_base())), LARGEST)?;
        }
        let odd = |level: &Level| level.resample.is_some() && level.output % 2 == 1;
        if !self.is_residual && self.decoder_levels().iter().any(odd) {
            return Err(Unsupported::new("dim_mult", "gives a level that is doubled an odd number of channels"));
        }
        Ok(())
    }

    fn check_scales(&self) -> Result<(), Unsupported> {
        let steps = self.dim_mult.len() - 1;
        if self.temporal_downsample.len() != steps {
            let given = self.temporal_downsample.len();
            let reason = format!(
                "has {given} values; one for each step between the levels of `dim_mult`, {steps}, is supported"
            );
            return Err(Unsupported::new("temperal_downsample", reason));
        }
        let exactly = |key, value: usize, right: usize| match value == right {
            true => Ok(()),
            false => Err(Unsupported::new(key, format!("is {value}; the other keys make it {right}"))),
        };
        let colours = COLOURS * self.patch() * self.patch();
        exactly("in_channels", self.in_channels, colours)?;
        exactly("out_channels", self.out_channels, colours)?;
        exactly("scale_factor_spatial", self.scale_factor_spatial, self.patch() << steps)?;
        let halvings = self.temporal_downsample.iter().filter(|&&temporal| temporal).count();
        exactly("scale_factor_temporal", self.scale_factor_temporal, 1 << halvings)?;
        if self.is_residual { self.check_shortcuts() } else { Ok(()) }
    }

    /// A shortcut repeats or averages whole channels, so its numbers of channels have to divide each other.
    fn check_shortcuts(&self) -> Result<(), Unsupported> {
        let fits = |level: &Level, into: usize, from: usize| level.resample.is_none() || into.is_multiple_of(from);
        let factor = |level: &Level| level.resample.map_or(1, |resample| if resample.temporal { 8 } else { 4 });
        let up = self.decoder_levels().iter().all(|level| fits(level, level.output * factor(level), level.input));
        let down = self.encoder_levels().iter().all(|level| (level.input * factor(level)).is_multiple_of(level.output));
        if up && down {
            return Ok(());
        }
        Err(Unsupported::new("dim_mult", "gives neighbouring levels numbers of channels that no shortcut can join"))
    }

    fn check_statistics(&self) -> Result<(), Unsupported> {
        let wan21 = !self.is_residual && self.z_dim == LATENTS_MEAN.len();
        let usable = |key, values: &Option<Vec<f64>>| match values {
            None if wan21 => Ok(()),
            None => Err(Unsupported::new(key, "is missing; only the values of Wan 2.1 are known")),
            Some(values) if values.len() != self.z_dim => Err(Unsupported::new(
                key,
                format!("has {} values; `z_dim`, {}, are supported", values.len(), self.z_dim),
            )),
            Some(values) if !values.iter().all(|value| value.is_finite()) => {
                Err(Unsupported::new(key, "has a value that is not finite"))
            }
            Some(_) => Ok(()),
        };
        usable("latents_mean", &self.latents_mean)?;
        usable("latents_std", &self.latents_std)?;
        match self.latents_std().iter().all(|&deviation| deviation > 0.0) {
            true => Ok(()),
            false => Err(Unsupported::new("latents_std", "has a value that is not positive")),
        }
    }

    /// Mean of each latent channel.
    pub fn latents_mean(&self) -> &[f64] {
        self.latents_mean.as_deref().unwrap_or(&LATENTS_MEAN)
    }

    /// Standard deviation of each latent channel.
    pub fn latents_std(&self) -> &[f64] {
        self.latents_std.as_deref().unwrap_or(&LATENTS_STD)
    }

    /// Frames of pixels that `latent` frames of latents stand for.
    pub fn pixel_frames(&self, latent: usize) -> usize {
        latent.saturating_sub(1) * self.scale_factor_temporal + latent.min(1)
    }

    /// Rows and columns of pixels that are folded into channels; 1 where none are.
    pub fn patch(&self) -> usize {
        self.patch_size.unwrap_or(1)
    }

    /// Channels of the decoder at full resolution.
    fn decoder_base(&self) -> usize {
        self.decoder_base_dim.unwrap_or(self.base_dim)
    }

    /// Channels of the encoder's first convolution.
    pub(super) fn encoder_first(&self) -> usize {
        self.base_dim
    }

    /// Channels of the decoder's first convolution.
    pub(super) fn decoder_first(&self) -> usize {
        self.decoder_base() * self.dim_mult.last().copied().unwrap_or(1)
    }

    /// The encoder from full resolution down.
    pub(super) fn encoder_levels(&self) -> Vec<Level> {
        let mut input = self.encoder_first();
        let level = |(index, multiple): (usize, &usize)| {
            let output = self.base_dim * multiple;
            let resample = self.temporal_downsample.get(index).map(|&temporal| Resample { output, temporal });
            let level = Level { input, output, blocks: self.num_res_blocks, resample };
            input = output;
            level
        };
        self.dim_mult.iter().enumerate().map(level).collect()
    }

    /// The decoder up to full resolution. The doubling of Wan 2.1 halves the channels as well.
    pub(super) fn decoder_levels(&self) -> Vec<Level> {
        let mut input = self.decoder_first();
        let mut temporal = self.temporal_downsample.iter().rev();
        let level = |multiple: &usize| {
            let output = self.decoder_base() * multiple;
            let doubled = if self.is_residual { output } else { output / 2 };
            let resample = temporal.next().map(|&temporal| Resample { output: doubled, temporal });
            let level = Level { input, output, blocks: self.num_res_blocks + 1, resample };
            input = doubled;
            level
        };
        self.dim_mult.iter().rev().map(level).collect()
    }
}
