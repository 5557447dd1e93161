"""Loads what a training works on: reviews, texts for the teachers, encoder and classifier."""

from dataclasses import replace
from itertools import compress
from typing import Any, NamedTuple

import torch

from models.classifier import Classifier
from models.console import data_error, display, usage_error
from models.encoder import Encoder, load_encoder, max_positions
from models.tokenizer import Tokenizer
from models.trial import check_encoder
from models.untrusted import RefusedError
from models.vetting import MAX_LENGTH, check_labels
from trainer.console import say
from trainer.data.audit import audit, drop_contradictions, drop_leaks, say_audit
from trainer.data.dataset import Data, load_data
from trainer.data.duplicates import seen_rows
from trainer.data.sources import Reading, read_texts
from trainer.optimizer import choose_trained
from trainer.precision import choose_precision
from trainer.settings import Precision, TrainingSettings
from trainer.student import keep_layers, prune_vocabulary
from trainer.teacher import check_teacher
from trainer.traditional import simplified


class Loaded(NamedTuple):
    """The material of a training.

    Attributes:
        data: labelled reviews, mended where that was asked for.
        unlabelled: texts without a label, for the teachers.
        audited: the audit of the data as it was read.
        encoder: cut down where that was asked for.
        tokenizer: the encoder's, with the max length.
        classifier: the encoder under a new head; nothing of it trains yet.
        precision: precision of fine-tuning; a frozen encoder computes in fp32.
    """

    data: Data
    unlabelled: list[str]
    audited: dict[str, Any]
    encoder: Encoder
    tokenizer: Tokenizer
    classifier: Classifier
    precision: Precision


def load(settings: TrainingSettings, device: torch.device) -> Loaded:
    """Load all that a training needs, and refuse what cannot be trained before hours are spent.

    Raises:
        UserError: as `load_data`, `load_encoder`, `read_texts`, `keep_layers`, `prune_vocabulary`,
            `check_teacher`, `choose_trained`, `check_encoder` and `choose_precision`; USAGE, the
            max length is more than the encoder or the app reads; DATA, the app opens no model of
            these labels.
    """
    fine_tunes = settings.train != "head"
    precision = choose_precision(settings.precision, device) if fine_tunes else "fp32"
    reading = Reading.of(settings)
    data = load_data(
        settings.data,
        reading,
        labels=settings.labels,
        split=settings.split_sizes,
        seed=settings.seed,
        fold_few=not fine_tunes,
        neutral=settings.neutral,
    )
    say("labels: {labels}", labels=display(data.labels, limit=300))
    try:
        check_labels(data.labels.names)
    except RefusedError as error:
        raise data_error(
            "the app opens no model of these labels: {reason}; --label-map gives them other names",
            reason=error,
        ) from error
    encoder = _load_encoder(settings)
    audited = audit(data, encoder.tokenizer, settings.max_length)
    say_audit(audited, settings.max_length)
    if settings.drop_contradictions:
        data = drop_contradictions(data)
    if settings.drop_leaks:
        data = drop_leaks(data)
    measured = [text for split in data.measured.values() for text in split.texts]
    data = replace(data, neutral=_unmeasured(data.neutral, measured))
    unlabelled = _read_unlabelled(settings, reading, measured)
    if settings.layers is not None:
        keep_layers(encoder, settings.layers)
    if settings.prune_vocab:
        learned = data.splits["train"].texts + data.neutral + unlabelled
        encoder = prune_vocabulary(encoder, learned, measured)
    for path in settings.teacher:
        check_teacher(path, data.labels)
    tokenizer = Tokenizer(encoder.tokenizer, settings.max_length)
    classifier = _new_classifier(encoder, len(data.labels), settings, device)
    return Loaded(data, unlabelled, audited, encoder, tokenizer, classifier, precision)


def _load_encoder(settings: TrainingSettings) -> Encoder:
    encoder = load_encoder(settings.encoder)
    if settings.simplify:
        encoder = encoder.with_tokenizer(simplified(encoder.tokenizer))
    limit = min(max_positions(encoder.module), MAX_LENGTH)
    if settings.max_length > limit:
        raise usage_error(
            "--max-length {asked} is more than the app and {encoder} read: {limit} tokens",
            asked=settings.max_length,
            encoder=encoder.name,
            limit=limit,
        )
    return encoder


def _read_unlabelled(
    settings: TrainingSettings, reading: Reading, measured: list[str]
) -> list[str]:
    """Read the texts for the teachers, without those that dev or test has."""
    texts: list[str] = []
    for path in settings.unlabelled:
        texts += read_texts(path, reading)
    fresh = _unmeasured(texts, measured)
    if texts:
        say("{texts:text} without a label", texts=len(fresh))
    return fresh


def _unmeasured(texts: list[str], measured: list[str]) -> list[str]:
    """Leave out the texts that are measured, and say how many."""
    fresh = [*compress(texts, ~seen_rows(measured, texts))]
    if dropped := len(texts) - len(fresh):
        say("{dropped:text} left out: dev or test has them", dropped=dropped)
    return fresh


def _new_classifier(
    encoder: Encoder, labels: int, settings: TrainingSettings, device: torch.device
) -> Classifier:
    torch.manual_seed(settings.seed)  # for a head that is not trained before the encoder is
    pooling = "cls" if settings.pooling == "auto" else settings.pooling  # until dev has chosen
    classifier = Classifier(encoder.module, encoder.hidden, labels, pooling)
    if settings.train != "head":
        choose_trained(classifier, settings.last_layers)
    check_encoder(classifier.eval(), encoder, settings.max_length)
    classifier.to(device).requires_grad_(requires_grad=False)
    say(
        "encoder: {name}, {count} parameters, and {head} in the head; device: {device}",
        name=encoder.name,
        count=f"{count_parameters(classifier.encoder):,}",
        head=f"{count_parameters(classifier.head):,}",
        device=device.type,
    )
    return classifier


def count_parameters(module: torch.nn.Module) -> int:
    """Return the number of a module's weights."""
    return sum(weight.numel() for weight in module.parameters())
