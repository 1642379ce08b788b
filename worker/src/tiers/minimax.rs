//! How MiniMax's own API renders one tier, as `tiers.toml` says it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clipmill_shared::jobs::Mode;
use clipmill_shared::offer::Offer;
use clipmill_shared::tier::{Size, Tier};
use clipmill_shared::{host, outbound};
use serde::Deserialize;

use crate::engine::minimax::Model;

/// How MiniMax's own API renders one tier.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimax {
    /// The model, as MiniMax calls it.
    pub model: String,
    /// The file with the key to show there; a relative one starts at the folder of `tiers.toml`.
    pub api_key_file: PathBuf,
    /// Where the API is.
    #[serde(default = "public_url")]
    pub url: String,
    /// What is on offer, the default first.
    pub resolutions: Vec<Resolution>,
    /// The most videos that may be asked for in a minute, by all workers with this key together.
    pub requests_per_minute: u32,
    /// Frames per second of what comes from there.
    #[serde(default = "usual_fps")]
    pub fps: u32,
    /// How long a job waits in its worker until it may be sent, before it goes back into the queue.
    #[serde(default = "turn_seconds")]
    pub turn_seconds: u64,
    /// How long one question may take, from connecting to the end of its answer.
    #[serde(default = "request_seconds")]
    pub request_seconds: u64,
    /// The pause between two looks at a render.
    #[serde(default = "poll_seconds")]
    pub poll_seconds: f64,
    /// How long a render may take, from its acceptance to its last byte.
    #[serde(default = "render_seconds")]
    pub render_seconds: u64,
}

/// A resolution, and what it means here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// As MiniMax calls it.
    pub name: String,
    /// The sizes that are rendered in it, the default first.
    pub sizes: Vec<Size>,
    /// How long its videos may be, in seconds.
    pub seconds: Vec<u32>,
}

fn public_url() -> String {
    "https://api.minimax.io".to_owned()
}

fn usual_fps() -> u32 {
    24
}

fn turn_seconds() -> u64 {
    120
}

fn request_seconds() -> u64 {
    60
}

fn poll_seconds() -> f64 {
    10.0
}

fn render_seconds() -> u64 {
    1800
}

impl Minimax {
    /// What the tier does not accept, or the model does not make, cannot be on offer.
    pub(super) fn check(&self, tier: Tier) -> anyhow::Result<()> {
        let fps = tier.limits().fps;
        let url = outbound::parse(&self.url).context("`url`")?;
        let is_safe = url.scheme() == "https" || url.host_str().is_some_and(host::is_here);
        ensure!(is_safe, "`url` must begin with https://: the key goes there");
        ensure!((fps.0..=fps.1).contains(&self.fps), "`fps` must be from {} to {}", fps.0, fps.1);
        ensure!((1..=6000).contains(&self.requests_per_minute), "`requests_per_minute` must be from 1 to 6000");
        ensure!(self.turn_seconds <= 3600, "`turn_seconds` must be at most 3600");
        ensure!((1..=600).contains(&self.request_seconds), "`request_seconds` must be from 1 to 600");
        ensure!((0.01..=60.0).contains(&self.poll_seconds), "`poll_seconds` must be from 0.01 to 60");
        ensure!((1..=86_400).contains(&self.render_seconds), "`render_seconds` must be from 1 to 86400");
        ensure!(self.sizes().next().is_some(), "`resolutions` must name at least one size");
        for resolution in &self.resolutions {
            self.check_resolution(tier, resolution).with_context(|| format!("`resolutions`: {}", resolution.name))?;
        }
        self.offer().map(drop)
    }

    /// A size alone says how long its videos may be: of the lengths of all resolutions, its own have to be those within the tier's
    /// bound for the size.
    fn check_resolution(&self, tier: Tier, resolution: &Resolution) -> anyhow::Result<()> {
        let all = self.lengths();
        for size in &resolution.sizes {
            let max = tier.limits().max_seconds(*size).filter(|_| size.is_well_formed());
            let max = max.with_context(|| format!("the {tier} tier does not accept {size}"))?;
            let accepted: Vec<u32> = all.iter().copied().filter(|length| *length <= max).collect();
            ensure!(!accepted.is_empty(), "the {tier} tier accepts {size} up to {max} seconds");
            let missing = accepted.iter().find(|length| !resolution.seconds.contains(length));
            ensure!(
                missing.is_none(),
                "`seconds` must hold {} too, which another resolution has and the {tier} tier accepts for {size}",
                missing.copied().unwrap_or_default(),
            );
            ensure!(self.sizes().filter(|other| *other == *size).count() == 1, "{size} stands there twice");
        }
        Ok(())
    }

    /// What can be rendered.
    ///
    /// # Errors
    /// A model that is not known, or one that makes videos of text in no size that is named.
    pub(crate) fn offer(&self) -> anyhow::Result<Offer> {
        let model = Model::named(&self.model)?;
        let (sizes, lengths): (Vec<Size>, Vec<u32>) = (self.sizes().collect(), self.lengths());
        let of_text: Vec<Size> = sizes.iter().copied().filter(|size| model.draws_text_in(*size)).collect();
        let has_text = model.modes.contains(&Mode::TextToVideo);
        ensure!(!has_text || !of_text.is_empty(), "`resolutions` names no size of the shapes that {} has", self.model);
        Ok(Offer {
            model: self.model.clone(),
            modes: model.modes.to_vec(),
            last_frame: model.last_frame,
            needs_last_frame: false,
            fps: self.fps,
            max_frames: lengths.last().copied().unwrap_or(0) * self.fps,
            seconds: Some(lengths),
            text_sizes: Some(of_text).filter(|of_text| has_text && of_text.len() < sizes.len()),
            sizes,
        })
    }

