//! Parity with diffusers: runs a model folder on the inputs that a reference recorded and compares all that comes out.
//!
//! A reference is a pair of files beside the model, `reference.json` (what was asked) and `reference.safetensors` (what went
//! in and what came out, in f32); `reference_NAME.*` holds another run of the same model. See `tests/golden/wan/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use image::RgbImage;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::picture::{self, Filter};
use crate::pipeline::{Fit, Model, Options, Probe, Request, Settings};
use crate::text::Embeddings;
use crate::vae::Tiling;

/// Groups of tensors and the largest absolute difference in each.
pub type Differences = BTreeMap<&'static str, f64>;

#[derive(Deserialize)]
struct Recorded {
    args: Arguments,
}

/// What diffusers was called with.
#[derive(Deserialize)]
struct Arguments {
    h: u32,
    w: u32,
    frames: u32,
    steps: usize,
    gs: f64,
    gs2: Option<f64>,
    seq: usize,
    prompt: String,
    negative: String,
}

/// Runs the model in `folder` on each reference beside it, in f32 on `device`.
///
/// # Errors
/// A folder or reference that cannot be read, a render that fails, or a tensor of another shape.
pub fn run(folder: &Path, device: &Device) -> Result<Differences> {
    let options = Options { dtype: DType::F32, ..Options::on(device.clone()) };
    let model = Model::open(Folder::open(folder)?, options)?;
    let names = references(folder)?;
    let mut differences = Differences::new();
    for name in names {
        Reference::read(folder, &name)?.compare(&model, &mut differences)?;
    }
    Ok(differences)
}

/// `reference`, and `reference_NAME` for each further run.
fn references(folder: &Path) -> Result<Vec<String>> {
    let refuse = |reason: String| Error::Folder { file: folder.into(), reason };
    let entries = std::fs::read_dir(folder).map_err(|error| refuse(error.to_string()))?;
    let named = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let stem = name.strip_suffix(".safetensors")?;
        stem.starts_with("reference").then(|| stem.to_owned())
    };
    let mut names: Vec<String> = entries.filter_map(named).collect();
    names.sort();
    if names.is_empty() { Err(refuse("there is no reference.safetensors".into())) } else { Ok(names) }
}

struct Reference {
    file: PathBuf,
    args: Arguments,
    tensors: std::collections::HashMap<String, Tensor>,
}

impl Reference {
    fn read(folder: &Path, name: &str) -> Result<Self> {
        let file = folder.join(format!("{name}.json"));
        let refuse = |reason: String| Error::Folder { file: file.clone(), reason };
        let text = std::fs::read_to_string(&file).map_err(|error| refuse(error.to_string()))?;
        let recorded: Recorded = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        let file = folder.join(format!("{name}.safetensors"));
        let tensors = candle_core::safetensors::load(&file, &Device::Cpu)?;
        Ok(Self { file, args: recorded.args, tensors })
    }

    fn compare(&self, model: &Model, differences: &mut Differences) -> Result<()> {
        self.texts(model, differences)?;
        self.pictures(model, differences)?;
        let seen = self.denoise(model, differences)?;
        self.decode(model, &seen, differences)?;
        self.encode(model, differences)
    }

    fn get(&self, name: &str) -> Result<&Tensor> {
        self.find(name).ok_or_else(|| Error::Folder { file: self.file.clone(), reason: format!("`{name}` is missing") })
    }

    fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    fn texts(&self, model: &Model, differences: &mut Differences) -> Result<()> {
        let text = model.text(&())?;
        for (which, prompt) in [("prompt", &self.args.prompt), ("negative", &self.args.negative)] {
            let ids: Vec<f64> = text.ids(prompt, self.args.seq)?.into_iter().map(f64::from).collect();
            let ids = Tensor::new(ids, &Device::Cpu)?;
            note(differences, "ids", difference(&ids, self.get(&format!("{which}_ids"))?)?);
            let expected = self.get(&format!("{which}_embeds"))?;
            let padding = self.args.seq - expected.dim(1)?;
            let embedded = text.embed(prompt, self.args.seq, &Embeddings::default(), &())?;
            note(differences, "embeds", difference(&embedded, &expected.pad_with_zeros(1, 0, padding)?)?);
        }
        Ok(())
    }

