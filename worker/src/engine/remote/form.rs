//! A request in a server's words. Only what stands here goes to it.

use std::io::Cursor;

use image::ImageFormat;
use image::imageops::{self, FilterType};
use reqwest::multipart::{Form, Part};

use super::profile::Shape;
use super::section::Section;
use crate::engine::{EngineError, Frame, Request};

/// The fields of a request, as text.
pub(super) fn fields(request: &Request, section: &Section) -> Vec<(String, String)> {
    let dialect = section.profile.dialect();
    let negative = request.negative_prompt.as_ref().or(section.negative_prompt.as_ref());
    let mut fields = vec![(Some("prompt"), Some(request.prompt.clone())), (Some("model"), section.model.clone())];
    match dialect.shape {
        Shape::Frames => fields.extend([
            (Some("width"), Some(request.width.to_string())),
            (Some("height"), Some(request.height.to_string())),
            (Some("num_frames"), Some(frames(request.frames, section.frames_step).to_string())),
            (Some("fps"), Some(request.fps.to_string())),
        ]),
        Shape::Seconds => fields.extend([
            (Some("size"), Some(format!("{}x{}", request.width, request.height))),
            (Some("seconds"), Some(request.frames.div_ceil(request.fps.max(1)).to_string())),
        ]),
    }
    fields.extend([
        (dialect.seed, Some(request.seed.to_string())),
        (dialect.negative_prompt, negative.cloned()),
        (dialect.steps, section.steps.map(|steps| steps.to_string())),
        (dialect.guidance, section.guidance.map(|guidance| guidance.to_string())),
    ]);
    let said = fields.into_iter().filter_map(|(name, value)| Some((name?.to_owned(), value?)));
    let further = section.fields.iter().map(|(name, value)| (name.clone(), value.to_string()));
    said.chain(further).collect()
}

/// The smallest number of frames that the model can draw and that is enough.
fn frames(wanted: u32, step: u32) -> u32 {
    match step {
        0 | 1 => wanted,
        step => wanted.saturating_sub(1).div_ceil(step) * step + 1,
    }
}

/// The whole request, with its pictures.
pub(super) fn form(request: &Request, section: &Section) -> Result<Form, EngineError> {
    let mut form = Form::new();
    for (name, value) in fields(request, section) {
        form = form.text(name, value);
    }
    let dialect = section.profile.dialect();
    let both = dialect.last_frame.zip(request.last_frame.as_ref());
    let pictures = match (&request.first_frame, both) {
        (Some(first), Some((field, last))) => vec![(field, first), (field, last)],
        (Some(first), None) => vec![(dialect.first_frame, first)],
        (None, Some(_)) => {
            return Err(EngineError::Rejected("This model needs a first image beside the last.".to_owned()));
        }
        (None, None) => Vec::new(),
    };
    for (field, picture) in pictures {
        form = form.part(field, part(picture, request)?);
    }
    Ok(form)
}

/// A picture in the video's size, without loss: some servers refuse any other.
fn part(picture: &Frame, request: &Request) -> Result<Part, EngineError> {
    let mut bytes = Vec::new();
    let fitted = imageops::resize(picture, request.width, request.height, FilterType::Lanczos3);
    fitted
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .map_err(|error| EngineError::Transient(format!("a picture cannot be encoded: {error}")))?;
    let part = Part::bytes(bytes).file_name("frame.png").mime_str("image/png");
    part.map_err(|error| EngineError::Transient(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::profile::Profile;
    use super::*;

    fn section(profile: Profile) -> Section {
        let text = format!(
            "profile = \"{profile}\"\nurl = \"http://127.0.0.1:8000\"\nmodel = \"wan\"\nsizes = [\"832x480\"]\nfps = 16\nmax_frames = 81"
        );
        toml::from_str(&text).expect("a section")
    }

    fn request() -> Request {
        Request {
            prompt: "a fox".to_owned(),
            negative_prompt: Some("snow".to_owned()),
            width: 832,
            height: 480,
            frames: 40,
            fps: 16,
            seed: u64::from(u32::MAX) + 1,
            first_frame: None,
            last_frame: None,
        }
    }

    fn said(section: &Section) -> Vec<String> {
        fields(&request(), section).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn each_server_is_told_in_its_own_words_and_nothing_else() {
        let by_frames =
            ["prompt=a fox", "model=wan", "width=832", "height=480", "num_frames=40", "fps=16", "seed=4294967296"];
        let omni = Section { steps: Some(30), guidance: Some(4.5), ..section(Profile::VllmOmni) };
        let more = ["negative_prompt=snow", "num_inference_steps=30", "guidance_scale=4.5"];
        assert_eq!(said(&omni), [by_frames.as_slice(), &more].concat());
        assert_eq!(said(&section(Profile::Sglang)), [by_frames.as_slice(), &more[..1]].concat());
        assert_eq!(said(&section(Profile::Openai)), ["prompt=a fox", "model=wan", "size=832x480", "seconds=3"]);
    }

    #[test]
    fn what_an_operator_sets_for_all_requests_goes_with_each() {
        let fields = toml::from_str("generate_sound = true\nquality = \"high\"\nflow_shift = 5.5").expect("fields");
        let said = said(&Section { fields, ..section(Profile::VllmOmni) });
        assert_eq!(said[said.len() - 3..], ["flow_shift=5.5", "generate_sound=true", "quality=high"]);
    }

    #[test]
    fn as_many_frames_are_asked_for_as_the_model_can_draw() {
        for (wanted, step, asked) in [(40, 1, 40), (40, 4, 41), (41, 4, 41), (42, 4, 45), (1, 8, 1), (121, 8, 121)] {
            assert_eq!(frames(wanted, step), asked, "{wanted} by {step}");
        }
    }

    #[test]
    fn two_pictures_go_in_one_field_and_a_last_one_alone_is_refused() {
        let picture = || Some(Frame::new(40, 30));
        let section = Section { last_frame: true, ..section(Profile::VllmOmni) };
        let both = Request { first_frame: picture(), last_frame: picture(), ..request() };
        assert!(form(&both, &section).is_ok());
        let alone = Request { last_frame: picture(), ..request() };
        assert!(matches!(form(&alone, &section), Err(EngineError::Rejected(_))));
    }
}
