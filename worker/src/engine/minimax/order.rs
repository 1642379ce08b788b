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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::tiers::Resolution;

    fn config(model: &str) -> Minimax {
        let resolution = |name: &str, size: &str, seconds: &[u32]| Resolution {
            name: name.to_owned(),
            sizes: vec![size.parse().expect("a size")],
            seconds: seconds.to_vec(),
        };
        Minimax {
            model: model.to_owned(),
            api_key_file: PathBuf::new(),
            url: String::new(),
            resolutions: vec![resolution("768P", "1366x768", &[6, 10]), resolution("1080P", "1920x1080", &[6])],
            requests_per_minute: 5,
            fps: 24,
            turn_seconds: 0,
            request_seconds: 1,
            poll_seconds: 1.0,
            render_seconds: 1,
        }
    }

    fn request(size: (u32, u32), frames: u32, prompt: &str) -> Request {
        Request {
            prompt: prompt.to_owned(),
            negative_prompt: Some("rain".to_owned()),
            width: size.0,
            height: size.1,
            frames,
            fps: 24,
            seed: 7,
            first_frame: None,
            last_frame: None,
        }
    }

    #[test]
    fn a_size_becomes_a_resolution_and_frames_become_seconds() {
        let (config, model) = (config("MiniMax-Hailuo-2.3"), Model::named("MiniMax-Hailuo-2.3").expect("a model"));
        for (size, frames, made) in [
            ((1366, 768), 144, Some(("768P", 6))),
            ((1366, 768), 240, Some(("768P", 10))),
            ((1920, 1080), 144, Some(("1080P", 6))),
            ((1920, 1080), 240, None),
            ((1366, 768), 156, None),
            ((1280, 720), 144, None),
        ] {
            let request = request(size, frames, "a fox");
            let order = Order::new(&request, &config, model);
            assert_eq!(order.as_ref().ok().map(|order| (order.resolution, order.seconds)), made, "{size:?} {frames}");
            assert!(matches!(order, Ok(_) | Err(EngineError::Rejected(_))));
        }
    }

    #[test]
    fn a_prompt_that_is_too_long_is_refused_in_words_without_it() {
        for (name, max_chars) in [("MiniMax-Hailuo-2.3", 2000), ("MiniMax-H3", 7000)] {
            let (config, model) = (config(name), Model::named(name).expect("a model"));
            assert!(Order::new(&request((1366, 768), 144, &"ä".repeat(max_chars)), &config, model).is_ok());
            match Order::new(&request((1366, 768), 144, &"ä".repeat(max_chars + 1)), &config, model) {
                Err(EngineError::Rejected(words)) => {
                    assert!(words.contains(&max_chars.to_string()) && !words.contains('ä'), "{words}");
                }
                _ => panic!("{name} takes a prompt that is too long"),
            }
        }
    }

    #[test]
    fn a_picture_goes_out_as_a_jpeg_in_the_size_of_the_video() {
        for (width, height) in [(32, 18), (1366, 768), (4000, 2249)] {
            let size = Size { width: 1366, height: 768 };
            let url = data_url(&Frame::from_pixel(width, height, image::Rgb([200, 40, 40])), size).expect("a picture");
            let bytes = BASE64.decode(url.strip_prefix("data:image/jpeg;base64,").expect("a JPEG")).expect("base64");
            let sent = image::load_from_memory(&bytes).expect("an image");
            assert_eq!((sent.width(), sent.height()), (1366, 768));
        }
    }
}
