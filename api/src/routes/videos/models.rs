//! `GET /v1/videos/models`: what each tier accepts.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use clipmill_shared::fleet::Fleet;
use clipmill_shared::jobs::Mode;
use clipmill_shared::jobs::options::{Codec, Container, Quality};
use clipmill_shared::jobs::spec::{METADATA_MAX_PAIRS, PROMPT_MAX_CHARS};
use clipmill_shared::offer::Offer;
use clipmill_shared::picture::PictureType;
use clipmill_shared::tier::{Band, DEFAULT_FPS, DEFAULT_SECONDS, MIN_SIDE_PX, Size, Tier};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::limit::{IMAGE_MAX_BYTES, IMAGE_SIDE_PX};
use crate::problem::Problem;
use crate::prompt::camera;
use crate::prompt::style::Style;

/// The models of this service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelsView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// One entry a name
    data: Vec<ModelView>,
    /// What a prompt may be put into
    styles: Vec<StyleView>,
    /// The camera moves that `camera` may name
    #[schema(example = json!(["pan_left", "push_in"]))]
    camera: Vec<&'static str>,
    /// Whether `prompt_optimizer` has an effect here
    prompt_optimizer: bool,
}

/// What a prompt may be put into.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StyleView {
    /// The name to send as `style`
    #[schema(example = "watercolour")]
    id: String,
    /// The name for people
    #[schema(example = "Watercolour")]
    name: String,
}

/// What a model name means and accepts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelView {
    /// The name to send as `model`
    #[schema(example = "fast")]
    id: String,
    /// Always `model`
    #[schema(example = "model")]
    object: &'static str,
    /// `fast` or `pro`
    #[schema(example = "fast")]
    tier: &'static str,
    /// What renders it, if the fleet names a model
    #[schema(example = "Wan2.2-TI2V-5B-Diffusers")]
    renders_with: Option<String>,
    /// `text_to_video` and `image_to_video`
    #[schema(value_type = Vec<String>)]
    modes: Vec<Mode>,
    /// Whether `last_frame` is accepted
    last_frame: bool,
    /// How long a video of at most so many pixels may be, from small to large
    bands: Vec<BandView>,
    /// The only lengths in seconds, as far as the bands allow them; null if every whole number is one
    seconds: Option<Vec<u32>>,
    /// Sizes worth offering, the one that is used if none is asked for first if `any_size` is false
    #[schema(value_type = Vec<String>)]
    sizes: Vec<Size>,
    /// Those of them that a video of text alone may have; null if it may have all
    #[schema(value_type = Option<Vec<String>>)]
    text_sizes: Option<Vec<Size>>,
    /// Whether any even size within the bands and 1:2.5 to 2.5:1 is accepted beside `sizes`
    any_size: bool,
    /// Shortest side in pixels
    min_side_px: u32,
    /// Length if none is asked for
    default_seconds: u32,
    /// Frames per second: least, most, and if none is asked for
    fps: RangeView,
    /// What `output` may say of the finished file
    output: OutputLimitsView,
    /// How long the files are kept: least, most, and if nothing is asked for
    retention_seconds: RangeView,
    /// Longest prompt in characters
    prompt_max_chars: usize,
    /// Most pairs of metadata
    metadata_max_pairs: usize,
    /// What source images may be
    image: ImageLimitsView,
}

/// How long a video of at most so many pixels may be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BandView {
    /// Width times height
    max_area_px: u32,
    /// Seconds
    max_seconds: u32,
}

/// What the finished file may be beyond what is drawn for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutputLimitsView {
    /// What some worker has an encoder for, the default first
    #[schema(value_type = Vec<String>, example = json!(["h264", "hevc"]))]
    codecs: BTreeSet<Codec>,
    /// How much of the picture compression may cost, from the smallest file to the best picture
    #[schema(value_type = Vec<String>)]
    qualities: [Quality; 3],
    /// How the file may be laid out
    #[schema(value_type = Vec<String>)]
    containers: [Container; 2],
    /// Largest width times height
    max_area_px: u32,
    /// Most frames per second
    max_fps: u32,
    /// Most pixels along a side, and most frames, for each one that is drawn
    max_factor: u32,
    /// The longest video that can loop, in seconds; null if every length can
    loop_max_seconds: Option<u32>,
}

