//! What is to be drawn, in words.

use super::{Invalid, PROMPT_MAX_CHARS};

pub(super) fn prompt(prompt: Option<String>) -> Result<String, Invalid> {
    let allowed = || Invalid::new("prompt", format!("must be a text of 1 to {PROMPT_MAX_CHARS} characters"));
    let prompt = prompt.ok_or_else(allowed)?;
    let acceptable = !prompt.trim().is_empty() && prompt.chars().count() <= PROMPT_MAX_CHARS;
    if !acceptable {
        return Err(allowed());
    }
    storable("prompt", prompt)
}

pub(super) fn negative_prompt(text: String) -> Result<String, Invalid> {
    if text.chars().count() > PROMPT_MAX_CHARS {
        return Err(Invalid::new("negative_prompt", format!("must have at most {PROMPT_MAX_CHARS} characters")));
    }
    storable("negative_prompt", text)
}

/// Whoever revises a prompt may make it longer.
pub(super) fn revised_prompt(text: String) -> Result<String, Invalid> {
    if text.chars().count() > 2 * PROMPT_MAX_CHARS {
        return Err(Invalid::new("prompt", "is too long together with its style and camera moves"));
    }
    storable("prompt", text)
}

/// Postgres holds every character but one.
pub(super) fn storable(field: &'static str, text: String) -> Result<String, Invalid> {
    if text.contains('\0') { Err(Invalid::new(field, "must not contain the character U+0000")) } else { Ok(text) }
}
