"""What can be exported: a run of our trainer, or a classifier in the Hugging Face format."""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from torch import Tensor, nn

from models.classifier import Classifier
from models.command import ExitCode, UserError
from models.encoder import canonical_tokenizer, max_positions
from models.i18n import tr
from models.labels import LabelSet
from models.run_directory import Row, load_classifier, read_json, read_rows, read_run

BERT_LIKE = ("bert", "camembert", "electra", "ernie", "roberta", "xlm-roberta")
"""Model types whose layers transformers builds alike, as `FirstRow` needs them. MacBERT, RBT and
the Chinese RoBERTa-wwm models say "bert"."""


@dataclass(frozen=True)
class Source:
    """A classifier that is ready to be traced, and what its file must say and be held against.

    Attributes:
        module: gives probabilities `[B, C]` and features `[B, H]`.
        reference: the classifier as it was loaded; gives logits `[B, C]` before `temperature`.
        temperature: divides those logits.
        layers: of the encoder.
        heads: of attention.
        hidden: size of the encoder's vectors.
        facts: of the manifest, all that the source knows.
        rows: of dev, with torch's answers; empty where no labelled texts were given.
    """

    module: nn.Module
    reference: nn.Module
    temperature: float
    layers: int
    heads: int
    hidden: int
    facts: dict[str, Any]
    rows: list[Row]


class FirstRow(nn.Module):
    """The last layer of a BERT-like encoder, for the first token alone.

    The classifier sees nothing else of that layer. All positions give keys and values, but one
    query is asked, and one row goes through the feed-forward part: `[B, T, H]` becomes `[B, 1, H]`,
    with the numbers that the whole layer would give for it.
    """

    def __init__(self, layer: nn.Module, heads: int, *, as_tuple: bool) -> None:
        super().__init__()
        self.layer: Any = layer
        self.heads = heads
        self.as_tuple = as_tuple

    def forward(self, hidden: Tensor, attention_mask: Tensor, *_: Any, **__: Any) -> Any:
        """Return `[B, 1, H]`, in a tuple where the encoder of this transformers expects one.

        Args:
            hidden: `[B, T, H]`.
            attention_mask: added to the scores, `[B, 1, 1 or T, T]`.
        """
        attention = self.layer.attention.self
        first = hidden[:, :1]

        def heads(vectors: Tensor) -> Tensor:  # [B, T, H] → [B, heads, T, H / heads]
            return vectors.reshape(*vectors.shape[:2], self.heads, -1).transpose(1, 2)

        queries = heads(attention.query(first))
        keys = heads(attention.key(hidden))
        values = heads(attention.value(hidden))
        scores = queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
        weights = (scores + attention_mask[:, :, :1]).softmax(dim=-1)  # [B, heads, 1, T]
        context = (weights @ values).transpose(1, 2).flatten(2)  # [B, 1, H]
        attended = self.layer.attention.output(context, first)
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
        logits = self.classifier(input_ids, attention_mask=attention_mask, **types)
        probabilities: Tensor = logits.softmax(dim=-1)
        return probabilities, self._seen.pop()


class _Logits(nn.Module):
    """A transformers classifier that gives its logits as they are."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, **inputs: Any) -> Tensor:
        return cast(Tensor, self.model(input_ids, **inputs).logits)


def open_source(path: Path, encoder: str | None, dev: Path | None) -> Source:
    """Load what is to be exported.

    Args:
        path: a run directory, or a folder with a `...ForSequenceClassification` of transformers.
        encoder: where the encoder of a run is now, if it moved.
        dev: a JSONL file of `text` and `label`, to hold a Hugging Face classifier's int8 file
            against; a run has its own.

    Raises:
        UserError: as `read_run` and `load_classifier`; DATA, a classifier of a kind that is not
            supported, or `dev` is no such file.
    """
    config = path / "config.json"
    if (path / "run.json").is_file() or not config.is_file():
        return _from_run(path, encoder)
    return _from_hugging_face(path, dev)


def _from_run(folder: Path, moved: str | None) -> Source:
    run = read_run(folder)
    classifier, encoder = load_classifier(folder, run, moved, for_export=True)
    config: Any = encoder.module.config
    quality: dict[str, Any] = read_json(folder / "metrics.json")
    quality.pop("history")
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
    traced = Classifier(encoder.module, encoder.hidden, len(run.labels), run.pooling).eval()
    traced.head.load_state_dict(classifier.head.state_dict())
    return _source(
        traced,
        traced.head,
        encoder.module,
        config,
        facts,
        read_rows(folder / "dev.jsonl"),
        reference=classifier,
        temperature=run.temperature,
    )


def _from_hugging_face(folder: Path, dev: Path | None) -> Source:
    config = read_json(folder / "config.json")
    kind = str(config.get("model_type"))
    architecture = str((config.get("architectures") or [None])[0])
    if kind not in BERT_LIKE or not architecture.endswith("ForSequenceClassification"):
        raise UserError(
            ExitCode.DATA,
            tr(
                "{path} is a {architecture} of type {kind}: expected a run directory, or a "
                "...ForSequenceClassification of type {known}",
                path=folder,
                architecture=architecture,
                kind=kind,
                known=", ".join(BERT_LIKE),
            ),
        )
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32
        ).eval()
        backend = AutoTokenizer.from_pretrained(folder, use_fast=True).backend_tokenizer
        tokenizer = canonical_tokenizer(backend.to_str())
    except Exception as error:  # damaged files raise whatever they cause
        raise UserError(
            ExitCode.DATA, tr("{path} is damaged: {reason}", path=folder, reason=error)
        ) from error
    labels = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
    facts = {
        "labels": labels,
        "tokenizer": tokenizer,
        "max_length": max_positions(model.config),
        "pooling": "cls",
        "encoder": folder.resolve().name,
        "data": "",
        "quality": {},
    }
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    rows = [] if dev is None else _labelled(dev, labels)
    return _source(_Logits(model), linear, model.base_model, model.config, facts, rows)


def _source(
    classifier: nn.Module,
    head: nn.Linear,
    encoder: Any,
    config: Any,
    facts: dict[str, Any],
    rows: list[Row],
    *,
    reference: nn.Module | None = None,
    temperature: float = 1.0,
) -> Source:
    """Fold the temperature into the head: softmax((W·x + b) / T); take the shortcut with "cls"."""
    reference = copy.deepcopy(reference or classifier).eval()
    with torch.no_grad():
        head.weight.div_(temperature)
        head.bias.div_(temperature)
    layers = getattr(getattr(encoder, "encoder", None), "layer", None)
    if facts["pooling"] == "cls" and config.model_type in BERT_LIKE and layers is not None:
        layers[-1] = FirstRow(
            layers[-1], config.num_attention_heads, as_tuple=transformers.__version__ < "5"
        )
    return Source(
        module=SoftmaxClassifier(classifier, head).eval(),
        reference=reference,
        temperature=temperature,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        hidden=config.hidden_size,
        facts=facts,
        rows=rows,
    )


def _labelled(path: Path, labels: Sequence[str]) -> list[Row]:
    """Read `dev`; torch's answers to it are not known yet."""
    known = LabelSet(labels)
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
                label = known.find(str(record["label"]))
                if label is None:
                    raise ValueError(f"label {record['label']!r:.40}")
                rows.append(Row(str(record["text"]), label, []))
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(
                    ExitCode.DATA,
                    tr(
                        "{name}, line {line}: expected a JSON object with text and label, one of "
                        "{labels}; {reason}",
                        name=path,
                        line=number,
                        labels=known,
                        reason=repr(error),
                    ),
                ) from error
    return rows
