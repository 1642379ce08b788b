//! The fonts that marks are written with. They lie here because the door judges by them what the worker will draw.
//!
//! Carried along: DejaVu Sans Bold with Latin, Greek and Cyrillic, and of Noto Sans SC Bold the few characters that labels of generated
//! media are made of in Chinese and Japanese. Other scripts take a font of the operator's own.

use std::path::PathBuf;

use ab_glyph::{Font as _, FontArc};

const CARRIED: [&[u8]; 2] = [include_bytes!("fonts/DejaVuSans-Bold.ttf"), include_bytes!("fonts/NotoSansSC-Bold.ttf")];
/// A font with every character that there is has less.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// With what marks are written.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FontConfig {
    /// TrueType or OpenType font of visible marks, for scripts beyond Latin, Greek, Cyrillic and the words 「AI生成」; API and workers need the same
    #[arg(
        id = "watermark_font",
        value_name = "WATERMARK_FONT",
        long = "watermark-font",
        env = "CLIPMILL_WATERMARK_FONT"
    )]
    pub file: Option<PathBuf>,
}

/// Fonts, in the order in which a character is looked for in them. Cloned cheaply.
#[derive(Debug, Clone)]
pub struct Fonts(Vec<FontArc>);

impl Fonts {
    /// The fonts that are carried along.
    pub fn bundled() -> Self {
        Self(CARRIED.into_iter().filter_map(|bytes| FontArc::try_from_slice(bytes).ok()).collect())
    }

    /// The operator's own font, if there is one, and for what it lacks those that are carried along.
    ///
    /// # Errors
    /// A file that cannot be read or is no font.
    pub fn open(config: &FontConfig) -> Result<Self, String> {
        let Some(file) = &config.file else { return Ok(Self::bundled()) };
        let refused =
            |reason: String| format!("--watermark-font / CLIPMILL_WATERMARK_FONT: {}: {reason}", file.display());
        let size_bytes = std::fs::metadata(file).map_err(|error| refused(error.to_string()))?.len();
        if size_bytes > FILE_MAX_BYTES {
            return Err(refused("is larger than 64 MiB".to_owned()));
        }
        let bytes = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
        let own = FontArc::try_from_vec(bytes).map_err(|_| refused("is no TrueType or OpenType font".to_owned()))?;
        Ok(Self(std::iter::once(own).chain(Self::bundled().0).collect()))
    }

    /// The first font that has this character.
    pub fn of(&self, character: char) -> Option<&FontArc> {
        self.0.iter().find(|font| font.glyph_id(character).0 != 0)
    }

    /// Whether anything is to be seen of this character.
    pub(super) fn shows(&self, character: char) -> bool {
        self.of(character).is_some_and(|font| font.outline(font.glyph_id(character)).is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn all_that_is_carried_along_is_a_font() {
        assert_eq!(Fonts::bundled().0.len(), CARRIED.len());
    }

    #[test]
    fn what_the_operators_font_lacks_is_found_in_the_others() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(CARRIED[1]).expect("a font");
        let fonts = Fonts::open(&FontConfig { file: Some(file.path().to_owned()) }).expect("fonts");
        assert_eq!(fonts.0.len(), 3);
        assert!(fonts.shows('A') && fonts.shows('生') && !fonts.shows(' '));
    }

    #[test]
    fn what_is_no_font_is_refused_with_the_name_of_the_setting() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for path in [file.path().to_owned(), "/nowhere/font.ttf".into()] {
            let refused = Fonts::open(&FontConfig { file: Some(path) }).expect_err("no font");
            assert!(refused.starts_with("--watermark-font / CLIPMILL_WATERMARK_FONT"), "{refused}");
        }
    }
}
