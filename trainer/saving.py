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
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.classifier import Classifier
from models.console import cannot_create_error, config_error
from models.run_directory import disk_errors, load_classifier, read_rows, read_run
from models.tokenizer import Tokenizer
from trainer.console import say
from trainer.features import predict_logits
from trainer.pooled_classifier import PooledClassifier, PooledConfig

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
        raise cannot_create_error("{path} exists; name another folder", path=folder)
    classifier, encoder = load_classifier(run_directory, run, encoder_source)
    for weights in classifier.head.parameters():
        weights.data /= run.temperature
    own_class = run.pooling == "cls" and encoder.module.config.model_type in _DENSE_AND_TANH
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        names = dict(enumerate(run.labels))
        labels = {"id2label": names, "label2id": {name: id for id, name in names.items()}}
        model = _of_bert(classifier, labels) if own_class else _of_ours(classifier, labels)
        with disk_errors():
            model.save_pretrained(draft)
        encoder.save_tokenizer(draft, run.max_length)
        texts = [row.text for row in read_rows(run_directory / "dev.jsonl")[:SAMPLE]]
        tokenizer = Tokenizer(encoder.tokenizer, run.max_length)
        logits = predict_logits(classifier, tokenizer, texts, title="dev")
        _compare(type(model), draft, texts, logits.softmax(dim=1))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    trust = "" if own_class else ", trust_remote_code=True"
    loading = f'AutoModelForSequenceClassification.from_pretrained("{folder}"{trust})'
    say("saved in {path}; in Python: {loading}", path=folder, loading=loading)
    if not own_class:
        say(
            "no class of transformers has this head, so the folder brings its own: "
            "pooled_classifier.py"
        )


@torch.no_grad()
def _of_bert(classifier: Classifier, labels: dict[str, Any]) -> Any:
    """Return the classifier as the class that transformers has for its encoder."""
    encoder: Any = classifier.encoder
    config = copy.deepcopy(encoder.config)
    config.update({**labels, "problem_type": "single_label_classification"})
    model = AutoModelForSequenceClassification.from_config(config).eval()
    model.base_model.load_state_dict(encoder.state_dict(), strict=False)
    last = model.classifier
    if pooler := getattr(model.base_model, "pooler", None):
        dense = pooler.dense
    else:  # RoBERTa's kin
        dense, last = last.dense, last.out_proj
    for weights in (*dense.parameters(), *last.parameters()):
        weights.zero_()
    count = len(classifier.head.bias)
    dense.weight[:count] = classifier.head.weight * _SMALL
    dense.bias[:count] = classifier.head.bias * _SMALL
    last.weight[:, :count] = torch.eye(count) / _SMALL
    return model


def _of_ours(classifier: Classifier, labels: dict[str, Any]) -> Any:
    """Return the classifier as a class of ours, whose source is saved with it."""
    encoder: Any = classifier.encoder
    theirs = encoder.config.to_diff_dict()
    theirs.pop("_name_or_path", None)  # a folder of this machine
    PooledConfig.register_for_auto_class()
    PooledClassifier.register_for_auto_class("AutoModelForSequenceClassification")
    config = PooledConfig(encoder=theirs, pooling=classifier.pooling, **labels)
    model = PooledClassifier(config).eval()
    model.encoder.load_state_dict(encoder.state_dict())
    model.classifier.load_state_dict(classifier.head.state_dict())
    return model


@torch.inference_mode()
def _compare(kind: Any, folder: Path, texts: list[str], expected: Tensor) -> None:
    """Raise UserError CONFIG where the saved model answers otherwise than the run.

    Args:
        kind: class of the model.
        folder: where it is saved.
        texts: some texts.
        expected: their probabilities, `[texts, C]`.
    """
    model = kind.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(texts, truncation=True, padding=True, return_tensors="pt")
    found = model(**batch).logits.softmax(dim=1)
    difference = float((found - expected).abs().max())
    if difference > TOLERANCE:
        raise config_error(
            "saved for transformers, the model would differ from the run by {difference:.1e} in a "
            "probability, more than {limit:.0e}",
            difference=difference,
            limit=TOLERANCE,
        )
