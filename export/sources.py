"""What can be exported: a run of our trainer, or a classifier in the Hugging Face format."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.encoder import canonical_tokenizer, max_positions
from models.labels import LabelSet
from models.run_directory import ScoredRow, load_classifier, read_json, read_rows, read_run
from models.tables import LABEL_COLUMNS, TEXT_COLUMNS, find_column, open_table
from models.tokenizer import Tokenizer

BERT_LIKE = ("bert", "camembert", "electra", "ernie", "roberta", "xlm-roberta")
"""Model types whose layers transformers builds alike, as `FirstRow` needs them. MacBERT, RBT and
the Chinese RoBERTa-wwm models say "bert"."""

Batch = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Source:
    """A classifier that is ready to be traced, and what its file must say and be held against.

    Attributes:
        module: gives probabilities `[B, C]` and features `[B, H]`.
        reference: the classifier as it was loaded; gives logits `[B, C]` before `temperature`.
        temperature: divides those logits.
        config: of the encoder, by transformers.
        last: where the last layer runs for one row, a part of the names of its nodes.
        facts: of the manifest, all that the source knows.
        rows: of dev, with torch's answers; empty where no labelled texts were given.
    """

    module: nn.Module
    reference: nn.Module
    temperature: float
    config: Any
    last: str | None
    facts: dict[str, Any]
    rows: list[ScoredRow]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the file will carry."""
        return Tokenizer(self.facts["tokenizer"], self.facts["max_length"])

    @cached_property
    def inputs(self) -> list[str]:
        """Names of the inputs of the graph."""
        types = ["token_type_ids"] if self.tokenizer.has_token_types else []
        return ["input_ids", "attention_mask", *types]

    def alone(self, texts: Sequence[str]) -> Iterator[Batch]:
        """Yield the graph's inputs for each text by itself: without padding."""
        tokenizer, names = self.tokenizer, self.inputs
        tokens = tokenizer.encode(texts)
        for row in range(len(texts)):
            batch = tokens.batch(np.array([row]), tokenizer.pad_id)
            yield {name: batch[name] for name in names}

    @torch.inference_mode()
    def answer(self, batch: Batch) -> NDArray[np.float32]:
        """Return what torch answers: softmax(logits / temperature), `[B, C]`."""
        output = self.reference(**{name: torch.from_numpy(ids) for name, ids in batch.items()})
        probabilities: NDArray[np.float32] = (
            (_logits(output) / self.temperature).softmax(dim=-1).numpy()
        )
        return probabilities


class FirstRow(nn.Module):
    """The last layer of a BERT-like encoder, for the first token alone.

    The classifier sees nothing else of that layer, so one query is asked, and one row goes through
    the feed-forward part: `[B, T, H]` becomes `[B, 1, H]`, with the numbers that the whole layer
    would give for it. With a single query nothing needs keys and values either: q·(Wₖh + bₖ) is
    (Wₖᵀq)·h plus a constant that softmax removes, and Σ wᵢ(Wᵥhᵢ + bᵥ) is Wᵥ(Σ wᵢhᵢ) + bᵥ.
    """

    def __init__(self, layer: Any, heads: int, *, as_tuple: bool) -> None:
        super().__init__()
        self.layer = layer
        self.as_tuple = as_tuple
        attention = layer.attention.self
        hidden = attention.query.out_features
        size = hidden // heads
        self.keys: Tensor  # [heads, size, H]
        self.values: Tensor  # [heads, H, size]
        keys = attention.key.weight.detach().view(heads, size, hidden) * size**-0.5
        values = attention.value.weight.detach().view(heads, size, hidden).transpose(1, 2)
        self.register_buffer("keys", keys)
        self.register_buffer("values", values.contiguous())

    def forward(self, hidden: Tensor, attention_mask: Tensor, *_: Any, **__: Any) -> Any:
        """Return `[B, 1, H]`, in a tuple where the encoder of this transformers expects one.

        Args:
            hidden: `[B, T, H]`.
            attention_mask: added to the scores, `[B, 1, 1 or T, T]`.
        """
        heads, size, _hidden = self.keys.shape
        attention = self.layer.attention.self
        first = hidden[:, :1]
        # Products of this shape are summed in the same order whatever else is in the batch.
        query = attention.query(first).reshape(-1, heads, 1, size)
        asked = (query @ self.keys).reshape(-1, heads, hidden.shape[2])  # [B, heads, H]
        scores = (hidden @ asked.transpose(1, 2)).transpose(1, 2)  # [B, heads, T]
        weights = (scores + attention_mask[:, 0, :1]).softmax(dim=-1)
        mixed = weights @ hidden  # [B, heads, H]
        context = (mixed.unsqueeze(2) @ self.values).reshape(first.shape)  # [B, 1, H]
        attended = self.layer.attention.output(context + attention.value.bias, first)
        output: Tensor = self.layer.output(self.layer.intermediate(attended), attended)
        return (output,) if self.as_tuple else output


