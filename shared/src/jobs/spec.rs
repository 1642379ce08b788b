//! A validated wish. Whatever is in a [`Spec`] can be rendered, stored and shown; whatever cannot never becomes one.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::watermark::Mark;
use super::{Fit, Mode, OutputOptions, delivery};
use crate::fleet::Fleet;
use crate::id::JobId;
use crate::offer::Offer;
use crate::outbound;
use crate::picture::SourceImage;
use crate::tier::{DEFAULT_FPS, DEFAULT_SECONDS, DEFAULT_SIZE, Size, Tier};

mod output;
mod words;

use output::Ground;
pub use output::OutputWish;
use words::{negative_prompt, prompt, revised_prompt, storable};

/// Longest prompt and longest negative prompt, in characters.
pub const PROMPT_MAX_CHARS: usize = 5000;
/// Most pairs of metadata, and how long keys and values may be, in characters.
pub const METADATA_MAX_PAIRS: usize = 16;
const METADATA_KEY_MAX_CHARS: usize = 64;
const METADATA_VALUE_MAX_CHARS: usize = 512;
const URL_MAX_CHARS: usize = 2048;
/// The largest seed: what a JSON number holds exactly everywhere.
pub const SEED_MAX: i64 = (1 << 53) - 1;
/// The lowest and the highest priority.
pub const PRIORITIES: std::ops::RangeInclusive<i16> = -10..=10;
/// The longest time that a job may ask for, to wait and to run.
pub const TIMEOUT_MAX_SECONDS: u32 = 7 * 24 * 3600;

/// The last second of the year 9999.
const RUN_AFTER_LAST: i64 = 253_402_300_799;

/// What a client asked for, read but not yet judged. `None` is what it left out.
#[derive(Debug, Default)]
pub struct Wish {
    /// What the video shall show.
    pub prompt: Option<String>,
    /// What it shall not show.
    pub negative_prompt: Option<String>,
    /// The model as the client named it.
    pub model: String,
    /// The tier that this model means.
    pub tier: Option<Tier>,
    /// Length in seconds.
    pub seconds: Option<i64>,
    /// `WIDTHxHEIGHT`.
    pub size: Option<String>,
    /// Frames per second.
    pub fps: Option<i64>,
    /// Makes the result repeatable.
    pub seed: Option<i64>,
    /// The picture to start from.
    pub first_frame: Option<SourceImage>,
    /// The picture to end on.
    pub last_frame: Option<SourceImage>,
    /// What is done with pictures of another shape.
    pub fit: Option<String>,
    /// The customer's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Whom to tell when the job ends.
    pub webhook_url: Option<String>,
    /// How long to keep the finished media.
    pub retention_seconds: Option<i64>,
    /// Which of the account's jobs of the tier goes first: the higher.
    pub priority: Option<i64>,
    /// How long the job may wait and run.
    pub timeout_seconds: Option<i64>,
    /// Not before this moment, in Unix seconds.
    pub run_after: Option<i64>,
    /// The preset that the prompt was put into.
    pub style: Option<String>,
    /// The camera moves that were added to the prompt, in brackets.
    pub camera: Option<String>,
    /// What is to be drawn, when that is not the prompt.
    pub revised_prompt: Option<String>,
    /// The video whose seed and inputs it takes over.
    pub remixed_from: Option<JobId>,
    /// What the finished file shall be like.
    pub output: OutputWish,
    /// The visible mark that the video shall carry, once it is settled.
    pub mark: Option<Mark>,
    /// Where the finished files go besides our own store, or in its place.
    pub delivery: Option<delivery::Order>,
}