/// Bounds and default of a number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RangeView {
    /// Least
    min: u32,
    /// Most
    max: u32,
    /// If left out
    default: u32,
}

/// What source images may be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImageLimitsView {
    /// Media types, found out by content
    content_types: [&'static str; 3],
    /// Bytes
    max_bytes: usize,
    /// Shortest side in pixels
    min_side_px: u32,
    /// Longest side in pixels
    max_side_px: u32,
}

/// Lists what each model name means and accepts: what its tier allows, as far as the workers that are there can render it.
#[utoipa::path(
    get, path = "/v1/videos/models", tag = "videos",
    responses((status = 200, body = ModelsView))
)]
pub(crate) async fn models(State(app): State<App>, _: Caller) -> Result<Json<ModelsView>, Problem> {
    let fleet = app.outlook.fleet().await?;
    let data = app.models().iter().map(|(name, tier)| view(name, *tier, &fleet)).collect();
    let style = |style: &Style| StyleView { id: style.id.clone(), name: style.name.clone() };
    Ok(Json(ModelsView {
        object: "list",
        data,
        styles: app.studio.styles().iter().map(style).collect(),
        camera: camera::MOVES.iter().map(|(name, _)| *name).collect(),
        prompt_optimizer: app.studio.optimizes(),
    }))
}

fn view(name: &str, tier: Tier, fleet: &Fleet) -> ModelView {
    let (limits, offer) = (tier.limits(), fleet.offers.get(&tier));
    let longest = offer.map_or(u32::MAX, Offer::max_seconds);
    let band = |band: &Band| BandView { max_area_px: band.max_area_px, max_seconds: band.max_seconds.min(longest) };
    let sizes = || limits.sizes.iter().filter_map(|size| size.parse().ok()).collect();
    let fps = offer.map_or(limits.fps, |offer| (offer.fps, offer.fps));
    let kept = limits.retention;
    ModelView {
        id: name.to_owned(),
        object: "model",
        tier: tier.as_str(),
        renders_with: offer.map(|offer| offer.model.clone()),
        modes: offer.map_or(vec![Mode::TextToVideo, Mode::ImageToVideo], |offer| offer.modes.clone()),
        last_frame: offer.is_none_or(|offer| offer.last_frame),
        bands: limits.bands.iter().map(band).collect(),
        seconds: offer.and_then(|offer| offer.seconds.clone()),
        sizes: offer.map_or_else(sizes, |offer| offer.sizes.clone()),
        text_sizes: offer.and_then(|offer| offer.text_sizes.clone()),
        any_size: offer.is_none(),
        min_side_px: MIN_SIDE_PX,
        default_seconds: offer.map_or(DEFAULT_SECONDS, |offer| offer.default_seconds(u32::MAX)),
        fps: RangeView { min: fps.0, max: fps.1, default: DEFAULT_FPS.clamp(fps.0, fps.1) },
        output: OutputLimitsView {
            codecs: fleet.encodes(tier),
            qualities: Quality::ALL,
            containers: Container::ALL,
            max_area_px: limits.output.max_area_px,
            max_fps: limits.output.max_fps,
            max_factor: limits.output.max_factor,
            loop_max_seconds: offer.map(Offer::max_looped_seconds),
        },
        retention_seconds: RangeView { min: kept.min_seconds, max: kept.max_seconds, default: kept.default_seconds },
        prompt_max_chars: PROMPT_MAX_CHARS,
        metadata_max_pairs: METADATA_MAX_PAIRS,
        image: ImageLimitsView {
            content_types: PictureType::ALL.map(PictureType::content_type),
            max_bytes: IMAGE_MAX_BYTES,
            min_side_px: *IMAGE_SIDE_PX.start(),
            max_side_px: *IMAGE_SIDE_PX.end(),
        },
    }
}
