"""Text to token ids, by the Rust tokenizer that the model carries.

The same class serves training, export and prediction, so the three cannot disagree.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tokenizers import Tokenizer as RustTokenizer

from models.arrays import Float32, Int64, Rows
from models.console import encodable

Batch = dict[str, Int64]
"""Inputs of a model by name, `[rows, longest]` each."""

_CHUNK = 1024
"""Number of texts whose encodings are in memory at a time; the ids are a small part of those."""

_PIECE = 1 << 15
"""Characters of a text that are encoded together; a longer text is cut into such pieces."""

_Piece = tuple[int, bool, str]
"""Number of a text, whether this is its first part, and the part, which is encoded at once."""

_LONGEST_HEAD = 1 << 20
"""Characters that the first tokens of a text are looked for in, however few there are."""

_BORDER = re.compile(r"(?<=\w)[\s,.;:!?，。；：！？、…]")

_IN_WORD = re.compile("[A-Za-z0-9]{2}")  # no piece ends between two such characters


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

    ids: list[Int64]
    lengths: Int64
    read: Float32
    owner: Rows | None = None

    def batch(self, rows: Rows, pad_id: int) -> Batch:
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


def _border(text: str, start: int, size: int) -> int:
    """Return where a piece of at most `size` characters ends: before a border, if there is one."""
    end = start + size
    if end >= len(text):
        return len(text)
    for border in _BORDER.finditer(text, end - size // 2, end):
        end = border.start()
    return end


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
        self._stride: int | None = None
        self._lock = threading.Lock()
        self.max_length = max_length
        self.pad_id = 0  # padding is masked out, so any id serves where the vocabulary names none
        for name in ("<pad>", "[PAD]"):
            self.pad_id = self._rust.token_to_id(name) or self.pad_id
        # BERT's tokenizers give a pair of texts two token types, RoBERTa's do not: only a model of
        # the first kind has learned what they mean.
        self.has_token_types = any(self._rust.encode("a", "b").type_ids)

    def _truncate(self, stride: int) -> None:
        """Cut texts at `max_length`; threads may encode at once while the stride is the same."""
        with self._lock:
            if stride != self._stride:
                self._rust.enable_truncation(self.max_length, stride=stride)
                self._stride = stride

    def encode(self, texts: Sequence[str], *, windows: bool = False) -> Tokens:
        """Return the token ids of some texts.

        Args:
            texts: any strings.
            windows: read a text that is longer than `max_length` in windows that overlap by a
                quarter; otherwise only its beginning is read.
        """
        self._truncate(self.max_length // 4 if windows else 0)
        special = self._rust.num_special_tokens_to_add(is_pair=False)
        ids: list[Int64] = []
        owner: list[int] = []
        first = np.zeros(len(texts))  # tokens of each text, without special ones, in its first part
        total = np.zeros(len(texts))
        for group in self._groups(texts, windows=windows):
            # fast: without offsets
            encodings = self._rust.encode_batch_fast([text for *_, text in group])
            for (number, is_head, _), encoding in zip(group, encodings, strict=True):
                parts = [encoding, *encoding.overflowing]
                total[number] += sum(len(part) - special for part in parts)
                if is_head:
                    first[number] = len(encoding) - special
                if not windows:
                    parts = parts[:is_head]
                elif not is_head:  # of a piece of spaces there is nothing to read
                    parts = [part for part in parts if len(part) > special]
                owner += [number] * len(parts)
                ids += [np.array(part.ids, dtype=np.int64) for part in parts]
        share = first / np.maximum(total, 1)
        is_whole = windows | (total == first)
        read = np.where(is_whole, 1, share)
        lengths = [len(row) for row in ids]
        return Tokens(
            ids=ids,
            lengths=np.array(lengths, dtype=np.int64),
            read=read.astype(np.float32),
            owner=np.array(owner, dtype=np.intp) if windows else None,
        )

    def _groups(self, texts: Sequence[str], *, windows: bool) -> Iterator[list[_Piece]]:
        """Yield pieces that are encoded together, so few that memory is bounded."""
        group: list[_Piece] = []
        size = 0  # characters
        for number, text in enumerate(texts):
            for place, piece in enumerate(self._cut(encodable(text), windows=windows)):
                size += len(piece)
                if group and (len(group) == _CHUNK or size > 2 * _PIECE):
                    yield group
                    group, size = [], len(piece)
                group.append((number, place == 0, piece))
        if group:
            yield group

    def _cut(self, text: str, *, windows: bool) -> Iterator[str]:
        """Yield the pieces of a text; one that is not longer than `_PIECE` is whole.

        Unless it is read in windows, all that is read of it is in the first piece. That ends
        between two words, and twice as much text gives the same tokens, unless there is no such
        place in the first `_LONGEST_HEAD` characters.
        """
        size = _PIECE
        end = _border(text, 0, size)
        while not windows and end < len(text) and size < _LONGEST_HEAD:
            size *= 2
            longer = _border(text, 0, size)
            few, many = self._rust.encode_batch_fast([text[:end], text[:longer]])
            if many.overflowing and few.ids == many.ids and _BORDER.match(text, end):
                break
            end = longer
        yield text[:end]
        while end < len(text):
            start, end = end, _border(text, end, _PIECE)
            yield text[start:end]

    def pieces(self, text: str) -> list[str]:
        """Cut a text where its tokens begin, but not inside of a word in Latin letters or digits.

        Returns:
            Pieces that together are the part of the text that is read; none where nothing is.
        """
        spans = [span for span in self.spans(text) if span[0] < span[1]]
        if not spans:
            return []
        starts = {start for start, _ in spans if not _IN_WORD.match(text, start - 1, start + 1)}
        borders = [0, *sorted(starts)[1:], max(end for _, end in spans)]
        return [text[start:end] for start, end in pairwise(borders)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where each token of a text that is read starts and ends; of special ones 0, 0."""
        self._truncate(0)
        head = next(self._cut(encodable(text), windows=False))
        spans: list[tuple[int, int]] = self._rust.encode(head).offsets
        return spans

    def texts_of(self, ids: Int64) -> list[str]:
        """Return the text of each token, without spaces; of special ones it is empty."""
        texts = self._rust.decode_batch([[number] for number in ids.tolist()])
        return [text.removeprefix("##").strip() for text in texts]
