"""What a one-file model says of itself: the `metadata_props` of its ONNX graph.

Written by `python -m export`, read by the predictor through ONNX Runtime; both only know this file.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

PREFIX = "sentiment_tui."
FORMAT = 1
"""Raised when a file of the old kind can no longer be read."""


class ManifestError(ValueError):
    """The metadata is missing, of another format, or damaged."""


@dataclass(frozen=True)
class Manifest:
    """Everything that a prediction needs beside the weights.

    Attributes:
        labels: names in the order of the columns of `probabilities`.
        tokenizer: the whole `tokenizer.json`.
        max_length: longer texts are cut to this many tokens.
        pooling: what the head sees of the last layer: "cls" or "mean".
        precision: "fp32", "fp16" or "int8".
        encoder: name of the encoder that the model was made from.
        data: fingerprint of the data that it was trained on.
        quality: scores by split, as `Metrics.as_dict` gives them.
        digest: SHA-256 over weights, tokenizer and labels.
        version: of this project, at export.
        uncertain_below: the confidence below which an answer is called uncertain; 0 for none, and
            in files from before there was one.
        target: "cpu" or "cuda", the device that the graph was made for.
        reduce_range: int8 weights have seven bits in products, so that no processor's sums
            overflow; False in files from before there were such.
        proof: what the gates of the export measured (see `export.parity.Agreement`), and for int8
            the instruction sets of the processor that it was chosen on.
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
    uncertain_below: float = 0.0
    target: str = "cpu"
    reduce_range: bool = False
    proof: dict[str, object] = dataclasses.field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """Return the key-value pairs to write, sorted by key; strings as they are, others JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["format"] = FORMAT
        return {
            PREFIX + name: value
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False, sort_keys=True)
            for name, value in sorted(values.items())
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Manifest":
        """Read back what `to_metadata` wrote.

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
        manifest = cls(**values)
        manifest._check()
        object.__setattr__(manifest, "labels", tuple(manifest.labels))
        return manifest

    def _check(self) -> None:
        labels = self.labels
        if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
            raise ManifestError(f"{PREFIX}labels is not a list of names")
        if len(set(labels)) != len(labels) or len(labels) < 2:
            raise ManifestError(f"{PREFIX}labels does not name two or more different labels")
        if not isinstance(self.max_length, int) or self.max_length < 3:
            raise ManifestError(f"{PREFIX}max_length is not a number of tokens")
        threshold = self.uncertain_below
        if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            raise ManifestError(f"{PREFIX}uncertain_below is not a confidence")