/// A validated wish.
#[derive(Debug)]
pub struct Spec {
    pub(crate) prompt: String,
    pub(crate) negative_prompt: Option<String>,
    pub(crate) model: String,
    pub(crate) tier: Tier,
    pub(crate) seconds: i32,
    pub(crate) size: Size,
    pub(crate) fps: i32,
    pub(crate) seed: Option<i64>,
    pub(crate) first_frame: Option<SourceImage>,
    pub(crate) last_frame: Option<SourceImage>,
    pub(crate) fit: Fit,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) retention_seconds: i32,
    /// The account's own default may take its place, up to what the tier allows.
    pub(crate) retention_is_default: bool,
    pub(crate) priority: i16,
    pub(crate) timeout_seconds: Option<i32>,
    pub(crate) run_after: Option<DateTime<Utc>>,
    pub(crate) style: Option<String>,
    pub(crate) camera: Option<String>,
    pub(crate) revised_prompt: Option<String>,
    pub(crate) remixed_from: Option<JobId>,
    pub(crate) output: OutputOptions,
    pub(crate) mark: Option<Mark>,
    pub(crate) delivery: Option<delivery::Order>,
}

/// A field that cannot be accepted, and what could be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {allowed}")]
pub struct Invalid {
    /// The field, as the client named it.
    pub field: &'static str,
    /// What is allowed there, as a sentence without a subject.
    pub allowed: String,
}

impl Invalid {
    /// Says what is allowed in a field.
    pub fn new(field: &'static str, allowed: impl Into<String>) -> Self {
        Self { field, allowed: allowed.into() }
    }

    /// A file that the account does not have, or not any more.
    pub fn no_file(field: &'static str) -> Self {
        Self::new(field, "must name a file of the account that has neither expired nor been deleted")
    }

    /// A start that is no moment, or one too far ahead.
    pub(crate) fn run_after() -> Self {
        Self::new("run_after", "must be a moment in Unix seconds, at most 30 days ahead")
    }
}

impl Spec {
    /// Judges a wish by what its tier accepts and by what the fleet offers there, field by field; the first that cannot
    /// be accepted is named.
    pub fn new(wish: Wish, fleet: &Fleet) -> Result<Self, Invalid> {
        let tier = wish.tier.ok_or_else(|| Invalid::new("model", "must name a model that this service offers"))?;
        let offer = fleet.offers.get(&tier);
        let size = size(tier, offer, wish.size.as_deref(), wish.first_frame.as_ref().or(wish.last_frame.as_ref()))?;
        images(offer, &wish)?;
        let fit = Fit::asked(wish.fit.as_deref())?;
        fit.judge(size, "input_reference", wish.first_frame.as_ref())?;
        fit.judge(size, "last_frame", wish.last_frame.as_ref())?;
        let retention = tier.limits().retention;
        let (seconds, fps) = (seconds(tier, offer, size, wish.seconds)?, fps(tier, offer, wish.fps)?);
        let ground = Ground { tier, size, seconds, fps, offer, codecs: fleet.encodes(tier) };
        Ok(Self {
            prompt: prompt(wish.prompt)?,
            negative_prompt: wish.negative_prompt.map(negative_prompt).transpose()?,
            model: wish.model,
            tier,
            seconds,
            size,
            fps,
            seed: wish.seed.map(seed).transpose()?,
            first_frame: wish.first_frame,
            last_frame: wish.last_frame,
            fit,
            metadata: metadata(wish.metadata)?,
            webhook_url: wish.webhook_url.map(webhook_url).transpose()?,
            retention_is_default: wish.retention_seconds.is_none(),
            retention_seconds: within(
                "retention_seconds",
                wish.retention_seconds.unwrap_or(retention.default_seconds.into()),
                retention.min_seconds,
                retention.max_seconds,
            )?,
            priority: priority(wish.priority.unwrap_or(0))?,
            timeout_seconds: wish
                .timeout_seconds
                .map(|seconds| within("timeout_seconds", seconds, 1, TIMEOUT_MAX_SECONDS))
                .transpose()?,
            run_after: wish.run_after.map(run_after).transpose()?,
            style: wish.style,
            camera: wish.camera,
            revised_prompt: wish.revised_prompt.map(revised_prompt).transpose()?,
            remixed_from: wish.remixed_from,
            output: wish.output.judge(&ground)?,
            mark: wish.mark,
            delivery: wish.delivery,
        })
    }

    /// The prompt as it was sent.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Whom to tell, if anybody.
    pub fn webhook_url(&self) -> Option<&str> {
        self.webhook_url.as_deref()
    }

    /// The images that come with it.
    pub fn images(&self) -> impl Iterator<Item = &SourceImage> {
        self.first_frame.iter().chain(&self.last_frame)
    }

