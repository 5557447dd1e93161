"""A classifier that is ready to be exported, wherever it came from."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from export.first_token import shorten
from models.console import tr
from models.console.narration import progress
from models.levels import levels_of
from models.review import NO_LEVELS, Levels, read_levels
from models.run_directory import ScoredRow
from models.session import Probabilities
from models.tokenizer import Batch, Tokenizer
from models.tracing import inputs_of


class ExportableClassifier:
    """A classifier to be traced, with what its file says of itself and is compared with.

    It is changed: temperature goes into the head, since softmax((W·x + b) / T) is the softmax of a
    head with W / T and b / T, and the last layer may be traced for the first token alone.

    Args:
        classifier: gives logits `[B, C]`.
        head: its last linear layer.
        encoder: the encoder in it, by transformers.
        facts: fields of the manifest that do not depend on the export.
        dev: labelled texts, without probabilities where nobody has recorded any.
        temperature: divisor of the logits.
        train: more texts for an int8 file to be held against.

    Attributes:
        module: gives probabilities `[B, C]` and features `[B, H]`.
        short_layer: part of the names of the nodes of a `FirstTokenLayer`; None without one.
    """

    def __init__(
        self,
        classifier: nn.Module,
        head: nn.Linear,
        encoder: Any,
        facts: dict[str, Any],
        dev: list[ScoredRow],
        temperature: float = 1.0,
        train: Sequence[ScoredRow] = (),
    ) -> None:
        self.encoder, self.facts, self.dev, self.train = encoder, facts, dev, train
        with torch.no_grad():
            for weights in head.parameters():
                weights.div_(temperature)
        self.module = SoftmaxClassifier(classifier, head, encoder.config).eval()
        self.short_layer = shorten(self.module, encoder)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the file will carry."""
        return Tokenizer(self.facts["tokenizer"], self.facts["max_length"])

    @cached_property
    def inputs(self) -> list[str]:
        """Names of the inputs of the graph; ValueError, optimum knows none."""
        names = inputs_of(self.encoder.config)
        if not names:
            raise ValueError(tr("optimum knows no such encoder"))
        return names if self.tokenizer.has_token_types else names[:2]

    def alone(self, texts: Sequence[str]) -> Iterator[Batch]:
        """Yield the inputs of the graph for each text by itself, without padding."""
        with progress(tr("torch, text by text"), len(texts)) as advance:
            for text in texts:
                yield self.batch([text])
                advance(1)

    def batch(self, texts: Sequence[str]) -> Batch:
        """Return the inputs of the graph for some texts, padded."""
        tokens = self.tokenizer.encode(texts)
        batch = tokens.batch(np.arange(len(texts)), self.tokenizer.pad_id)
        return {name: batch[name] for name in self.inputs}

    @torch.inference_mode()
    def outputs(self, batch: Batch) -> list[Probabilities]:
        """Return the probabilities `[B, C]` and the features `[B, H]` by torch."""
        tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
        return [output.numpy() for output in self.module(**tensors)]

    def answer(self, batch: Batch) -> Probabilities:
        """Return the probabilities by torch, `[B, C]`."""
        return self.outputs(batch)[0]

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
        config: configuration of the encoder, by transformers.
    """

    def __init__(self, classifier: nn.Module, head: nn.Linear, config: Any) -> None:
        super().__init__()
        self.classifier = classifier
        self.config = config
        self._features: list[Tensor] = []
        head.register_forward_hook(lambda _head, inputs, _output: self._features.append(inputs[0]))

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return `(probabilities, features)` for inputs `[B, T]`."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        output = self.classifier(input_ids, attention_mask=attention_mask, **types)
        logits: Tensor = getattr(output, "logits", output)  # of transformers; ours gives them alone
        return logits.softmax(dim=-1), self._features.pop()
