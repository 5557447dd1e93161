"""Text to token ids, by the Rust tokenizer that the model carries.

The same class serves training, export and prediction, so the three cannot disagree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as RustTokenizer

Array = NDArray[np.int64]

Batch = dict[str, Array]
"""Inputs of a model by name, `[rows, longest]` each."""

_CHUNK = 1024
"""Number of texts whose encodings are in memory at a time; the ids are a small part of those."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_IN_WORD = re.compile("[A-Za-z0-9]{2}")  # no piece ends between two such characters


def encodable(text: str) -> str:
    """Return a text without lone surrogates, which JSON can spell and Rust cannot hold."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class Tokens:
    """Token ids of some texts, not padded.

    Attributes:
        ids: an int64 array `[length]` for each text, special tokens included; for each window of a
            text, where long texts are read in windows.
        lengths: number of tokens of each array.
        read: share of a text's tokens that are in `ids`, float32 `[texts]`.
        owner: number of the text that each array is of; None where there is one for each text.
    """

    ids: list[Array]
    lengths: Array
    read: NDArray[np.float32]
    owner: NDArray[np.intp] | None = None

    def batch(self, rows: NDArray[np.intp], pad_id: int) -> Batch:
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

    Attributes:
        max_length: number of tokens that longer texts are cut to.
        pad_id: id of the padding token.
        has_token_types: the model reads `token_type_ids`.

    Raises:
        ValueError: the JSON is no tokenizer.
    """

    def __init__(self, json: str, max_length: int) -> None:
        try:
            self._rust = RustTokenizer.from_str(json)
        except Exception as error:
            raise ValueError(f"not a tokenizer.json: {error}") from error
        self._rust.no_padding()
        self.max_length = max_length
        self.pad_id = 0  # padding is masked out, so any id serves where the vocabulary names none
        for name in ("<pad>", "[PAD]"):
            self.pad_id = self._rust.token_to_id(name) or self.pad_id
        # BERT's tokenizers give a pair of texts two token types, RoBERTa's do not: only a model of
        # the first kind has learned what they mean.
        self.has_token_types = any(self._rust.encode("a", "b").type_ids)

    def encode(self, texts: Sequence[str], *, windows: bool = False) -> Tokens:
        """Return the token ids of some texts.

        Args:
            texts: any strings.
            windows: read a text that is longer than `max_length` in windows that overlap by a
                quarter; otherwise only its beginning is read.
        """
        self._rust.enable_truncation(self.max_length, stride=self.max_length // 4 if windows else 0)
        special = self._rust.num_special_tokens_to_add(is_pair=False)
        ids: list[Array] = []
        read: list[float] = []
        owner: list[int] = []
        for start in range(0, len(texts), _CHUNK):
            chunk = [encodable(text) for text in texts[start : start + _CHUNK]]
            for encoding in self._rust.encode_batch_fast(chunk):  # without offsets
                parts = [encoding, *encoding.overflowing]
                share = 1.0
                if len(parts) > 1 and not windows:
                    tokens = sum(len(part) - special for part in parts)
                    share = (len(encoding) - special) / tokens
                    parts = [encoding]
                owner += [len(read)] * len(parts)
                read.append(share)
                ids += [np.array(part.ids, dtype=np.int64) for part in parts]
        return Tokens(
            ids=ids,
            lengths=np.array([len(row) for row in ids], dtype=np.int64),
            read=np.array(read, dtype=np.float32),
            owner=np.array(owner, dtype=np.intp) if windows else None,
        )

    def pieces(self, text: str) -> list[str]:
        """Cut a text where its tokens begin, but not inside of a word in Latin letters or digits.

        Returns:
            Pieces that together are the part of the text that is read; none where nothing is.
        """
        self._rust.enable_truncation(self.max_length)
        spans = [span for span in self._rust.encode(encodable(text)).offsets if span[0] < span[1]]
        if not spans:
            return []
        starts = {start for start, _ in spans if not _IN_WORD.match(text, start - 1, start + 1)}
        borders = [0, *sorted(starts)[1:], max(end for _, end in spans)]
        return [text[start:end] for start, end in pairwise(borders)]
