//! What a render attends to besides itself.

use std::sync::Arc;

use super::cross_attention::KeyValues;

/// The prompt and, for models that see one, the image: keys and values of every block, made once for all steps.
///
/// Made by [`Transformer::context`](super::Transformer::context), and good for that transformer only.
#[derive(Debug, Clone)]
pub struct Context {
    pub(super) blocks: Vec<KeyValues>,
    /// The transformer that made it.
    pub(super) of: Arc<()>,
}