    /// The same wish, whose prompt is drawn in these words, without what `negative` says too.
    pub fn drawn_as(self, prompt: String, negative: Option<&str>) -> Result<Self, Invalid> {
        let revised = (prompt != self.prompt).then_some(prompt);
        let negative_prompt = match (self.negative_prompt, negative) {
            // A remix brings the style's part along.
            (Some(own), Some(more)) if own.ends_with(more) => Some(own),
            (Some(own), Some(more)) if !own.trim().is_empty() => Some(format!("{own}, {more}")),
            (_, Some(more)) => Some(more.to_owned()),
            (own, None) => own,
        };
        Ok(Self { revised_prompt: revised.map(revised_prompt).transpose()?, negative_prompt, ..self })
    }

    /// The PNG of its mark, if that has one.
    pub(crate) fn mark_image(&self) -> Option<&Bytes> {
        self.mark.as_ref()?.image.as_ref()
    }

    /// What it starts from.
    pub fn mode(&self) -> Mode {
        match self.first_frame.is_some() || self.last_frame.is_some() {
            true => Mode::ImageToVideo,
            false => Mode::TextToVideo,
        }
    }

    /// What the job costs in fair queuing.
    pub fn cost(&self) -> f64 {
        super::cost(self.size, self.seconds)
    }
}

/// What a job may start from is the model's matter alone.
fn images(offer: Option<&Offer>, wish: &Wish) -> Result<(), Invalid> {
    let Some(offer) = offer else { return Ok(()) };
    let has_image = wish.first_frame.is_some() || wish.last_frame.is_some();
    let offers = |mode| offer.modes.contains(&mode);
    if has_image && !offers(Mode::ImageToVideo) {
        return Err(Invalid::new("input_reference", "must be left out: this model makes videos of text alone"));
    }
    if !has_image && !offers(Mode::TextToVideo) {
        return Err(Invalid::new("input_reference", "must be given: this model makes videos of images"));
    }
    if wish.last_frame.is_some() && !offer.last_frame {
        return Err(Invalid::new("last_frame", "must be left out: this model takes no last frame"));
    }
    if wish.last_frame.is_none() && offer.needs_last_frame {
        return Err(Invalid::new("last_frame", "must be given: this model makes the way between two images"));
    }
    if wish.last_frame.is_some() && wish.first_frame.is_none() {
        return Err(Invalid::new("input_reference", "must be given together with last_frame: this model needs both"));
    }
    Ok(())
}

fn size(tier: Tier, offer: Option<&Offer>, text: Option<&str>, image: Option<&SourceImage>) -> Result<Size, Invalid> {
    let size = match (text, image) {
        (Some(text), _) => {
            text.parse().map_err(|()| Invalid::new("size", "must be WIDTHxHEIGHT in pixels, as in 1280x720"))?
        }
        (None, Some(image)) => {
            offer.and_then(|offer| offer.following(image.size)).unwrap_or_else(|| Size::following(image.size))
        }
        (None, None) => offer.and_then(|offer| offer.sizes(false).first().copied()).unwrap_or(DEFAULT_SIZE),
    };
    if let Some(offer) = offer.filter(|offer| !offer.sizes(image.is_some()).contains(&size)) {
        let sizes = offer.sizes(image.is_some());
        let of_text = if sizes.len() < offer.sizes.len() { " for a video of text alone" } else { "" };
        let sizes: Vec<String> = sizes.iter().map(Size::to_string).collect();
        return Err(Invalid::new("size", format!("must be one of {} in the {tier} tier{of_text}", sizes.join(", "))));
    }
    if !size.is_well_formed() {
        return Err(Invalid::new(
            "size",
            "must have even sides of at least 64 pixels and a proportion between 1:2.5 and 2.5:1",
        ));
    }
    let limits = tier.limits();
    if limits.max_seconds(size).is_none() {
        let allowed = format!(
            "must have at most {} pixels in the {tier} tier, for example {}",
            limits.max_area_px(),
            limits.sizes[0]
        );
        return Err(Invalid::new("size", allowed));
    }
    Ok(size)
}

