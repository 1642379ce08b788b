"""A tokenizer of UMT5's kind (unigram pieces, U+2581 for spaces) with a few dozen pieces."""

import string

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

# Begins and ends with spaces, holds a run of them, an ampersand that was escaped twice, and a letter without a piece.
PROMPT = " Two gulls  circle a café &amp;amp; land on the quay. "
NEGATIVE = "grainy, dark, still"

_SPACE = "\u2581"
_WORDS = ["Two", "gull", "circle", "a", "caf", "land", "on", "the", "quay", "grain", "dark", "still", "&"]
_ENDINGS = ["ing", "ed", "er"]
_CHARACTERS = string.ascii_letters + string.digits + ".,;:!?'&-"


def tokenizer() -> PreTrainedTokenizerFast:
    """Ids as in UMT5: 0 pads, 1 ends every text, 2 stands for what has no piece."""
    made = Tokenizer(models.Unigram(_pieces(), unk_id=2))
    made.normalizer = normalizers.Sequence([normalizers.Replace("\n", " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
    made.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


def _pieces() -> list[tuple[str, float]]:
    """Pieces with their scores: whole words are likelier than what they can be put together from."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    words = [(_SPACE + word, -3.0 - 0.1 * rank) for rank, word in enumerate(_WORDS)]
    endings = [(ending, -5.0 - 0.1 * rank) for rank, ending in enumerate(_ENDINGS)]
    characters = [(character, -8.0 - 0.01 * rank) for rank, character in enumerate(_SPACE + _CHARACTERS)]
    return special + words + endings + characters
