//! The models of the MiniMax API: what each accepts, and which tier renders it here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use clipmill_shared::tier::Tier;

use crate::config::ModelAliases;
use crate::problem::Problem;

/// Which of MiniMax's models are offered, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct MinimaxConfig {
    /// Models of the MiniMax API that are offered, and the tier that renders each
    #[arg(
        long,
        env = "CLIPMILL_MINIMAX_MODELS",
        default_value = "MiniMax-Hailuo-2.3=pro,MiniMax-Hailuo-2.3-Fast=fast,MiniMax-Hailuo-02=pro,T2V-01=fast,\
                         T2V-01-Director=fast,I2V-01=fast,I2V-01-Director=fast,I2V-01-live=fast"
    )]
    pub minimax_models: MinimaxModels,
    /// Let MiniMax-Hailuo-2.3-Fast also make videos of text alone, which it does not at MiniMax
    #[arg(long, env = "CLIPMILL_MINIMAX_FAST_TEXT_TO_VIDEO")]
    pub minimax_fast_text_to_video: bool,
}

/// Models and the tier of each: `name=tier,name=tier`.
#[derive(Debug, Clone, Default)]
pub struct MinimaxModels(pub BTreeMap<String, Tier>);

impl FromStr for MinimaxModels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ModelAliases(models) = text.parse()?;
        match models.keys().find(|name| MODELS.iter().all(|model| model.name != **name)) {
            Some(name) => {
                Err(format!("{name}: must be one of: {}", MODELS.each_ref().map(|model| model.name).join(", ")))
            }
            None => Ok(Self(models)),
        }
    }
}

/// A resolution: the length of the short side in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    P512,
    P720,
    P768,
    P1080,
}

impl Resolution {
    /// The short side in pixels.
    pub(super) fn short_side_px(self) -> u32 {
        match self {
            Self::P512 => 512,
            Self::P720 => 720,
            Self::P768 => 768,
            Self::P1080 => 1080,
        }
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}P", self.short_side_px())
    }
}

/// What a model makes videos of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Text,
    Image,
    Either,
}

/// What a model accepts.
#[derive(Debug)]
pub(super) struct Model {
    name: &'static str,
    start: Start,
    last_frame: bool,
    /// Resolutions and the seconds that go with each, the first pair being what is made when nothing is asked for.
    lengths: &'static [(Resolution, &'static [i64])],
}

const HAILUO: &[(Resolution, &[i64])] = &[(Resolution::P768, &[6, 10]), (Resolution::P1080, &[6])];
const HAILUO_02: &[(Resolution, &[i64])] =
    &[(Resolution::P768, &[6, 10]), (Resolution::P1080, &[6]), (Resolution::P512, &[6, 10])];
const FIRST_SERIES: &[(Resolution, &[i64])] = &[(Resolution::P720, &[6])];

static MODELS: [Model; 8] = [
    Model { name: "MiniMax-Hailuo-2.3", start: Start::Either, last_frame: false, lengths: HAILUO },
    Model { name: FAST, start: Start::Image, last_frame: false, lengths: HAILUO },
    Model { name: "MiniMax-Hailuo-02", start: Start::Either, last_frame: true, lengths: HAILUO_02 },
    Model { name: "T2V-01", start: Start::Text, last_frame: false, lengths: FIRST_SERIES },
    Model { name: "T2V-01-Director", start: Start::Text, last_frame: false, lengths: FIRST_SERIES },
    Model { name: "I2V-01", start: Start::Image, last_frame: false, lengths: FIRST_SERIES },
    Model { name: "I2V-01-Director", start: Start::Image, last_frame: false, lengths: FIRST_SERIES },
    Model { name: "I2V-01-live", start: Start::Image, last_frame: false, lengths: FIRST_SERIES },
];

const FAST: &str = "MiniMax-Hailuo-2.3-Fast";

/// What a request asks of a model.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) resolution: Option<&'a str>,
    pub(super) duration: Option<i64>,
    pub(super) first_frame: bool,
    pub(super) last_frame: bool,
}

impl MinimaxConfig {
    /// The model of this name and its tier, or which there are.
    pub(super) fn model(&self, name: Option<&str>) -> Result<(&'static Model, Tier), Problem> {
        let offered = || self.minimax_models.0.iter();
        let found = name.and_then(|name| offered().find(|(offered, _)| *offered == name));
        let model = found.and_then(|(name, tier)| Some((MODELS.iter().find(|model| model.name == name)?, *tier)));
        model.ok_or_else(|| {
            let names: Vec<&str> = offered().map(|(name, _)| name.as_str()).collect();
            Problem::invalid("model", &format!("must be one of: {}", names.join(", ")))
        })
    }

    /// The resolution and the seconds of what is asked, if the model accepts all of it.
    pub(super) fn judge(&self, model: &Model, asked: Asked<'_>) -> Result<(Resolution, i64), Problem> {
        let start = match model.name == FAST && self.minimax_fast_text_to_video {
            true => Start::Either,
            false => model.start,
        };
        model.judge_images(start, asked)?;
        model.judge_length(asked)
    }
}

impl Model {
    fn judge_images(&self, start: Start, asked: Asked<'_>) -> Result<(), Problem> {
        let name = self.name;
        if asked.last_frame && !self.last_frame {
            return Err(Problem::invalid("last_frame_image", &format!("must be left out: {name} takes no last frame")));
        }
        let refused = match (start, asked.first_frame || asked.last_frame) {
            (Start::Text, true) => "must be left out",
            (Start::Image, false) => "must be given",
            _ => return Ok(()),
        };
        let of = if start == Start::Text { "text" } else { "images" };
        Err(Problem::invalid("first_frame_image", &format!("{refused}: {name} makes videos of {of}")))
    }

