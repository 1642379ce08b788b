//! What encoding and decoding take, before they are begun.

use candle_core::DType;

use super::config::{Config, Level};
use super::shape::{Sampling, Shape};
use super::tiling::Tiling;

/// The largest activation times this is about what a chunk takes on its way: a block's input, its residual and what goes
/// into and comes out of a convolution, with the frames before it and the three frames under each output side by side.
const COPIES: u64 = 8;
/// The same in f32 on the CPU, where no input is unfolded and the residual is added in place: four by count, and seven as
/// `clipmill-wan bench` measured it, since the allocator keeps what was given back.
const COPIES_ON_CPU: u64 = 7;

/// A convolution of the decoder at its place.
#[derive(Debug, Clone, Copy)]
struct Layer {
    shape: Shape,
    /// How many rows its input has for each row of latents.
    scale: usize,
    /// Frames that it gives for each latent frame but the first.
    frames: usize,
    /// Whether the first latent frame goes through it.
    first: bool,
}

impl Config {
    /// Floating-point operations of decoding `frames` frames of `height` x `width` pixels: those of the convolutions and of
    /// the attention.
    pub fn decode_flops(&self, frames: usize, height: usize, width: usize) -> f64 {
        let later = frames.saturating_sub(1).div_ceil(self.scale_factor_temporal.max(1)) as f64;
        let pixels = self.latents_of(height, width) as f64;
        let one = |layer: &Layer| {
            let doubled = if layer.shape.sampling == Sampling::Doubled { 4.0 } else { 1.0 };
            let each = 2.0 * layer.shape.weights() as f64 * pixels * doubled * (layer.scale * layer.scale) as f64;
            each * (later * layer.frames as f64 + f64::from(u8::from(layer.first)))
        };
        let attention = 4.0 * pixels * pixels * self.decoder_first() as f64 * (later + 1.0);
        self.decoder_layers().iter().map(one).sum::<f64>() + attention
    }

    /// Bytes that decoding frames of `height` x `width` pixels takes at its peak, besides the weights: what the layers keep
    /// of earlier frames, for all tiles, and the activations of a chunk of one tile. An estimate, rather above than below.
    pub fn decode_peak_bytes(
        &self,
        height: usize,
        width: usize,
        dtype: DType,
        tiling: Option<Tiling>,
        on_cpu: bool,
    ) -> u64 {
        let along = |size: usize| match tiling {
            // Pixels of all tiles along one axis, and of the largest.
            Some(Tiling { tile, stride }) if size > tile && stride > 0 => {
                let starts = (0..size).step_by(stride);
                (starts.map(|start| tile.min(size - start)).sum(), tile)
            }
            _ => (size, size),
        };
        let ((high, tile_high), (wide, tile_wide)) = (along(height), along(width));
        let bytes = dtype.size_in_bytes() as u64;
        let layers = self.decoder_layers();
        let numbers = |channels: usize, scale: usize, pixels: usize| (channels * scale * scale * pixels) as u64;
        let kept = |layer: &Layer| match layer.shape.taps {
            1 => 0,
            taps => (taps as u64 - 1) * numbers(layer.shape.inputs, layer.scale, self.latents_of(high, wide)),
        };
        let passing = |layer: &Layer| {
            let pixels = self.latents_of(tile_high, tile_wide);
            let scale = if layer.shape.sampling == Sampling::Doubled { 2 * layer.scale } else { layer.scale };
            let channels = if on_cpu { layer.shape.outputs } else { layer.shape.inputs.max(layer.shape.outputs) };
            layer.frames as u64 * numbers(channels, scale, pixels)
        };
        let kept: u64 = layers.iter().map(kept).sum();
        let passing = layers.iter().map(passing).max().unwrap_or(0);
        let copies = if on_cpu && dtype == DType::F32 { COPIES_ON_CPU } else { COPIES };
        let frames = self.scale_factor_temporal as u64 * 3 * (height * width) as u64 * (bytes + 4);
        (kept + copies * passing) * bytes + frames
    }

