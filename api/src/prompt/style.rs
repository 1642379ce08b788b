//! Styles: frames that a prompt is put into, from a table that the operator may replace.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::problem::Problem;

const BUILT_IN: &str = include_str!("../../styles.toml");
/// Stands for the prompt in a frame.
const PROMPT: &str = "{prompt}";
const STYLES_MAX: usize = 200;
const NAME_MAX_CHARS: usize = 64;
const FRAME_MAX_CHARS: usize = 1000;

/// A look that a prompt may be given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Style {
    /// Its name on the wire.
    pub(crate) id: String,
    /// Its name for people.
    pub(crate) name: String,
    /// The frame, with `{prompt}` in it.
    prompt: String,
    /// What the video shall not show, joined with the customer's own.
    #[serde(default)]
    pub(crate) negative_prompt: String,
}

impl Style {
    /// A prompt in this style. A full stop of its own does not come twice.
    pub(crate) fn frame(&self, prompt: &str) -> String {
        let doubled = self.prompt.contains("{prompt}.");
        let prompt = if doubled { prompt.trim().trim_end_matches('.') } else { prompt.trim() };
        self.prompt.replace(PROMPT, prompt)
    }

    fn check(&self) -> anyhow::Result<()> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        let length = |text: &str| text.chars().count();
        ensure!(
            (1..=NAME_MAX_CHARS).contains(&self.id.len()) && self.id.bytes().all(plain),
            "the id {:?} must have 1 to {NAME_MAX_CHARS} lower-case letters, digits, _ or -",
            self.id
        );
        ensure!(
            (1..=NAME_MAX_CHARS).contains(&length(&self.name)),
            "{}: name must have 1 to {NAME_MAX_CHARS} characters",
            self.id
        );
        ensure!(self.prompt.matches(PROMPT).count() == 1, "{}: prompt must hold {PROMPT} once", self.id);
        ensure!(
            length(&self.prompt).max(length(&self.negative_prompt)) <= FRAME_MAX_CHARS,
            "{}: prompt and negative_prompt must have at most {FRAME_MAX_CHARS} characters each",
            self.id
        );
        let storable = !self.prompt.contains('\0') && !self.negative_prompt.contains('\0');
        ensure!(storable, "{}: there must be no character U+0000", self.id);
        Ok(())
    }
}

/// The styles there are, in the order of their file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Styles {
    #[serde(default, rename = "style")]
    all: Vec<Style>,
}

impl Styles {
    /// The styles of a file, or the built-in ones.
    pub(crate) fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Self::parse(BUILT_IN) };
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| file.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let styles: Self = toml::from_str(text)?;
        ensure!(styles.all.len() <= STYLES_MAX, "there must be at most {STYLES_MAX} styles");
        let mut ids = HashSet::new();
        for style in &styles.all {
            style.check()?;
            ensure!(ids.insert(&style.id), "the style {} must be there once", style.id);
        }
        Ok(styles)
    }

    /// Every style.
    pub(crate) fn all(&self) -> &[Style] {
        &self.all
    }

    /// The style of this id, or which there are.
    pub(crate) fn get(&self, id: &str) -> Result<&Style, Problem> {
        self.all.iter().find(|style| style.id == id).ok_or_else(|| {
            let ids: Vec<&str> = self.all.iter().map(|style| style.id.as_str()).collect();
            Problem::invalid("style", &format!("must be one of: {}", ids.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_styles_are_well_formed() {
        let styles = Styles::open(None).expect("the built-in table");
        for id in ["anime", "ink_wash", "claymation", "game_cinematic", "film_noir", "watercolour"] {
            let framed = styles.get(id).expect(id).frame("a fox.");
            assert!(framed.starts_with("a fox. ") && framed.len() > 20, "{framed}");
        }
        assert!(styles.get("no such style").is_err());
    }

    #[test]
    fn a_table_that_cannot_be_used_says_why() {
        let style = |id: &str, prompt: &str| format!("[[style]]\nid = {id:?}\nname = \"A\"\nprompt = {prompt:?}\n");
        for (text, word) in [
            (style("A b", "{prompt}"), "lower-case"),
            (style("a", "no frame"), "{prompt}"),
            (style("a", "{prompt} {prompt}"), "once"),
            (style("a", "{prompt}") + &style("a", "{prompt}"), "once"),
            (style("a", &format!("{{prompt}}{}", "x".repeat(1000))), "1000"),
            ("[[style]]\nid = \"a\"\ncolour = 1".to_owned(), "colour"),
        ] {
            let error = Styles::parse(&text).expect_err(word);
            assert!(format!("{error:#}").contains(word), "{error:#}");
        }
        assert!(Styles::parse("").is_ok_and(|styles| styles.all().is_empty()));
    }
}
