//! All that goes out of a request: what the API has a field for, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clipmill_shared::tier::Size;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};

use super::Model;
use crate::engine::{EngineError, Frame, Request};
use crate::tiers::Minimax;

/// What the images are compressed with: nothing is seen of it.
const JPEG_QUALITY: u8 = 95;

/// What MiniMax is asked for.
pub(super) struct Order<'a> {
    pub(super) model: &'static str,
    pub(super) prompt: &'a str,
    /// As a data URL.
    pub(super) first_frame: Option<String>,
    /// As a data URL.
    pub(super) last_frame: Option<String>,
    /// As MiniMax calls it.
    pub(super) resolution: &'a str,
    pub(super) seconds: u32,
    /// The shape, if videos of text have it.
    pub(super) ratio: Option<(u32, u32)>,
}

impl<'a> Order<'a> {
    /// The request in MiniMax's terms.
    ///
    /// # Errors
    /// [`EngineError::Rejected`] for what the model does not make. Most of that is refused at the door already; the fleet may have had
    /// another model then.
    pub(super) fn new(request: &'a Request, config: &'a Minimax, model: &Model) -> Result<Self, EngineError> {
        let size = Size { width: request.width, height: request.height };
        let seconds = request.frames.div_ceil(request.fps.max(1));
        let resolution = config.resolution(size).filter(|resolution| resolution.seconds.contains(&seconds));
        let resolution = resolution.ok_or_else(|| {
            EngineError::Rejected(format!("The model makes no videos of {size} and {seconds} seconds."))
        })?;
        let max_chars = model.generation.prompt_max_chars;
        if request.prompt.chars().count() > max_chars {
            let words = "The prompt is too long for the model: with its style and camera moves it must have at most";
            return Err(EngineError::Rejected(format!("{words} {max_chars} characters.")));
        }
        let image = |frame: &Option<Frame>| frame.as_ref().map(|frame| data_url(frame, size)).transpose();
        Ok(Self {
            model: model.name,
            prompt: &request.prompt,
            first_frame: image(&request.first_frame)?,
            last_frame: image(&request.last_frame)?,
            resolution: &resolution.name,
            seconds,
            ratio: model.generation.ratio(size),
        })
    }
}

/// The picture in the size of the video, whose shape it has already: large enough for MiniMax, and no larger than it is seen.
fn data_url(frame: &Frame, size: Size) -> Result<String, EngineError> {
    let fitted = match frame.dimensions() == (size.width, size.height) {
        true => None,
        false => Some(resize(frame, size.width, size.height, FilterType::Lanczos3)),
    };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode_image(fitted.as_ref().unwrap_or(frame))
        .map_err(|error| EngineError::Transient(format!("a source image cannot be encoded: {error}")))?;
    Ok(format!("data:image/jpeg;base64,{}", BASE64.encode(bytes)))
}
