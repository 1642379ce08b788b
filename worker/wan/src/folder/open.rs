//! Reading a folder's configurations, and whether the folder is whole.

use std::path::{Path, PathBuf};

use safetensors::Dtype;
use serde::de::DeserializeOwned;

use super::agree::{self, Traits};
use super::index::Index;
use super::kind::Kind;
use super::part::Part;
use crate::error::{Error, Result, Unsupported};
use crate::text::Tokenizer;
use crate::weights::Weights;
use crate::{clip, dit, schedule, text, vae};

/// Tensors are stored in these; `I64` only for numbered places, which are not read.
const STORED: [Dtype; 5] = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::I64];

/// A model folder that has been found whole and supported.
pub struct Folder {
    /// Where it lies.
    pub root: PathBuf,
    /// Which model it is.
    pub kind: Kind,
    /// Share of the schedule below which the expert for low noise takes over, where there are two.
    pub boundary_ratio: Option<f64>,
    /// The scheduler's settings.
    pub schedule: schedule::Config,
    /// The text encoder's shape.
    pub text: text::Config,
    /// The transformer's shape; of two experts, of the one for high noise.
    pub transformer: dit::Config,
    /// The shape of the expert for low noise.
    pub transformer_2: Option<dit::Config>,
    /// The autoencoder's shape, and the scale of its latents.
    pub vae: vae::Config,
    /// The image encoder's shape, and how it wants pictures, where the transformer asks for its view.
    pub vision: Option<(clip::Config, clip::Processor)>,
}

impl Folder {
    /// Reads all configurations, and the headers of all weight files, of the folder at `root`.
    ///
    /// # Errors
    /// [`Error::Folder`] naming the file, and in it the key, that is missing, damaged or not supported.
    pub fn open(root: &Path) -> Result<Self> {
        let file = root.join("model_index.json");
        let index: Index = read(&file, Index::check)?;
        Tokenizer::locate(&root.join("tokenizer"))?;
        let transformer = read(&Part::Transformer.config(root), dit::Config::check)?;
        let vae = read(&Part::Vae.config(root), vae::Config::check)?;
        let traits = Traits {
            from_image: index.is_from_image(),
            expand_timesteps: index.expand_timesteps.unwrap_or(false),
            experts: index.transformer_2.exists(),
        };
        let kind = agree::kind(&traits, &transformer, &vae);
        let folder = Self {
            root: root.into(),
            kind: kind.map_err(|error| error.within(Part::Transformer.config(root)))?,
            boundary_ratio: index.boundary_ratio,
            schedule: read(&root.join("scheduler/scheduler_config.json"), schedule::Config::check)?,
            text: read(&Part::TextEncoder.config(root), text::Config::check)?,
            transformer_2: traits
                .experts
                .then(|| read(&Part::Transformer2.config(root), dit::Config::check))
                .transpose()?,
            vision: transformer.image_dim.map(|_| sight(root, &index)).transpose()?,
            transformer,
            vae,
        };
        folder.check(&traits)?;
        Ok(folder)
    }

    /// The components that have weights.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part::TextEncoder, Part::Transformer, Part::Vae];
        parts.extend(self.transformer_2.as_ref().map(|_| Part::Transformer2));
        parts.extend(self.vision.as_ref().map(|_| Part::ImageEncoder));
        parts
    }

    /// Maps the weights of a component.
    ///
    /// # Errors
    /// [`Error::Folder`] for a file that is missing or damaged.
    pub fn weights(&self, part: Part) -> Result<Weights> {
        Weights::open(&self.root.join(part.name()), part.stem())
    }

    /// Whether the components fit each other, and all their files are there.
    fn check(&self, traits: &Traits) -> Result<()> {
        let transformers =
            [(Part::Transformer, Some(&self.transformer)), (Part::Transformer2, self.transformer_2.as_ref())];
        for (part, config) in transformers.into_iter().filter_map(|(part, config)| Some((part, config?))) {
            let refuse = |error: Unsupported| error.within(part.config(&self.root));
            agree::kind(traits, config, &self.vae).map_err(refuse)?;
            agree::text(config, &self.text).map_err(refuse)?;
            if let Some((vision, _)) = &self.vision {
                agree::image(config, vision).map_err(refuse)?;
            }
        }
        self.parts().into_iter().try_for_each(|part| refuse_stored(&self.weights(part)?))
    }
}

/// Refuses weights that would be read as other numbers than they mean.
fn refuse_stored(weights: &Weights) -> Result<()> {
    let refuse = |reason| Err(Error::Folder { file: weights.folder().into(), reason });
    for (name, view) in weights.views() {
        if !STORED.contains(&view.dtype()) {
            return refuse(format!("`{name}` is stored as {}, and F32, F16 and BF16 are supported", view.dtype()));
        }
        if name.contains("to_gate_compress") {
            return refuse(format!("`{name}` belongs to sparse attention, which is not supported"));
        }
    }
    Ok(())
}

/// The image encoder's two configurations.
fn sight(root: &Path, index: &Index) -> Result<(clip::Config, clip::Processor)> {
    index.check_image().map_err(|error| error.within(root.join("model_index.json")))?;
    let vision: clip::Config = read(&Part::ImageEncoder.config(root), clip::Config::check)?;
    let file = root.join("image_processor/preprocessor_config.json");
    let processor: clip::Processor = read(&file, clip::Processor::check)?;
    if processor.edge() as usize != vision.image_size {
        let reason = format!("is {}, and `image_size` of the image encoder is {}", processor.edge(), vision.image_size);
        return Err(Unsupported::new("crop_size", reason).within(file));
    }
    Ok((vision, processor))
}

/// Reads a configuration.
fn read<T: DeserializeOwned>(file: &Path, check: impl Fn(&T) -> Result<(), Unsupported>) -> Result<T> {
    let refuse = |reason: String| Error::Folder { file: file.into(), reason };
    if !file.is_file() {
        return Err(refuse("the file is missing".into()));
    }
    let text = std::fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
    let config: T = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    check(&config).map_err(|error| error.within(file))?;
    Ok(config)
}
