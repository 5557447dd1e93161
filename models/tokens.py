"""Text to token ids, by the Rust tokenizer that the model carries.

The same class serves training, export and prediction, so the three cannot disagree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as RustTokenizer

Array = NDArray[np.int64]

_SURROGATE = re.compile(
    "[\ud800-\udfff]"
)  # JSON can spell one alone; Rust's strings cannot hold it


@dataclass(frozen=True)
class Tokens:
    """Token ids of some texts, not padded.

    Attributes:
        ids: one int64 array `[length]` per text, special tokens included.
        lengths: tokens per text, `[texts]`.
        truncated: whether the text was longer than the tokenizer's `max_length`, `[texts]`.
    """

    ids: list[Array]
    lengths: Array
    truncated: NDArray[np.bool_]

    def batch(self, rows: NDArray[np.intp], pad_id: int) -> dict[str, Array]:
        """Pad some texts on the right to the longest of them.

        Returns:
            `input_ids`, `attention_mask` and `token_type_ids`, int64 `[rows, longest]`.
        """
        lengths = self.lengths[rows]
        # [rows, longest]: True where a token stands, which is what the mask says
        filled = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(filled.shape, pad_id, dtype=np.int64)
        ids[filled] = np.concatenate([self.ids[row] for row in rows])
        return {
            "input_ids": ids,
            "attention_mask": filled.astype(np.int64),
            "token_type_ids": np.zeros_like(ids),  # one text alone is all of type 0
        }


class Tokenizer:
    """A `tokenizer.json` with the truncation that the model was trained with.

    Raises:
        ValueError: the JSON is no tokenizer.
    """

    def __init__(self, json: str, max_length: int) -> None:
        try:
            self._rust = RustTokenizer.from_str(json)
        except Exception as error:
            raise ValueError(f"not a tokenizer.json: {error}") from error
        self._rust.no_padding()
        self._rust.enable_truncation(max_length)
        self.max_length = max_length
        # Padding is masked out, so any id serves where the vocabulary names none.
        self.pad_id: int = next(
            (i for name in ("[PAD]", "<pad>") if (i := self._rust.token_to_id(name)) is not None), 0
        )
        # BERT's tokenizers give a pair of texts two token types, RoBERTa's do not: only a model of
        # the first kind has learned what they mean.
        self.has_token_types = any(self._rust.encode("a", "b").type_ids)

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Return the token ids of `texts`, each cut to `max_length` tokens."""
        encodings = self._rust.encode_batch(
            [_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts]
        )
        ids = [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
        return Tokens(
            ids=ids,
            lengths=np.array([len(row) for row in ids], dtype=np.int64),
            truncated=np.array([bool(encoding.overflowing) for encoding in encodings], dtype=bool),
        )
