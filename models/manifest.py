"""The manifest of a one-file model: its description of itself, the `metadata_props` of the graph.

Written by `python -m export`, read by the predictor through ONNX Runtime; both only know this file.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from models.review import NO_LEVELS, Levels, read_levels

PREFIX = "sentiment_tui."
FORMAT = 1
"""Version of the format: raised when a file of the old one can no longer be read."""


class ManifestError(ValueError):
    """The metadata is missing, of another format, or damaged."""


@dataclass(frozen=True)
class Manifest:
    """Everything that a prediction needs beside the weights.

    Attributes:
        labels: names of the labels, in the order of the columns of `probabilities`.
        tokenizer: the whole `tokenizer.json`.
        max_length: number of tokens that longer texts are cut to.
        pooling: "cls" or "mean"; how the vectors of the last layer become the features.
        precision: "fp32", "fp16" or "int8".
        encoder: name of the encoder that the model was made from.
        data: fingerprint of the data that it was trained on.
        quality: scores by split, as `Metrics.as_dict` gives them.
        digest: SHA-256 of the weights, the tokenizer and the labels.
        version: version of this project that exported it.
        review: limits of confidence, and the errors on dev below each (see `models.review`); files
            from before there were levels have one limit, `uncertain_below`, or none.
        target: "cpu" or "cuda", the device that the graph was made for.
        reduce_range: int8 weights of products have seven bits, so that no processor's sums
            overflow; False in files from before there were such.
        proof: measurements of the gates of the export (see `export.parity.Agreement`), and for int8
            the instruction sets of the processor that chose the form.
    """

    labels: tuple[str, ...]
    tokenizer: str
    max_length: int
    pooling: str
    precision: str
    encoder: str
    data: str
    quality: dict[str, object]
    digest: str
    version: str
    review: Levels = NO_LEVELS
    target: str = "cpu"
    reduce_range: bool = False
    proof: dict[str, object] = dataclasses.field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """Return the key-value pairs to write, sorted by key; strings as they are, others JSON."""
        metadata = {PREFIX + "format": str(FORMAT)}
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str):
                value = json.dumps(value, ensure_ascii=False, sort_keys=True, default=vars)
            metadata[PREFIX + field.name] = value
        return dict(sorted(metadata.items()))

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Manifest":
        """Read the pairs that `to_metadata` wrote.

        Raises:
            ManifestError: a key is missing, the format is another, or a value cannot be read.
        """
        found = metadata.get(PREFIX + "format")
        if found is None:
            raise ManifestError(f"it has no metadata of this program ({PREFIX}format)")
        if found != str(FORMAT):
            raise ManifestError(f"its format is {found[:20]}, this program reads {FORMAT}")
        values: dict[str, Any] = {}
        for field in fields(cls):
            text = metadata.get(PREFIX + field.name)
            if text is None and (field.default, field.default_factory) != (MISSING, MISSING):
                continue
            if text is None:
                raise ManifestError(f"its metadata lacks {PREFIX}{field.name}")
            try:
                values[field.name] = text if field.type is str else json.loads(text)
            except json.JSONDecodeError as error:
                raise ManifestError(f"{PREFIX}{field.name} is damaged: {error}") from error
        values["review"] = _review(values.get("review"), metadata)
        manifest = cls(**values)
        manifest._check()
        object.__setattr__(manifest, "labels", tuple(manifest.labels))
        return manifest

    def _check(self) -> None:
        """Raise ManifestError where the JSON was of another kind than expected."""
        labels = self.labels
        if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
            raise ManifestError(f"{PREFIX}labels is not a list of names")
        if len(set(labels)) != len(labels) or len(labels) < 2:
            raise ManifestError(f"{PREFIX}labels does not name two or more different labels")
        if not isinstance(self.max_length, int) or self.max_length < 3:
            raise ManifestError(f"{PREFIX}max_length is not a number of tokens")


def _review(found: Any, metadata: Mapping[str, str]) -> Levels:
    """Check the levels; in a file without them, answers below its one limit are to look at."""
    try:
        if found is None:
            limit = json.loads(metadata.get(PREFIX + "uncertain_below", "0"))
            found = [{"below": below} for below in (0, limit, 1)]
        return read_levels(found)
    except ValueError as error:
        raise ManifestError(f"{PREFIX}review is damaged: {error}") from error