    /// The source images, as they were given.
    fn image(&self, name: &str) -> Result<Option<RgbImage>> {
        let Some(bytes) = self.find(name) else { return Ok(None) };
        let (height, width, _) = bytes.dims3()?;
        let packed = bytes.to_dtype(DType::U8)?.flatten_all()?.to_vec1()?;
        Ok(RgbImage::from_raw(width as u32, height as u32, packed))
    }

    fn pictures(&self, model: &Model, differences: &mut Differences) -> Result<()> {
        let mut prepared = Vec::new();
        for (image, expected) in [("image_rgb", "image_pre"), ("last_rgb", "last_pre")] {
            let Some(image) = self.image(image)? else { continue };
            let fitted = picture::resize(&image, self.args.w, self.args.h, Filter::Lanczos3);
            let fitted = picture::to_tensor(&fitted, &Device::Cpu)?;
            note(differences, "image_pre", difference(&fitted, self.get(expected)?)?);
            if let Some((_, processor)) = &model.folder().vision {
                prepared.push(processor.prepare(&image, &Device::Cpu)?);
            }
        }
        if let Some(expected) = self.find("clip_pre").filter(|_| !prepared.is_empty()) {
            note(differences, "clip_pre", difference(&Tensor::cat(&prepared, 0)?, expected)?);
        }
        Ok(())
    }

    /// Walks the recorded noise down and gives the latents.
    fn denoise(&self, model: &Model, differences: &mut Differences) -> Result<Tensor> {
        let (args, first, last) = (&self.args, self.image("image_rgb")?, self.image("last_rgb")?);
        let request = Request {
            prompt: &args.prompt,
            negative_prompt: &args.negative,
            width: args.w,
            height: args.h,
            frames: args.frames,
            seed: 0,
            first_frame: first.as_ref(),
            last_frame: last.as_ref(),
        };
        let settings = Settings {
            guidance_low: args.gs2,
            fit: Fit::Stretch,
            text_length: args.seq,
            ..Settings::steps(args.steps, args.gs)
        };
        let mut comparison = Comparison { reference: self, differences, failed: None };
        let latents = model.denoise(&request, &settings, &(), &mut comparison)?;
        if let Some(error) = comparison.failed {
            return Err(error);
        }
        note(differences, "latents", difference(&latents, self.get("latents_out")?)?);
        Ok(latents)
    }

    fn encode(&self, model: &Model, differences: &mut Differences) -> Result<()> {
        let video = self.get("enc_in")?.to_device(model.device())?;
        let mut frame = |number| Ok(video.narrow(2, number, 1)?.squeeze(2)?);
        let mean = model.vae(&())?.encode_mean(video.dim(2)?, &mut frame, &())?;
        note(differences, "enc_mean", difference(&mean, self.get("enc_mean")?)?);
        Ok(())
    }

    fn decode(&self, model: &Model, latents: &Tensor, differences: &mut Differences) -> Result<()> {
        let tiles = Tiling { tile: 32, stride: 16 };
        for (group, name, tiling) in [("frames", "frames", None), ("frames_tiled", "frames_tiled_32_16", Some(tiles))] {
            let Some(expected) = self.find(name) else { continue };
            let mut chunks = Vec::new();
            model.vae(&())?.decode(latents, tiling, &(), &mut |chunk| {
                chunks.push(chunk);
                Ok(())
            })?;
            // Ours come as pictures, the reference's by channel.
            let frames = Tensor::cat(&chunks, 0)?.transpose(0, 1)?.unsqueeze(0)?;
            note(differences, group, difference(&frames, expected)?);
        }
        Ok(())
    }
}

/// Compares what happens in a render with what was recorded.
struct Comparison<'a> {
    reference: &'a Reference,
    differences: &'a mut Differences,
    failed: Option<Error>,
}