class SoftmaxClassifier(nn.Module):
    """What the graph computes: probabilities `[B, C]`, and the features `[B, H]` behind them.

    Args:
        classifier: gives logits `[B, C]`.
        head: its last linear layer, whose input is called the features.
    """

    def __init__(self, classifier: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.classifier = classifier
        self._seen: list[Tensor] = []
        head.register_forward_hook(lambda _module, inputs, _output: self._seen.append(inputs[0]))

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return `(probabilities, features)`."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        logits = _logits(self.classifier(input_ids, attention_mask=attention_mask, **types))
        return logits.softmax(dim=-1), self._seen.pop()


def _logits(output: Any) -> Tensor:
    """Return the logits that our classifier or one of transformers gave."""
    logits: Tensor = getattr(output, "logits", output)
    return logits


def open_source(path: Path, encoder: str | None = None, dev: Path | None = None) -> Source:
    """Load what is to be exported.

    Args:
        path: a run directory, or a folder with a `...ForSequenceClassification` of transformers.
        encoder: where the encoder of a run is now, if it moved.
        dev: a table of `text` and `label`, to hold a Hugging Face classifier's int8 file against;
            a run has its own.

    Raises:
        UserError: as `read_run`, `load_classifier` and `open_table`; USAGE, `encoder` is not for a
            classifier, or `dev` not for a run; DATA, a classifier of a kind that is not supported,
            something of a run is damaged, or `dev` has other labels.
    """
    if (path / "run.json").is_file() or not (path / "config.json").is_file():
        if dev is not None:
            raise UserError(
                ExitCode.USAGE, "--dev is for a classifier of transformers; a run has its own"
            )
        return _from_run(path, encoder)
    if encoder is not None:
        raise UserError(
            ExitCode.USAGE, "--encoder is for a run; a classifier of transformers has its own"
        )
    return _from_hugging_face(path, dev)


def _from_run(folder: Path, moved: str | None) -> Source:
    run = read_run(folder)
    classifier, encoder = load_classifier(folder, run, moved, for_export=True)
    try:
        quality: dict[str, Any] = read_json(folder / "metrics.json")
        quality.pop("history")
        rows = read_rows(folder / "dev.jsonl")
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    facts = {
        "labels": tuple(run.labels),
        "tokenizer": encoder.tokenizer,
        "max_length": run.max_length,
        "pooling": run.pooling,
        "encoder": run.encoder,
        "data": run.data_fingerprint,
        "quality": quality,
        "uncertain_below": run.uncertain_below,
    }
    return _source(classifier, classifier.head, encoder.module, facts, rows, run.temperature)


def _from_hugging_face(folder: Path, dev: Path | None) -> Source:
    try:
        config = read_json(folder / "config.json")
        kind = str(config.get("model_type"))
        architecture = str((config.get("architectures") or [None])[0])
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    if kind not in BERT_LIKE or not architecture.endswith("ForSequenceClassification"):
        raise UserError(
            ExitCode.DATA,
            "{path} is a {architecture} of type {kind}: expected a run directory, or a "
            "...ForSequenceClassification of type {known}",
            path=folder,
            architecture=architecture,
            kind=kind,
            known=", ".join(BERT_LIKE),
        )
    try:
        model: Any
        model, report = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True)
        tokenizer = canonical_tokenizer(tokenizer.backend_tokenizer.to_str())
        labels = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
        if report["missing_keys"]:
            raise ValueError(tr("no weights for {name}", name=min(report["missing_keys"])))
    except Exception as error:  # damaged files raise whatever they cause
        raise _damaged(folder, error) from error
    task = model.config.problem_type or "single_label_classification"
    if task != "single_label_classification" or len(set(labels)) < max(2, len(labels)):
        raise UserError(
            ExitCode.DATA,
            "{path}: expected two or more different labels, of which a text has one; found {found}",
            path=folder,
            found=f"{task}, {', '.join(labels)}",
        )
    model.eval()
    facts = {
        "labels": labels,
        "tokenizer": tokenizer,
        "max_length": max_positions(model.config),
        "pooling": "cls",
        "encoder": folder.resolve().name,
        "data": "",
        "quality": {},
    }
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    rows = [] if dev is None else _labelled(dev, labels)
    return _source(model, head, model.base_model, facts, rows, temperature=1.0)


def _damaged(folder: Path, error: Exception) -> UserError:
    return UserError(ExitCode.DATA, "{path} is damaged: {reason}", path=folder, reason=error)


def _source(
    classifier: nn.Module,
    head: nn.Linear,
    encoder: Any,
    facts: dict[str, Any],
    rows: list[ScoredRow],
    temperature: float,
) -> Source:
    """Fold the temperature into the head: softmax((W·x + b) / T); take the shortcut with "cls"."""
    reference = copy.deepcopy(classifier)
    with torch.no_grad():
        head.weight.div_(temperature)
        head.bias.div_(temperature)
    config = encoder.config
    layers = getattr(getattr(encoder, "encoder", None), "layer", None)
    last = None
    if facts["pooling"] == "cls" and config.model_type in BERT_LIKE and layers is not None:
        last = f"/layer.{len(layers) - 1}/"
        layers[-1] = FirstRow(
            layers[-1], config.num_attention_heads, as_tuple=transformers.__version__ < "5"
        )
    module = SoftmaxClassifier(classifier, head).eval()
    return Source(module, reference, temperature, config, last, facts, rows)


def _labelled(path: Path, labels: Sequence[str]) -> list[ScoredRow]:
    """Read `dev`; torch's answers to it are not known yet."""
    label_set = LabelSet(labels)
    rows = []
    with open_table(path) as table:
        # a column called just so goes before others that are known
        names = [
            find_column(table.name, table.columns, usual if usual in table.columns else None, known)
            for usual, known in (("text", TEXT_COLUMNS), ("label", LABEL_COLUMNS))
        ]
        for record in table.records:
            text, label = map(record.get, names)
            number = label_set.find(str(label))
            if not isinstance(text, str) or number is None:
                raise UserError(
                    ExitCode.DATA,
                    "{name}, line {line}: {problem}",
                    name=path,
                    line=record.place.line,
                    problem=tr(
                        "expected text and label, one of {labels}; found {found}",
                        labels=label_set,
                        found=f"{text!r:.40}, {label!r:.40}",
                    ),
                )
            rows.append(ScoredRow(text, number, []))
    return rows