    fn judge_length(&self, asked: Asked<'_>) -> Result<(Resolution, i64), Problem> {
        let offered: Vec<_> = self.lengths.iter().filter(|(resolution, _)| accepts(*resolution, asked)).collect();
        let default = offered[0].0.to_string();
        let wanted = asked.resolution.unwrap_or(&default);
        let found = offered.iter().find(|(resolution, _)| resolution.to_string() == wanted);
        let Some((resolution, lengths)) = found else {
            let names: Vec<String> = offered.iter().map(|(resolution, _)| resolution.to_string()).collect();
            let allowed = format!("must be {} for such a video of {}", names.join(" or "), self.name);
            return Err(Problem::invalid("resolution", &allowed));
        };
        let duration = asked.duration.unwrap_or(lengths[0]);
        if !lengths.contains(&duration) {
            let seconds: Vec<String> = lengths.iter().map(i64::to_string).collect();
            let allowed = format!("must be {} at {resolution} for {}", seconds.join(" or "), self.name);
            return Err(Problem::invalid("duration", &allowed));
        }
        Ok((*resolution, duration))
    }
}

/// 512P is for what starts from a picture and does not end on one.
fn accepts(resolution: Resolution, asked: Asked<'_>) -> bool {
    resolution != Resolution::P512 || (asked.first_frame && !asked.last_frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> MinimaxConfig {
        let minimax_models =
            MODELS.each_ref().map(|model| format!("{}=fast", model.name)).join(",").parse().expect("models");
        MinimaxConfig { minimax_models, minimax_fast_text_to_video: false }
    }

    /// What each kind of request is allowed at each resolution, in seconds.
    fn allowed(name: &str, asked: Asked<'_>) -> Vec<(Resolution, i64)> {
        let config = config();
        let (model, _) = config.model(Some(name)).expect(name);
        let mut allowed = Vec::new();
        for resolution in [Resolution::P512, Resolution::P720, Resolution::P768, Resolution::P1080] {
            for duration in 1..=12 {
                let text = resolution.to_string();
                let asked = Asked { resolution: Some(&text), duration: Some(duration), ..asked };
                if config.judge(model, asked).is_ok() {
                    allowed.push((resolution, duration));
                }
            }
        }
        allowed
    }

    #[test]
    fn the_matrix_is_that_of_minimax() {
        use Resolution::{P512, P720, P768, P1080};
        const TEXT: Asked<'_> = Asked { resolution: None, duration: None, first_frame: false, last_frame: false };
        const IMAGE: Asked<'_> = Asked { first_frame: true, ..TEXT };
        const BOTH: Asked<'_> = Asked { first_frame: true, last_frame: true, ..TEXT };
        const LAST: Asked<'_> = Asked { last_frame: true, ..TEXT };
        type Allowed = &'static [(Resolution, i64)];
        const NEW: Allowed = &[(P768, 6), (P768, 10), (P1080, 6)];
        const WITH_512: Allowed = &[(P512, 6), (P512, 10), (P768, 6), (P768, 10), (P1080, 6)];
        const OLD: Allowed = &[(P720, 6)];
        let table: [(&str, [Allowed; 4]); 8] = [
            ("MiniMax-Hailuo-2.3", [NEW, NEW, &[], &[]]),
            ("MiniMax-Hailuo-2.3-Fast", [&[], NEW, &[], &[]]),
            ("MiniMax-Hailuo-02", [NEW, WITH_512, NEW, NEW]),
            ("T2V-01", [OLD, &[], &[], &[]]),
            ("T2V-01-Director", [OLD, &[], &[], &[]]),
            ("I2V-01", [&[], OLD, &[], &[]]),
            ("I2V-01-Director", [&[], OLD, &[], &[]]),
            ("I2V-01-live", [&[], OLD, &[], &[]]),
        ];
        for (name, expected) in table {
            for (asked, expected) in [TEXT, IMAGE, BOTH, LAST].into_iter().zip(expected) {
                assert_eq!(allowed(name, asked), expected, "{name} {asked:?}");
            }
        }
    }

    #[test]
    fn what_is_left_out_gets_minimax_s_default() {
        let config = config();
        for (name, first_frame, expected) in [
            ("MiniMax-Hailuo-2.3", false, (Resolution::P768, 6)),
            ("MiniMax-Hailuo-02", true, (Resolution::P768, 6)),
            ("I2V-01", true, (Resolution::P720, 6)),
        ] {
            let (model, _) = config.model(Some(name)).expect(name);
            assert_eq!(config.judge(model, Asked { first_frame, ..Asked::default() }).expect(name), expected, "{name}");
        }
    }

    #[test]
    fn the_fast_model_makes_videos_of_text_only_where_it_is_configured_to() {
        let mut config = config();
        let (model, _) = config.model(Some(FAST)).expect(FAST);
        assert!(config.judge(model, Asked::default()).is_err());
        config.minimax_fast_text_to_video = true;
        assert!(config.judge(model, Asked::default()).is_ok());
    }

    #[test]
    fn only_models_that_are_known_can_be_offered() {
        assert!("MiniMax-Hailuo-2.3=fast".parse::<MinimaxModels>().is_ok_and(|models| models.0.len() == 1));
        assert!("S2V-01=pro".parse::<MinimaxModels>().is_err_and(|error| error.contains("T2V-01")));
        let config = MinimaxConfig { minimax_models: MinimaxModels::default(), ..config() };
        assert!(config.model(Some("T2V-01")).is_err() && config.model(None).is_err());
    }
}