fn seconds(tier: Tier, offer: Option<&Offer>, size: Size, seconds: Option<i64>) -> Result<i32, Invalid> {
    let max = tier.limits().max_seconds(size).unwrap_or(0).min(offer.map_or(u32::MAX, Offer::max_seconds));
    let default = offer.map_or(DEFAULT_SECONDS.min(max), |offer| offer.default_seconds(max));
    let asked = seconds.unwrap_or(default.into());
    let Some(lengths) = offer.and_then(|offer| offer.seconds.as_ref()) else {
        let allowed = || format!("must be a whole number from 1 to {max} for {size} in the {tier} tier");
        return within("seconds", asked, 1, max).map_err(|_| Invalid::new("seconds", allowed()));
    };
    let mut lengths = lengths.iter().filter(|length| **length <= max);
    let found = lengths.clone().find(|length| i64::from(**length) == asked);
    found.and_then(|length| i32::try_from(*length).ok()).ok_or_else(|| {
        let first = lengths.next().map(u32::to_string).unwrap_or_default();
        let list = lengths.fold(first, |list, length| format!("{list} or {length}"));
        Invalid::new("seconds", format!("must be {list} for {size} in the {tier} tier"))
    })
}

fn fps(tier: Tier, offer: Option<&Offer>, fps: Option<i64>) -> Result<i32, Invalid> {
    let (min, max) = offer.map_or(tier.limits().fps, |offer| (offer.fps, offer.fps));
    within("fps", fps.unwrap_or(DEFAULT_FPS.clamp(min, max).into()), min, max)
}

pub(super) fn within(field: &'static str, value: i64, min: u32, max: u32) -> Result<i32, Invalid> {
    let value =
        i32::try_from(value).ok().filter(|value| (i64::from(min)..=i64::from(max)).contains(&i64::from(*value)));
    value.ok_or_else(|| Invalid::new(field, format!("must be a whole number from {min} to {max}")))
}

fn seed(seed: i64) -> Result<i64, Invalid> {
    let allowed = || Invalid::new("seed", format!("must be a whole number from 0 to {SEED_MAX}"));
    (0..=SEED_MAX).contains(&seed).then_some(seed).ok_or_else(allowed)
}

fn priority(priority: i64) -> Result<i16, Invalid> {
    let priority = i16::try_from(priority).ok().filter(|priority| PRIORITIES.contains(priority));
    let allowed = || format!("must be a whole number from {} to {}", PRIORITIES.start(), PRIORITIES.end());
    priority.ok_or_else(|| Invalid::new("priority", allowed()))
}

/// How far ahead it may be depends on the time, which is the database's: see the table's constraint.
fn run_after(seconds: i64) -> Result<DateTime<Utc>, Invalid> {
    let moment = DateTime::from_timestamp(seconds, 0).filter(|_| (0..=RUN_AFTER_LAST).contains(&seconds));
    moment.ok_or_else(Invalid::run_after)
}

fn metadata(pairs: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Invalid> {
    let acceptable = pairs.len() <= METADATA_MAX_PAIRS
        && pairs.iter().all(|(key, value)| {
            (1..=METADATA_KEY_MAX_CHARS).contains(&key.chars().count())
                && value.chars().count() <= METADATA_VALUE_MAX_CHARS
                && !key.contains('\0')
                && !value.contains('\0')
        });
    acceptable.then_some(pairs).ok_or_else(|| {
        let allowed = format!(
            "must be at most {METADATA_MAX_PAIRS} pairs of texts, keys of 1 to {METADATA_KEY_MAX_CHARS} characters, \
             values of at most {METADATA_VALUE_MAX_CHARS}, without the character U+0000"
        );
        Invalid::new("metadata", allowed)
    })
}

fn webhook_url(url: String) -> Result<String, Invalid> {
    if url.chars().count() > URL_MAX_CHARS {
        return Err(Invalid::new("webhook_url", format!("must have at most {URL_MAX_CHARS} characters")));
    }
    outbound::parse(&url).map_err(|refused| Invalid::new("webhook_url", refused.to_string()))?;
    storable("webhook_url", url)
}

#[cfg(test)]
mod tests;
