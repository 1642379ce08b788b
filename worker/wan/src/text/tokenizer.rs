//! Prompts into the ids of tokens.

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer as Tokens;

use crate::error::{Error, Result};

const END: &str = "</s>";

/// The tokenizer of a model folder.
pub struct Tokenizer {
    tokens: Tokens,
    end: u32,
    file: PathBuf,
}

impl Tokenizer {
    /// Where the tokenizer of `folder` lies.
    ///
    /// # Errors
    /// [`Error::Folder`] where there is none, or one in SentencePiece's format only.
    pub fn locate(folder: &Path) -> Result<PathBuf> {
        let file = folder.join("tokenizer.json");
        if file.is_file() {
            return Ok(file);
        }
        let reason = if folder.join("spiece.model").is_file() {
            "the file is missing; `spiece.model` alone cannot be read: open the folder with Hugging Face's AutoTokenizer \
             and save it again, which writes `tokenizer.json`"
        } else {
            "the file is missing"
        };
        Err(Error::Folder { file, reason: reason.into() })
    }

    /// Reads `FOLDER/tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Folder`] where it is missing, damaged, or knows no end of text.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = Self::locate(folder)?;
        let refuse = |reason: String| Error::Folder { file: file.clone(), reason };
        let mut tokens = Tokens::from_file(&file).map_err(|error| refuse(error.to_string()))?;
        tokens.with_padding(None).with_truncation(None).map_err(|error| refuse(error.to_string()))?;
        let end = tokens.token_to_id(END).ok_or_else(|| refuse(format!("there is no token `{END}`")))?;
        Ok(Self { tokens, end, file })
    }

    /// The largest id that it can give out.
    pub fn last_id(&self) -> u32 {
        self.tokens.get_vocab(true).into_values().max().unwrap_or(0)
    }

    /// The ids of `text`, at most `max_length` of them; the last one is always the end of text.
    ///
    /// # Errors
    /// [`Error::Folder`] where the tokenizer cannot cut this text.
    pub fn encode(&self, text: &str, max_length: usize) -> Result<Vec<u32>> {
        let refuse = |error: tokenizers::Error| Error::Folder { file: self.file.clone(), reason: error.to_string() };
        let mut ids = self.tokens.encode_fast(text, true).map_err(refuse)?.get_ids().to_vec();
        if ids.len() > max_length {
            ids.truncate(max_length.saturating_sub(1));
            ids.push(self.end);
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Tokenizer;
    use crate::text::fixture;

    fn tokenizer() -> Tokenizer {
        let folder = tempfile::tempdir().unwrap();
        fixture::tokenizer(folder.path());
        Tokenizer::open(folder.path()).unwrap()
    }

    #[test]
    fn a_text_ends_with_its_end_whatever_the_file_says_about_padding_and_truncation() {
        assert_eq!(tokenizer().encode("a b c a", 9).unwrap(), [3, 4, 2, 3, 1]);
        assert_eq!(tokenizer().encode("", 9).unwrap(), [1]);
        assert_eq!(tokenizer().last_id(), 4);
    }

    #[test]
    fn a_text_that_is_too_long_keeps_its_end() {
        assert_eq!(tokenizer().encode("a b a b", 5).unwrap(), [3, 4, 3, 4, 1]);
        assert_eq!(tokenizer().encode("a b a b", 4).unwrap(), [3, 4, 3, 1]);
        assert_eq!(tokenizer().encode("a b a b", 1).unwrap(), [1]);
    }

    #[test]
    fn a_folder_with_only_the_other_format_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |folder: &tempfile::TempDir| Tokenizer::open(folder.path()).err().unwrap().to_string();
        assert!(refusal(&folder).ends_with("tokenizer.json: the file is missing"));
        fs::write(folder.path().join("spiece.model"), "").unwrap();
        assert!(refusal(&folder).contains("`spiece.model` alone cannot be read"));
        fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        assert!(refusal(&folder).contains("tokenizer.json: "));
    }
}