    /// The resolution in which a size is rendered.
    pub(crate) fn resolution(&self, size: Size) -> Option<&Resolution> {
        self.resolutions.iter().find(|resolution| resolution.sizes.contains(&size))
    }

    /// How long a job waits in its worker until it may be sent.
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_secs(self.turn_seconds)
    }

    /// The pause between two looks at a render.
    pub(crate) fn poll(&self) -> Duration {
        Duration::from_secs_f64(self.poll_seconds)
    }

    /// How long one question may take.
    pub(crate) fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// How long a render may take.
    pub(crate) fn render(&self) -> Duration {
        Duration::from_secs(self.render_seconds)
    }

    fn sizes(&self) -> impl Iterator<Item = Size> {
        self.resolutions.iter().flat_map(|resolution| resolution.sizes.iter().copied())
    }

    /// The lengths of all resolutions, in seconds, from the shortest.
    fn lengths(&self) -> Vec<u32> {
        let mut lengths: Vec<u32> = self.resolutions.iter().flat_map(|resolution| resolution.seconds.clone()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Rendering, Tiers};
    use super::*;

    const PRO: &str = r#"
        [pro]
        engine = "minimax"
        model = "MiniMax-Hailuo-2.3"
        api_key_file = "minimax.key"
        requests_per_minute = 5
        resolutions = [
            { name = "768P", sizes = ["1366x768", "768x1366"], seconds = [6, 10] },
            { name = "1080P", sizes = ["1920x1080"], seconds = [6] },
        ]
    "#;

    fn parse(text: &str) -> anyhow::Result<Minimax> {
        let tiers = Tiers::parse(text, Path::new("/etc/clipmill"))?;
        match tiers.renderings().next() {
            Some((_, Rendering::Minimax(minimax))) => Ok((**minimax).clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_left_out_is_what_minimax_says() {
        let minimax = parse(PRO).expect("it is well formed");
        assert_eq!(minimax.api_key_file, Path::new("/etc/clipmill/minimax.key"));
        assert_eq!((minimax.url.as_str(), minimax.fps), ("https://api.minimax.io", 24));
    }

    #[test]
    fn the_offer_has_both_resolutions_and_text_in_the_shape_of_a_screen_alone() {
        let offer = parse(PRO).and_then(|minimax| minimax.offer()).expect("an offer");
        let text = |sizes: &[Size]| sizes.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(&offer.sizes), ["1366x768", "768x1366", "1920x1080"]);
        assert_eq!(text(offer.sizes(false)), ["1366x768", "1920x1080"]);
        assert_eq!((offer.seconds.as_deref(), offer.max_frames), (Some(&[6, 10][..]), 240));
        assert_eq!((offer.modes.as_slice(), offer.last_frame), (&[Mode::TextToVideo, Mode::ImageToVideo][..], false));
        let fast = parse(&PRO.replace("-2.3\"", "-2.3-Fast\"")).and_then(|minimax| minimax.offer()).expect("an offer");
        assert_eq!((fast.modes.as_slice(), fast.text_sizes), (&[Mode::ImageToVideo][..], None));
        let all = parse(&PRO.replace("MiniMax-Hailuo-2.3", "MiniMax-H3")).and_then(|minimax| minimax.offer());
        assert_eq!(all.map(|offer| (offer.last_frame, offer.text_sizes)).expect("an offer"), (true, None));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (from, to, named) in [
            ("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-4", "MiniMax-Hailuo-2.3-Fast"),
            ("[pro]", "[fast]", "1080P: the fast tier does not accept 1920x1080"),
            ("seconds = [6] }", "seconds = [5] }", "`seconds` must hold 5 too"),
            ("seconds = [6, 10]", "seconds = [10, 12]", "`seconds` must hold 6 too"),
            ("\"1920x1080\"", "\"1366x768\"", "stands there twice"),
            ("requests_per_minute = 5", "requests_per_minute = 0", "requests_per_minute"),
            ("requests_per_minute = 5", "requests_per_minute = 5\nfps = 60", "fps"),
            ("requests_per_minute = 5", "requests_per_minute = 5\npoll_seconds = nan", "poll_seconds"),
            ("requests_per_minute = 5", "requests_per_minute = 5\nurl = \"http://api.minimax.io\"", "https://"),
            ("requests_per_minute = 5", "requests_per_minute = 5\nprompt_optimizer = true", "prompt_optimizer"),
        ] {
            let error = format!("{:#}", parse(&PRO.replace(from, to)).expect_err(named));
            assert!(error.contains(named), "{to}: {error}");
        }
        let none = PRO.replace("\"1366x768\", \"768x1366\"", "").replace("\"1920x1080\"", "");
        assert!(format!("{:#}", parse(&none).expect_err("no size")).contains("at least one size"));
        let tall = PRO.replace("\"1366x768\", ", "").replace("1920x1080", "1080x1920");
        assert!(format!("{:#}", parse(&tall).expect_err("no size of text")).contains("no size of the shapes"));
    }
}
