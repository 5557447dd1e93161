"""Tells when two texts are the same review, for leaks, contradictions and cuts without leaks."""

import html
import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

from models.arrays import Mask


def normalised(text: str) -> str:
    """Return a text without what two copies of a review may differ in.

    HTML entities are resolved, compatibility forms unified (NFKC), letters lowered; white space and
    punctuation go. A text of nothing but these, such as 😊 or ！, keeps them.
    """
    unified = unicodedata.normalize("NFKC", html.unescape(text)).lower()
    return "".join(filter(str.isalnum, unified)) or unified.strip()


def hash64(text: str) -> int:
    """Return the first 64 bits of a text's BLAKE2b, as a number."""
    content = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def seen_rows(train: Iterable[str], texts: Sequence[str]) -> Mask:
    """Return which of `texts` also stand in `train` once both are normalised, `[texts]`."""
    known = {normalised(text) for text in train}
    return np.array([normalised(text) in known for text in texts], dtype=bool)