impl Comparison<'_> {
    /// What was not recorded is not compared.
    fn see(&mut self, group: &'static str, name: &str, ours: &Tensor) {
        let Some(theirs) = self.reference.find(name) else { return };
        match difference(ours, theirs) {
            Ok(found) => note(self.differences, group, found),
            Err(error) => self.failed = Some(error),
        }
    }
}

impl Probe for Comparison<'_> {
    fn noise(&mut self) -> Option<Tensor> {
        self.reference.find("latents_in").cloned()
    }

    fn input(&mut self, call: usize, latents: &Tensor) {
        self.see("hidden_in", &format!("call_{call}.hidden_in"), latents);
    }

    fn block(&mut self, call: usize, block: usize, rows: &Tensor) {
        self.see("block", &format!("call_{call}.block_{block}"), rows);
    }

    fn output(&mut self, call: usize, velocity: &Tensor) {
        self.see("noise_pred", &format!("call_{call}.noise_pred"), velocity);
    }

    fn step(&mut self, step: usize, latents: &Tensor) {
        self.see("latents", &format!("step_{step}.latents"), latents);
    }

    fn view(&mut self, rows: &Tensor) {
        self.see("image_embeds", "image_embeds", rows);
    }
}

fn note(differences: &mut Differences, group: &'static str, found: f64) {
    let largest = differences.entry(group).or_insert(0.0);
    *largest = largest.max(found);
}

/// The largest absolute difference; the shapes may differ by dimensions of one.
fn difference(ours: &Tensor, theirs: &Tensor) -> Result<f64> {
    if ours.elem_count() != theirs.elem_count() {
        let text = format!("a tensor has shape {:?}, the reference's has {:?}", ours.dims(), theirs.dims());
        return Err(Error::Rejected(text));
    }
    let flat = |tensor: &Tensor| tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let pairs = flat(ours)?.into_iter().zip(flat(theirs)?);
    // What is not a number is as far off as can be.
    let apart =
        |(ours, theirs): (f64, f64)| if ours.is_nan() || theirs.is_nan() { f64::MAX } else { (ours - theirs).abs() };
    Ok(pairs.map(apart).fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(variant: &str) -> PathBuf {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/wan")).join(variant)
    }

    fn bound(group: &str) -> f64 {
        match group {
            "ids" | "image_pre" | "clip_pre" => 0.0,
            "frames" | "frames_tiled" => 2e-4,
            _ => 1e-4,
        }
    }

    fn assert_parity(variant: &str, groups: &[&str]) {
        let differences = run(&golden(variant), &Device::Cpu).unwrap();
        assert_eq!(differences.keys().copied().collect::<Vec<_>>(), groups);
        for (group, difference) in differences {
            assert!(difference <= bound(group), "{variant}: {group} differs by {difference:e}");
        }
    }

    const ALWAYS: [&str; 9] =
        ["block", "embeds", "enc_mean", "frames", "frames_tiled", "hidden_in", "ids", "latents", "noise_pred"];

    #[test]
    fn first_and_last_frame_to_video_gives_the_numbers_of_diffusers() {
        let mut groups = [ALWAYS.as_slice(), &["clip_pre", "image_embeds", "image_pre"]].concat();
        groups.sort_unstable();
        assert_parity("flf21", &groups);
    }

    #[test]
    fn two_experts_give_the_numbers_of_diffusers() {
        assert_parity("t2v22", &ALWAYS);
    }

    #[test]
    fn text_and_image_to_video_with_one_model_give_the_numbers_of_diffusers() {
        let mut groups = [ALWAYS.as_slice(), &["image_pre"]].concat();
        groups.sort_unstable();
        assert_parity("ti2v5b", &groups);
    }

    #[test]
    fn a_difference_is_found_and_one_in_shape_is_refused() {
        let tensor = |numbers: &[f32]| Tensor::new(numbers, &Device::Cpu).unwrap();
        assert_eq!(difference(&tensor(&[1.0, 2.0]), &tensor(&[1.0, 2.5])).unwrap(), 0.5);
        assert_eq!(difference(&tensor(&[f32::NAN]), &tensor(&[0.0])).unwrap(), f64::MAX);
        assert!(difference(&tensor(&[1.0]), &tensor(&[1.0, 2.0])).is_err());
    }
}