    /// Bytes that encoding `frames` frames of `height` x `width` pixels takes at its peak, besides the weights. An estimate,
    /// rather above than below.
    pub fn encode_peak_bytes(&self, frames: usize, height: usize, width: usize, dtype: DType, on_cpu: bool) -> u64 {
        let chunk = frames.min(self.scale_factor_temporal) as u64;
        let pixels = |halvings: usize| {
            (height.div_ceil(self.patch() << halvings) * width.div_ceil(self.patch() << halvings)) as u64
        };
        let levels = self.encoder_levels();
        let numbers = |(halvings, level): (usize, &Level)| level.input.max(level.output) as u64 * pixels(halvings);
        let kept: u64 = levels.iter().enumerate().map(|at| 4 * at.1.blocks as u64 * numbers(at)).sum();
        let passing = levels.iter().enumerate().map(numbers).max().unwrap_or(0) * chunk;
        let copies = if on_cpu && dtype == DType::F32 { COPIES_ON_CPU } else { COPIES };
        let given = chunk * 3 * (height * width) as u64 * 2;
        (kept + copies * passing + given) * dtype.size_in_bytes() as u64
    }

    /// Latents of a frame.
    fn latents_of(&self, height: usize, width: usize) -> usize {
        let scale = self.scale_factor_spatial.max(1);
        height.div_ceil(scale) * width.div_ceil(scale)
    }

    /// The convolutions of the decoder in their order.
    fn decoder_layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        let (mut scale, mut frames) = (1, 1);
        let mut add = |shape: Shape, scale, frames, first| layers.push(Layer { shape, scale, frames, first });
        let top = self.decoder_first();
        add(Shape::pointwise(self.z_dim, self.z_dim), scale, frames, true);
        add(Shape::causal(self.z_dim, top), scale, frames, true);
        (0..4).for_each(|_| add(Shape::causal(top, top), scale, frames, true));
        add(Shape::pointwise(top, 4 * top), scale, frames, true);
        let mut last = top;
        for level in self.decoder_levels() {
            add(Shape::causal(level.input, level.output), scale, frames, true);
            if level.input != level.output {
                add(Shape::pointwise(level.input, level.output), scale, frames, true);
            }
            (1..2 * level.blocks).for_each(|_| add(Shape::causal(level.output, level.output), scale, frames, true));
            last = level.output;
            let Some(resample) = level.resample else { continue };
            if resample.temporal {
                add(Shape::temporal(level.output, 2 * level.output), scale, frames, false);
                frames *= 2;
            }
            add(Shape::spatial(level.output, resample.output, Sampling::Doubled), scale, frames, true);
            scale *= 2;
        }
        add(Shape::causal(last, self.out_channels), scale, frames, true);
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wan22() -> Config {
        Config {
            base_dim: 160,
            decoder_base_dim: Some(256),
            z_dim: 48,
            is_residual: true,
            in_channels: 12,
            out_channels: 12,
            patch_size: Some(2),
            scale_factor_spatial: 16,
            ..Config::default()
        }
    }

    #[test]
    fn the_work_of_the_published_sizes_is_known() {
        let cases = [(Config::default(), 81, 480, 832, 274.0), (Config::default(), 81, 720, 1280, 633.0)];
        for (config, frames, height, width, tera) in cases.into_iter().chain([(wan22(), 121, 704, 1280, 2010.0)]) {
            let found = config.decode_flops(frames, height, width) / 1e12;
            // The figures to compare with count the convolutions alone.
            assert!((found / tera - 1.0).abs() < 0.01, "{width}x{height}: {found} in place of {tera}");
        }
    }

    #[test]
    fn a_single_frame_is_encoded_in_less_memory_than_a_chunk() {
        let of = |frames| Config::default().encode_peak_bytes(frames, 720, 1280, DType::F32, false);
        assert!(of(1) < of(4) && of(4) == of(81), "{} {} {}", of(1), of(4), of(81));
    }

    #[test]
    fn tiles_need_less_memory_than_the_whole() {
        let config = Config::default();
        let whole = config.decode_peak_bytes(720, 1280, DType::F32, None, false);
        let tiled = config.decode_peak_bytes(720, 1280, DType::F32, Some(Tiling::default()), false);
        assert!(tiled < whole, "{tiled} of {whole} bytes");
        assert_eq!(
            config.decode_peak_bytes(256, 256, DType::F32, Some(Tiling::default()), false),
            config.decode_peak_bytes(256, 256, DType::F32, None, false)
        );
    }
}
