//! Whether the components of a folder fit each other, and which model they make.

use super::kind::Kind;
use crate::error::Unsupported;
use crate::{clip, dit, text, vae};

/// Channels that an image-to-video transformer sees beside the noise: the image's latents and a mask of 4.
const MASK: usize = 4;

/// What decides which model it is.
pub(super) struct Traits {
    pub(super) from_image: bool,
    pub(super) expand_timesteps: bool,
    pub(super) experts: bool,
}

/// The model that these components make, if their latents fit.
///
/// Keys are those of the transformer's configuration.
pub(super) fn kind(traits: &Traits, transformer: &dit::Config, vae: &vae::Config) -> Result<Kind, Unsupported> {
    let (noise, conditioned) = (vae.z_dim, 2 * vae.z_dim + MASK);
    if transformer.out_channels != noise {
        let reason = format!("is {}, and `z_dim` of the vae is {noise}", transformer.out_channels);
        return Err(Unsupported::new("out_channels", reason));
    }
    // One folder serves both pipelines of this model; neither adds channels.
    let expected = if traits.from_image && !traits.expand_timesteps { conditioned } else { noise };
    if transformer.in_channels != expected {
        let reason = format!(
            "is {}, and with this `_class_name` and `z_dim` of the vae {noise}, {expected} is supported",
            transformer.in_channels
        );
        return Err(Unsupported::new("in_channels", reason));
    }
    match (traits.expand_timesteps, traits.experts, traits.from_image, transformer.image_dim) {
        (true, false, _, None) => Ok(Kind::TextImageToVideo),
        (false, true, false, None) => Ok(Kind::TextToVideoExperts),
        (false, true, true, None) => Ok(Kind::ImageToVideoExperts),
        (false, false, false, None) => Ok(Kind::TextToVideo),
        (false, false, true, Some(_)) if transformer.pos_embed_seq_len.is_some() => Ok(Kind::FirstLastFrame),
        (false, false, true, Some(_)) => Ok(Kind::ImageToVideo),
        (true, true, _, None) => Err(Unsupported::new("expand_timesteps", "is true, and there is a `transformer_2`")),
        (.., Some(_)) => Err(Unsupported::new("image_dim", "is a number, and only Wan 2.1's image to video has one")),
        (.., None) => Err(Unsupported::new("image_dim", "is null, and Wan 2.1's image to video needs a number")),
    }
}

/// Whether the transformer takes the text encoder's rows.
pub(super) fn text(transformer: &dit::Config, text: &text::Config) -> Result<(), Unsupported> {
    if transformer.text_dim == text.d_model {
        return Ok(());
    }
    let reason = format!("is {}, and `d_model` of the text encoder is {}", transformer.text_dim, text.d_model);
    Err(Unsupported::new("text_dim", reason))
}

/// Whether the transformer takes the image encoder's rows, of two images if it knows their places.
pub(super) fn image(transformer: &dit::Config, vision: &clip::Config) -> Result<(), Unsupported> {
    if let Some(width) = transformer.image_dim.filter(|width| *width != vision.hidden_size) {
        let reason = format!("is {width}, and `hidden_size` of the image encoder is {}", vision.hidden_size);
        return Err(Unsupported::new("image_dim", reason));
    }
    match transformer.pos_embed_seq_len.filter(|length| *length != 2 * vision.rows()) {
        None => Ok(()),
        Some(length) => {
            let reason = format!("is {length}, and two images make {} rows", 2 * vision.rows());
            Err(Unsupported::new("pos_embed_seq_len", reason))
        }
    }
}
