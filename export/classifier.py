"""A classifier that is ready to be exported, wherever it came from."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from export.first_token import BERT_LIKE, FirstTokenLayer
from models.console.i18n import tr
from models.console.narration import progress
from models.levels import levels_of
from models.review import NO_LEVELS, Levels, read_levels
from models.run_directory import ScoredRow
from models.session import Probabilities
from models.tokenizer import Batch, Tokenizer


@dataclass(frozen=True)
class ExportableClassifier:
    """A classifier to be traced, with what its file says of itself and is compared with.

    Attributes:
        module: gives probabilities `[B, C]` and features `[B, H]`.
        reference: the classifier as it was loaded; gives logits `[B, C]` before `temperature`.
        temperature: divisor of those logits.
        config: configuration of the encoder, by transformers.
        short_layer: part of the names of the nodes of a `FirstTokenLayer`; None without one.
        facts: fields of the manifest that do not depend on the export.
        dev: labelled texts, without probabilities where nobody has recorded any.
        train: more texts for an int8 file to be held against.
    """

    module: nn.Module
    reference: nn.Module
    temperature: float
    config: Any
    short_layer: str | None
    facts: dict[str, Any]
    dev: list[ScoredRow]
    train: list[ScoredRow] = field(default_factory=list)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the file will carry."""
        return Tokenizer(self.facts["tokenizer"], self.facts["max_length"])

    @cached_property
    def inputs(self) -> list[str]:
        """Names of the inputs of the graph."""
        names = ["input_ids", "attention_mask"]
        if self.tokenizer.has_token_types:
            names.append("token_type_ids")
        return names

    def alone(self, texts: Sequence[str]) -> Iterator[Batch]:
        """Yield the inputs of the graph for each text by itself, without padding."""
        tokens = self.tokenizer.encode(texts)
        with progress(tr("torch, text by text"), len(texts)) as advance:
            for row in range(len(texts)):
                batch = tokens.batch(np.array([row]), self.tokenizer.pad_id)
                yield {name: batch[name] for name in self.inputs}
                advance(1)

    @torch.inference_mode()
    def answer(self, batch: Batch) -> Probabilities:
        """Return the probabilities by torch: softmax(logits / temperature), `[B, C]`."""
        tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
        logits = _logits(self.reference(**tensors))
        probabilities: Probabilities = (logits / self.temperature).softmax(dim=-1).numpy()
        return probabilities

    @cached_property
    def dev_answers(self) -> Probabilities:
        """The probabilities of the dev texts by torch, `[rows, C]`: recorded, or computed now."""
        return self._answers(self.dev)

    @cached_property
    def train_answers(self) -> Probabilities:
        """The probabilities of the texts of train, `[rows, C]`."""
        return self._answers(self.train)

    def _answers(self, rows: Sequence[ScoredRow]) -> Probabilities:
        recorded = [row.probabilities for row in rows]
        if all(recorded):
            return np.array(recorded, dtype=np.float32).reshape(
                len(rows), len(self.facts["labels"])
            )
        texts = [row.text for row in rows]
        return np.concatenate([self.answer(batch) for batch in self.alone(texts)])

    @cached_property
    def review(self) -> Levels:
        """Levels of confidence, by the answers to the dev texts."""
        if not self.dev:
            return NO_LEVELS
        # of a run that was cross-validated, dev was learned: its training has counted
        if counted := self.facts["quality"].get("dev", {}).get("review"):
            return read_levels(counted)
        labels = np.array([row.label for row in self.dev])
        return levels_of(self.dev_answers, labels)


class SoftmaxClassifier(nn.Module):
    """The computation of the graph: probabilities `[B, C]`, and the features `[B, H]` behind them.

    Args:
        classifier: gives logits `[B, C]`.
        head: its last linear layer, whose input is called the features.
    """

    def __init__(self, classifier: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.classifier = classifier
        self._features: list[Tensor] = []
        head.register_forward_hook(lambda _head, inputs, _output: self._features.append(inputs[0]))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return `(probabilities, features)` for token ids, attention mask, and token types."""
        logits = _logits(self.classifier(*inputs))
        return logits.softmax(dim=-1), self._features.pop()


def _logits(output: Any) -> Tensor:
    """Return the logits of an output of our classifier, or of one of transformers."""
    logits: Tensor = getattr(output, "logits", output)
    return logits


def make_exportable(
    classifier: nn.Module,
    head: nn.Linear,
    encoder: Any,
    facts: dict[str, Any],
    dev: list[ScoredRow],
    temperature: float = 1.0,
) -> ExportableClassifier:
    """Prepare a classifier, which is changed: temperature in the head, a short last layer.

    softmax((W·x + b) / T) is the softmax of a head with W / T and b / T.
    """
    reference = copy.deepcopy(classifier)
    with torch.no_grad():
        head.weight.div_(temperature)
        head.bias.div_(temperature)
    config = encoder.config
    layers = getattr(getattr(encoder, "encoder", None), "layer", None)
    short_layer = None
    if facts["pooling"] == "cls" and config.model_type in BERT_LIKE and layers is not None:
        short_layer = f"/layer.{len(layers) - 1}/"
        layers[-1] = FirstTokenLayer(
            layers[-1], config.num_attention_heads, as_tuple=transformers.__version__ < "5"
        )
    module = SoftmaxClassifier(classifier, head).eval()
    return ExportableClassifier(module, reference, temperature, config, short_layer, facts, dev)
