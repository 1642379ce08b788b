//! The whole way from a prompt to its rows.

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::{Config, Embeddings, Encoder, Tokenizer, clean};
use crate::error::{Error, Result};
use crate::watch::Watch;
use crate::weights::Weights;

/// Embeds prompts.
pub struct TextEncoder {
    tokenizer: Tokenizer,
    encoder: Encoder,
}

impl Embeddings {
    /// The rows of `prompt` as [`TextEncoder::embed`] gives them, if they are known.
    ///
    /// # Errors
    /// The device's.
    pub fn rows(&self, prompt: &str, length: usize) -> Result<Option<Tensor>> {
        self.get(&clean(prompt), length).map(|rows| padded(&rows, length)).transpose()
    }
}

impl TextEncoder {
    /// Reads the tokenizer of the model folder at `root` and the text encoder's `weights`, f32 or bf16.
    ///
    /// # Errors
    /// What [`Tokenizer::open`] and [`Encoder::load`] refuse, and a tokenizer that knows more tokens than the encoder.
    pub fn load(
        root: &Path,
        weights: &Weights,
        config: &Config,
        dtype: DType,
        device: &Device,
        watch: &dyn Watch,
    ) -> Result<Self> {
        let folder = root.join("tokenizer");
        let tokenizer = Tokenizer::open(&folder)?;
        let encoder = Encoder::load(weights, config, dtype, device, watch)?;
        let (last, known) = (tokenizer.last_id(), encoder.vocabulary());
        if last as usize >= known {
            let reason = format!("token {last} is past the {known} that `vocab_size` of the text encoder says");
            return Err(Error::Folder { file: folder.join("tokenizer.json"), reason });
        }
        Ok(Self { tokenizer, encoder })
    }

    /// The tokens of `prompt`, cut to `length` of them.
    ///
    /// # Errors
    /// What [`Tokenizer::encode`] refuses.
    pub fn ids(&self, prompt: &str, length: usize) -> Result<Vec<u32>> {
        self.tokenizer.encode(&clean(prompt), length)
    }

    /// The rows of `prompt`, cut to `length` tokens and padded with zeros to as many: `[1, length, d_model]`, in the
    /// encoder's dtype on its device. `known` remembers them.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::NotFinite`], or the device's.
    pub fn embed(&self, prompt: &str, length: usize, known: &Embeddings, watch: &dyn Watch) -> Result<Tensor> {
        let prompt = clean(prompt);
        let rows = self.encoder.forward(&self.tokenizer.encode(&prompt, length)?, watch)?;
        refuse_infinite(&rows)?;
        known.put(&prompt, length, &rows);
        padded(&rows, length)
    }
}

fn padded(rows: &Tensor, length: usize) -> Result<Tensor> {
    Ok(rows.pad_with_zeros(1, 0, length.saturating_sub(rows.dim(1)?))?)
}

/// A sum of magnitudes is finite only if all of them are.
fn refuse_infinite(rows: &Tensor) -> Result<()> {
    let sum: f32 = rows.to_dtype(DType::F32)?.abs()?.sum_all()?.to_scalar()?;
    if sum.is_finite() { Ok(()) } else { Err(Error::NotFinite("the embedding of the prompt".into())) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use candle_core::{DType, Device, Tensor};

    use super::{Embeddings, TextEncoder};
    use crate::text::fixture::{self, Stop};
    use crate::{Error, Result};

    fn load(change_tokenizer: impl Fn(String) -> String) -> Result<TextEncoder> {
        let root = tempfile::tempdir().unwrap();
        fixture::tokenizer(&root.path().join("tokenizer"));
        let file = root.path().join("tokenizer/tokenizer.json");
        fs::write(&file, change_tokenizer(fs::read_to_string(&file).unwrap())).unwrap();
        let weights = fixture::weights(root.path(), "shared.weight");
        TextEncoder::load(root.path(), &weights, &fixture::config(), DType::F32, &Device::Cpu, &())
    }

    fn encoder() -> TextEncoder {
        load(|file| file).unwrap()
    }

    fn rows(encoder: &TextEncoder, prompt: &str, length: usize) -> Vec<Vec<f32>> {
        let rows = encoder.embed(prompt, length, &Embeddings::default(), &()).unwrap();
        assert_eq!(rows.dims(), [1, length, 2]);
        rows.squeeze(0).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn a_prompt_is_followed_by_rows_of_zeros() {
        let encoder = encoder();
        let padded = rows(&encoder, " a\n b", 6);
        assert!(padded[..3].iter().all(|row| row.iter().any(|value| *value != 0.0)));
        assert_eq!(padded[3..], [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]);
        assert_eq!(rows(&encoder, "a b", 3), padded[..3]);
    }

    #[test]
    fn a_prompt_that_was_embedded_is_known_without_the_encoder() {
        let (encoder, known) = (encoder(), Embeddings::default());
        assert!(known.rows("a b", 6).unwrap().is_none());
        let first = encoder.embed("a b", 6, &known, &()).unwrap();
        drop(encoder);
        let again = known.rows(" a  b", 6).unwrap().unwrap();
        assert_eq!(again.dims(), [1, 6, 2]);
        let values = |rows: &Tensor| rows.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&again), values(&first));
        assert!(known.rows("b a", 6).unwrap().is_none() && known.rows("a b", 2).unwrap().is_none());
    }

    #[test]
    fn a_prompt_whose_embedding_was_stopped_is_not_known() {
        let (encoder, known) = (encoder(), Embeddings::default());
        assert!(matches!(encoder.embed("a b", 6, &known, &Stop), Err(Error::Stopped)));
        assert!(known.rows("a b", 6).unwrap().is_none());
    }

    #[test]
    fn a_prompt_that_is_too_long_is_cut() {
        let encoder = encoder();
        assert_eq!(rows(&encoder, "a b a b", 2), rows(&encoder, "a", 2));
    }

    #[test]
    fn a_tokenizer_that_knows_more_than_the_encoder_is_refused() {
        let refusal = load(|file| file.replace("\"b\":4", "\"b\":5")).err().unwrap().to_string();
        assert!(refusal.ends_with("token 5 is past the 5 that `vocab_size` of the text encoder says"), "{refusal}");
    }
}
