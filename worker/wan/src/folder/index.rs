//! `model_index.json`: the pipeline's settings, and the class of each component.

use serde::Deserialize;

use crate::error::Unsupported;

/// What a component is: a library and one of its classes; both null where there is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Class(Option<String>, Option<String>);

impl Class {
    /// Whether there is such a component.
    pub(super) fn exists(&self) -> bool {
        self.1.is_some()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Index {
    #[serde(rename = "_class_name")]
    pub(super) pipeline: String,
    pub(super) boundary_ratio: Option<f64>,
    pub(super) expand_timesteps: Option<bool>,
    #[serde(default)]
    scheduler: Class,
    #[serde(default)]
    tokenizer: Class,
    #[serde(default)]
    text_encoder: Class,
    #[serde(default)]
    transformer: Class,
    #[serde(default)]
    pub(super) transformer_2: Class,
    #[serde(default)]
    vae: Class,
    #[serde(default)]
    pub(super) image_encoder: Class,
    #[serde(default)]
    pub(super) image_processor: Class,
}

/// Pipelines from text; the last one is how FastVideo calls the same pipeline with distilled weights.
const FROM_TEXT: [&str; 2] = ["WanPipeline", "WanDMDPipeline"];
const FROM_IMAGE: [&str; 1] = ["WanImageToVideoPipeline"];

impl Index {
    /// Whether the pipeline is one of Wan's and is made of the components that this implementation has.
    pub(super) fn check(&self) -> Result<(), Unsupported> {
        if !FROM_TEXT.contains(&self.pipeline.as_str()) && !self.is_from_image() {
            let known = [FROM_TEXT.as_slice(), &FROM_IMAGE].concat().join(", ");
            return Err(Unsupported::new(
                "_class_name",
                format!("is {:?}, and only {known} is supported", self.pipeline),
            ));
        }
        // The scheduler's own file says which it is.
        demand("scheduler", &self.scheduler, "diffusers", &[])?;
        demand("tokenizer", &self.tokenizer, "transformers", &[])?;
        demand("text_encoder", &self.text_encoder, "transformers", &["UMT5EncoderModel"])?;
        demand("transformer", &self.transformer, "diffusers", &["WanTransformer3DModel"])?;
        demand("vae", &self.vae, "diffusers", &["AutoencoderKLWan"])?;
        if self.transformer_2.exists() {
            demand("transformer_2", &self.transformer_2, "diffusers", &["WanTransformer3DModel"])?;
        }
        let refuse = |reason: String| Err(Unsupported::new("boundary_ratio", reason));
        match (self.boundary_ratio, self.transformer_2.exists()) {
            (None, false) => Ok(()),
            (Some(ratio), true) if ratio > 0.0 && ratio < 1.0 => Ok(()),
            (Some(ratio), true) => refuse(format!("is {ratio}, and a number between 0 and 1 is supported")),
            (Some(ratio), false) => refuse(format!("is {ratio}, and there is no `transformer_2` to take over")),
            (None, true) => refuse("is null, and `transformer_2` has to take over somewhere".into()),
        }
    }

    /// Whether the components that see the source image are those that this implementation has.
    pub(super) fn check_image(&self) -> Result<(), Unsupported> {
        let encoders = ["CLIPVisionModel", "CLIPVisionModelWithProjection"];
        let processors = ["CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil"];
        demand("image_encoder", &self.image_encoder, "transformers", &encoders)?;
        demand("image_processor", &self.image_processor, "transformers", &processors)
    }

    /// Whether the pipeline starts from an image.
    pub(super) fn is_from_image(&self) -> bool {
        FROM_IMAGE.contains(&self.pipeline.as_str())
    }
}

/// Refuses a component that is of another library, or of none of `classes` if any are named.
fn demand(key: &'static str, class: &Class, library: &str, classes: &[&str]) -> Result<(), Unsupported> {
    match (&class.0, &class.1) {
        (Some(own), Some(name)) if own == library && (classes.is_empty() || classes.contains(&name.as_str())) => Ok(()),
        (Some(own), Some(name)) => {
            let supported = if classes.is_empty() { "one".into() } else { classes.join(" or ") };
            Err(Unsupported::new(key, format!("is {name} of {own}, and only {supported} of {library} is supported")))
        }
        _ => Err(Unsupported::new(key, "is missing")),
    }
}
