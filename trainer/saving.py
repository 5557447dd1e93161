"""Saves a run for transformers: `python -m trainer save RUN FOLDER`.

`AutoModelForSequenceClassification.from_pretrained(FOLDER)` gives the run's answers: softmax of its
logits are the calibrated probabilities. BERT's own class has a dense layer and tanh before its last
one; our head goes through it, made so small that tanh, whose slope is 1 there, changes nothing that
counts. No class of transformers takes the mean, so such a run is saved with a class of its own.
"""

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.classifier import Classifier
from models.console import ExitCode, UserError, tr
from models.run_directory import Run, load_classifier, read_rows, read_run
from models.tokenizer import Tokenizer
from trainer.console import say
from trainer.features import predict_logits
from trainer.pooled_classifier import PooledClassifier, PooledConfig
from trainer.report.calibration import tempered

TOLERANCE = 1e-5
"""Largest difference of a probability between the run and the folder."""

SAMPLE = 48
"""Number of dev texts that both answer."""

_SMALL = 2.0**-12  # tanh(x) = x · (1 - x² / 3 + …): a logit of 10 is right to 2e-6 of it
_DENSE_AND_TANH = ("bert", "camembert", "ernie", "roberta", "xlm-roberta")
"""Kinds of encoders whose class is `[CLS]`, a dense layer, tanh, and a linear layer."""


def save_run(run_directory: Path, folder: Path, encoder_source: str | None = None) -> None:
    """Write a folder in the Hugging Face format, whole or not at all, and say how to load it.

    Args:
        run_directory: the run.
        folder: what to write; it must not exist.
        encoder_source: see `load_classifier`.

    Raises:
        UserError: as `read_run` and `load_classifier`; CANNOT_CREATE, the folder exists; CONFIG,
            it would answer otherwise than the run.
    """
    run = read_run(run_directory)
    if folder.exists():
        raise UserError(ExitCode.CANNOT_CREATE, "{path} exists; name another folder", path=folder)
    classifier, encoder = load_classifier(run_directory, run, encoder_source)
    own_class = run.pooling == "cls" and encoder.module.config.model_type in _DENSE_AND_TANH
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        model = _of_bert(classifier, run) if own_class else _of_ours(classifier, run)
        model.save_pretrained(draft)
        encoder.save_tokenizer(draft, run.max_length)
        loader = AutoModelForSequenceClassification if own_class else PooledClassifier
        texts = [row.text for row in read_rows(run_directory / "dev.jsonl")[:SAMPLE]]
        tokenizer = Tokenizer(encoder.tokenizer, run.max_length)
        logits = predict_logits(classifier, tokenizer, texts, title="dev")
        _compare(_answers(loader, draft, texts), tempered(logits, run.temperature))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    trust = "" if own_class else ", trust_remote_code=True"
    loading = f'AutoModelForSequenceClassification.from_pretrained("{folder}"{trust})'
    say(tr("saved in {path}; in Python: {loading}", path=folder, loading=loading))
    if not own_class:
        say(
            tr(
                "no class of transformers has this head, so the folder brings its own: "
                "pooled_classifier.py"
            )
        )


def _head(classifier: Classifier, run: Run) -> tuple[Tensor, Tensor]:
    """Return weight `[C, H]` and bias `[C]` with the temperature in them."""
    head = classifier.head
    return head.weight.detach() / run.temperature, head.bias.detach() / run.temperature


def _names(run: Run) -> dict[str, Any]:
    names = dict(enumerate(run.labels))
    return {"id2label": names, "label2id": {name: id for id, name in names.items()}}


@torch.no_grad()
def _of_bert(classifier: Classifier, run: Run) -> Any:
    """Return the classifier as the class that transformers has for its encoder."""
    encoder: Any = classifier.encoder
    config = copy.deepcopy(encoder.config)
    config.update({**_names(run), "problem_type": "single_label_classification"})
    model = AutoModelForSequenceClassification.from_config(config).eval()
    model.base_model.load_state_dict(encoder.state_dict(), strict=False)
    pooler = getattr(model.base_model, "pooler", None)  # BERT's; RoBERTa has a larger classifier
    dense = model.classifier.dense if pooler is None else pooler.dense
    last = model.classifier.out_proj if pooler is None else model.classifier
    weight, bias = _head(classifier, run)
    for layer in (dense, last):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    dense.weight[: len(bias)] = weight * _SMALL
    dense.bias[: len(bias)] = bias * _SMALL
    last.weight[:, : len(bias)] = torch.eye(len(bias)) / _SMALL
    return model


@torch.no_grad()
def _of_ours(classifier: Classifier, run: Run) -> Any:
    """Return the classifier as a class of ours, whose source is saved with it."""
    encoder: Any = classifier.encoder
    theirs = encoder.config.to_diff_dict()
    theirs.pop("_name_or_path", None)  # a folder of this machine
    PooledConfig.register_for_auto_class()
    PooledClassifier.register_for_auto_class("AutoModelForSequenceClassification")
    config = PooledConfig(encoder=theirs, pooling=run.pooling, **_names(run))
    model = PooledClassifier(config).eval()
    model.encoder.load_state_dict(encoder.state_dict())
    weight, bias = _head(classifier, run)
    model.classifier.load_state_dict({"weight": weight, "bias": bias})
    return model


@torch.inference_mode()
def _answers(loader: Any, folder: Path, texts: list[str]) -> Tensor:
    """Return the probabilities of the texts by the folder, as its users get them, `[texts, C]`."""
    model = loader.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(texts, truncation=True, padding=True, return_tensors="pt")
    probabilities: Tensor = model(**batch).logits.softmax(dim=1)
    return probabilities


def _compare(found: Tensor, expected: Tensor) -> None:
    """Raise UserError CONFIG where the saved model answers otherwise than the run."""
    difference = float((found - expected).abs().max())
    if difference > TOLERANCE:
        raise UserError(
            ExitCode.CONFIG,
            "saved for transformers, the model would differ from the run by {difference:.1e} in a "
            "probability, more than {limit:.0e}",
            difference=difference,
            limit=TOLERANCE,
        )
