//! What becomes of a prompt before it is drawn: written out by a model, judged, put into a style, given camera moves.

use std::path::PathBuf;

use anyhow::Context as _;
use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::spec::Spec;
use clipmill_shared::moderation::Moderation;

use crate::app::App;
use crate::form::Form;
use crate::problem::Problem;

pub(crate) mod camera;
mod moderate;
mod optimize;
pub(crate) mod style;

use optimize::Optimizer;
pub use optimize::OptimizerConfig;
use style::{Style, Styles};

/// What may become of prompts.
#[derive(Debug, Clone, clap::Args)]
pub struct PromptConfig {
    /// File of the styles that a prompt may be put into, as in api/styles.toml; unset means those
    #[arg(long, env = "CLIPMILL_STYLES_FILE")]
    pub styles_file: Option<PathBuf>,
    /// Who writes prompts out
    #[command(flatten)]
    pub optimizer: OptimizerConfig,
}

/// What works on prompts.
#[derive(Debug)]
pub(crate) struct Studio {
    styles: Styles,
    optimizer: Option<Optimizer>,
    moderation: Moderation,
}

impl Studio {
    /// The studio that is configured.
    pub(crate) fn open(config: &PromptConfig, moderation: Moderation) -> anyhow::Result<Self> {
        let styles = Styles::open(config.styles_file.as_deref()).context("--styles-file / CLIPMILL_STYLES_FILE")?;
        let optimizer = Optimizer::open(&config.optimizer).context("cannot make an HTTP client")?;
        Ok(Self { styles, optimizer, moderation })
    }

    /// The styles there are.
    pub(crate) fn styles(&self) -> &[Style] {
        self.styles.all()
    }

    /// Who judges prompts and images.
    fn moderation(&self) -> &Moderation {
        &self.moderation
    }

    /// Whether anybody writes prompts out.
    pub(crate) fn optimizes(&self) -> bool {
        self.optimizer.is_some()
    }
}

/// How a prompt is to be drawn, beside its words.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    /// The style that it is put into.
    style: Option<Style>,
    /// The camera moves, in brackets.
    camera: String,
    /// Whether it is to be written out.
    optimize: bool,
}

impl Direction {
    /// The direction in the fields `style`, `camera` and `prompt_optimizer`.
    pub(crate) fn read(app: &App, form: &Form) -> Result<Self, Problem> {
        let style = form.text("style")?.map(|id| app.studio.styles.get(&id).cloned()).transpose()?;
        let camera = form.value("camera")?.map(camera::brackets).transpose()?.unwrap_or_default();
        Ok(Self { style, camera, optimize: form.boolean("prompt_optimizer")?.unwrap_or(false) })
    }

    /// Nothing but whether the prompt is to be written out.
    pub(crate) fn optimizing(optimize: bool) -> Self {
        Self { optimize, ..Self::default() }
    }

    /// The direction of an earlier video, as far as its style is still there.
    pub(crate) fn of_job(app: &App, job: &Job) -> Self {
        let style = job.style.as_deref().and_then(|id| app.studio.styles.get(id).ok()).cloned();
        Self { style, camera: job.camera.clone().unwrap_or_default(), optimize: false }
    }

    /// The id of the style, if there is one.
    pub(crate) fn style(&self) -> Option<String> {
        self.style.as_ref().map(|style| style.id.clone())
    }

    /// The camera moves in brackets, if there are any.
    pub(crate) fn camera(&self) -> Option<String> {
        Some(self.camera.clone()).filter(|camera| !camera.is_empty())
    }

    /// What is drawn of a prompt.
    fn compose(&self, prompt: &str) -> String {
        let framed = self.style.as_ref().map_or(prompt.to_owned(), |style| style.frame(prompt));
        if self.camera.is_empty() { framed } else { format!("{framed} {}", self.camera) }
    }

    fn negative(&self) -> Option<&str> {
        self.style.as_ref().map(|style| style.negative_prompt.as_str()).filter(|text| !text.is_empty())
    }
}

/// The wish as it is drawn, if it may be. The only step of a submit that asks others, and so the last before the ledger.
pub(crate) async fn direct(app: &App, spec: Spec, direction: &Direction) -> Result<Spec, Problem> {
    let written = match &app.studio.optimizer {
        Some(optimizer) if direction.optimize => optimizer.revise(spec.prompt()).await,
        _ => spec.prompt().to_owned(),
    };
    moderate::pass(app, &spec, &written).await?;
    let drawn = direction.compose(&written);
    Ok(spec.drawn_as(drawn, direction.negative())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_camera_stand_around_the_prompt() {
        let styles = Styles::open(None).expect("the built-in table");
        let anime = styles.get("anime").expect("anime").clone();
        let direction = Direction { style: Some(anime), camera: "[Pan left]".to_owned(), optimize: false };
        let drawn = direction.compose("a fox.");
        assert!(drawn.starts_with("a fox. Hand-drawn") && drawn.ends_with(" [Pan left]"), "{drawn}");
        assert_eq!(Direction::default().compose(" a fox "), " a fox ");
    }
}
