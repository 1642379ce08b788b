//! The field `output`: what a customer chooses of the finished file, as it is read and as it is shown.

use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::options::{Codec, Container, Quality};
use clipmill_shared::jobs::spec::OutputWish;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form::Form;
use crate::problem::Problem;

const FIELD: &str = "output";
const MEMBERS: [&str; 9] = [
    "output.codec",
    "output.quality",
    "output.container",
    "output.size",
    "output.fps",
    "output.loop",
    "output.upload_url",
    "output.destination",
    "output.keep",
];

/// What a request may say of the finished file. In multipart: fields such as `output[codec]`, or the object as a text.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct OutputBody {
    /// `h264` (if left out), `hevc` or `av1`, as far as `/v1/videos/models` lists it
    #[schema(example = "h264")]
    codec: Option<String>,
    /// How much of the picture compression may cost: `compact`, `standard` (if left out) or `high`
    #[schema(example = "standard")]
    quality: Option<String>,
    /// `mp4` (if left out), or `fragmented_mp4`, which can be played while it arrives
    #[schema(example = "mp4")]
    container: Option<String>,
    /// `WIDTHxHEIGHT` of the file in the proportions of `size`, up to the bounds of `/v1/videos/models`; `size` if left out
    #[schema(example = "1920x1080")]
    size: Option<String>,
    /// Frames per second of the file: from `fps`, which are drawn, to 60, and at most 4 times `fps`; what is missing is
    /// interpolated along the motion. `fps` if left out
    #[schema(minimum = 8, maximum = 60, example = 60)]
    fps: Option<i64>,
    /// Whether the end flows into the beginning; false if left out
    #[serde(rename = "loop")]
    looped: Option<bool>,
    /// A presigned address to PUT the video to, with `content-type: video/mp4`. It is never shown again
    #[schema(max_length = 2048)]
    upload_url: Option<String>,
    /// In its place: a destination of the account, by name; all files go there, below `{prefix}{video id}/`
    #[schema(example = "studio")]
    destination: Option<String>,
    /// Whether the files stay here too; true if left out. False is for `upload_url` and `destination`
    keep: Option<bool>,
}

/// What was chosen of the finished file, with the defaults where nothing was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutputOptionsView {
    /// `h264`, `hevc` or `av1`
    #[schema(value_type = String, example = "h264")]
    codec: Codec,
    /// `compact`, `standard` or `high`
    #[schema(value_type = String, example = "standard")]
    quality: Quality,
    /// `mp4` or `fragmented_mp4`
    #[schema(value_type = String, example = "mp4")]
    container: Container,
    /// `WIDTHxHEIGHT` of the file
    #[schema(example = "1920x1080")]
    size: String,
    /// Frames per second of the file
    #[schema(example = 60)]
    fps: u32,
    /// Whether the end flows into the beginning
    #[serde(rename = "loop")]
    looped: bool,
}

impl OutputOptionsView {
    /// The options of a job.
    pub(crate) fn of(job: &Job) -> Self {
        let options = &job.output_options;
        Self {
            codec: options.codec,
            quality: options.quality,
            container: options.container,
            size: options.size.unwrap_or(job.size()).to_string(),
            fps: options.fps.unwrap_or(job.fps.unsigned_abs()),
            looped: options.looped,
        }
    }
}

/// What the field `output` of a form holds; nothing if it is left out.
pub(crate) fn members(form: &Form) -> Result<Form, Problem> {
    Ok(form.members(FIELD, &MEMBERS)?.unwrap_or_default())
}

/// What it says of the file itself.
pub(crate) fn read(members: &Form) -> Result<OutputWish, Problem> {
    Ok(OutputWish {
        codec: word(members, "output.codec")?,
        quality: word(members, "output.quality")?,
        container: word(members, "output.container")?,
        size: word(members, "output.size")?,
        fps: members.integer("output.fps")?,
        looped: members.boolean("output.loop")?,
    })
}

/// A text. Anything else is no word that there is, and is told those by whoever judges it.
fn word(members: &Form, name: &'static str) -> Result<Option<String>, Problem> {
    Ok(members.value(name)?.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}
