"""Checks the `tokenizer.json` of a stranger's model file, before a library trusts it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from models.untrusted import RefusedError

_PARTS = """
BPE Unigram WordLevel WordPiece
BertNormalizer Lowercase NFC NFD NFKC NFKD Nmt Precompiled Prepend Replace Sequence
Strip StripAccents
BertPreTokenizer ByteLevel Digits Metaspace Punctuation Split Whitespace WhitespaceSplit
BertProcessing RobertaProcessing TemplateProcessing
BPEDecoder ByteFallback Fuse
"""  # models, normalizers, pre-tokenizers, post-processors, decoders

TOKENIZER_PARTS = set(_PARTS.split())
"""Kinds of parts that a `tokenizer.json` may have."""

REGULAR_EXPRESSIONS = {" {2,}"}
"""Regular expressions of tokenizers: e5's, which folds spaces. Others may take exponential time."""

GROWTH = {
    "BertNormalizer": 12,
    "ByteLevel": 4,
    "Lowercase": 3,
    "NFC": 3,
    "NFD": 4,
    "NFKC": 18,
    "NFKD": 18,
}
"""Most characters that a normaliser makes of one; of the forms, as Unicode's FAQ has them."""

MAX_GROWTH = 18 * 18
"""Most characters that all normalisers together may make of one."""

MAX_WORD = 1000
"""Characters of a word that WordPiece looks up; the time grows with their square. BERT has 100."""


def check_tokenizer(text: str, rows: int) -> list[str]:
    """Check a `tokenizer.json` part by part, before the library that trusts it reads it.

    Args:
        text: the JSON.
        rows: number of token ids that the model knows.

    Returns:
        Pieces of the vocabulary.
    """
    try:
        document = json.loads(text, object_pairs_hook=_without_twins)
        model = document["model"]
        vocabulary = model.pop("vocab")
        model.pop("merges", None)
        ids = [token["id"] for token in document["added_tokens"]]
        ids += vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
        highest = max(ids)
        pieces = [str(one[0] if isinstance(one, list) else one) for one in vocabulary]
        parts = list(_named_parts(document))
        growth = _growth(document["normalizer"])
        longest_word = int(model.get("max_input_chars_per_word", 0))
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise RefusedError(f"its tokenizer is not a tokenizer.json: {error!r:.200}") from error
    for name, value in parts:
        if name == "type" and str(value) not in TOKENIZER_PARTS:
            raise RefusedError(f"its tokenizer has a part of the kind {value!r:.100}")
        if name == "Regex" and str(value) not in REGULAR_EXPRESSIONS:
            raise RefusedError(f"its tokenizer has the regular expression {value!r:.100}")
    if growth > MAX_GROWTH:
        raise RefusedError(f"its normalizer may make {growth:.3g} characters of one")
    if model.get("dropout"):
        raise RefusedError("its tokenizer draws at random (dropout)")
    if longest_word > MAX_WORD:
        raise RefusedError(f"its tokenizer looks up words of {longest_word} characters")
    if highest >= rows:
        raise RefusedError(f"its tokenizer has ids up to {highest}, and its table {rows} rows")
    return pieces


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; of a key that stands twice, Rust may take the other value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _growth(normalizer: Any) -> float:
    """Return how many characters a normaliser may make of one."""
    match normalizer:
        case None:
            return 1
        case {"type": "Sequence", "normalizers": list(parts)}:
            product = 1.0
            for part in parts:
                product *= _growth(part)
            return product
        case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)} if old:
            return max(1, len(new) / len(old))
        case {"type": "Replace", "pattern": {"Regex": _}, "content": str(new)}:
            return max(1, len(new))
        case {"type": "Prepend", "prepend": str(start)}:
            return 1 + len(start)
        case {"type": "Precompiled", "precompiled_charsmap": str(text)}:
            content = base64.b64decode(text)
            start_of_texts = 4 + int.from_bytes(content[:4], "little")
            texts = content[start_of_texts:].decode(errors="replace")
            replacements = texts.split("\0")
            return max(map(len, replacements))
        case {"type": str(kind)} if kind not in ("Sequence", "Replace", "Prepend", "Precompiled"):
            return GROWTH.get(kind, 1)
    raise ValueError(f"unknown normalizer {normalizer!r:.100}")


def _named_parts(value: Any) -> Iterator[tuple[str, object]]:
    """Yield every entry called "type" or "Regex", however deep: the library knows parts by them."""
    if isinstance(value, list):
        for inner in value:
            yield from _named_parts(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in ("type", "Regex"):
                yield key, inner
            yield from _named_parts(inner)
