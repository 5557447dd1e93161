"""From labelled reviews to a run directory, read from top to bottom."""

import hashlib
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.classifier import Classifier
from models.console.command import ExitCode, UserError
from models.console.display import display
from models.console.i18n import tr
from models.cores import available_cores
from models.encoder import Encoder, load_encoder, max_positions
from models.metrics import calibration_error
from models.run_directory import (
    Run,
    load_classifier,
    new_run,
    read_run,
    refuse_existing,
    write_json,
    write_rows,
    write_run,
)
from models.tokenizer import Tokenizer
from trainer import distributed
from trainer.data.audit import audit, class_weights, drop_contradictions, drop_leaks, show
from trainer.data.dataset import Data, load_data
from trainer.data.duplicates import seen_rows
from trainer.data.sources import Reading, read_texts
from trainer.features import cached_features, encode_all
from trainer.finetune import choose_precision, choose_trained, finetune
from trainer.head import Fit, LabelledFeatures, search_head
from trainer.report.calibration import fit_temperature, tempered, uncertain_below
from trainer.report.card import model_card
from trainer.report.console import say, say_calibration
from trainer.report.plots import draw_pictures
from trainer.report.scores import score
from trainer.settings import TrainingSettings
from trainer.student import keep_layers, prune_vocabulary
from trainer.teacher import Teacher, read_teacher, soft_labels
from trainer.traditional import simplified

CACHE = ".features"
"""Folder of cached features, beside the runs; it can be deleted at any time."""

CHECKPOINTS = ".checkpoints"
"""Folder of unfinished trainings, beside the runs: the same command goes on from there."""


def train(settings: TrainingSettings) -> dict[str, Any]:
    """Train a classifier, and write the run directory.

    Where several processes were started, all take part, and the first alone speaks and writes.

    Returns:
        The scores of "dev" and "test"; after fine-tuning also those of the "frozen" encoder, where
        its head was trained. Nothing in a process that is not the first.

    Raises:
        UserError: as `load_data`, `load_encoder`, `keep_layers`, `prune_vocabulary`,
            `read_teacher`, `soft_labels`, `choose_trained`, `choose_precision` and `new_run`;
            USAGE, the max length is more than the encoder reads; UNAVAILABLE, there is no such
            device or TensorBoard.
    """
    refuse_existing(settings.output, force=settings.force)
    if settings.tensorboard and find_spec("tensorboard") is None:
        raise UserError(
            ExitCode.UNAVAILABLE,
            "--tensorboard needs the package tensorboard: pip install tensorboard",
        )
    device = distributed.join(choose_device(settings.device))
    if settings.train != "head":  # what "auto" stands for goes into run.json
        settings = replace(settings, precision=choose_precision(settings.precision, device))
    data, unlabelled, encoder, audited = _load(settings)
    teachers = [read_teacher(path, data.labels) for path in settings.teacher]
    tokenizer = Tokenizer(encoder.tokenizer, settings.max_length)
    classifier = _new_classifier(encoder, data, settings, device)
    started = time.monotonic()
    learned = _learn(classifier, tokenizer, encoder.digest(), data, settings, teachers, unlabelled)
    distributed.leave()
    if not distributed.is_first():
        return {}
    logits = learned.logits or _answer(classifier, tokenizer, data)
    finished = time.monotonic()

    dev = data.splits["dev"]
    temperature = fit_temperature(logits["dev"], dev.labels)
    threshold = uncertain_below(tempered(logits["dev"], temperature).numpy(), dev.labels)
    metrics = _score_splits(logits, data, temperature, threshold)
    say_calibration(temperature, threshold, metrics["dev"])
    fit = learned.fit
    run = Run(
        labels=list(data.labels.names),
        pooling=settings.pooling,
        max_length=settings.max_length,
        encoder=encoder.name,
        encoder_source=encoder.source,
        encoder_digest=encoder.digest(),
        data=list(settings.data),
        data_fingerprint=data.fingerprint(),
        settings=settings.choices(),
        outcome={
            **_parameters(classifier),
            "head_learning_rate": fit and fit.learning_rate,
            "head_weight_decay": fit and fit.weight_decay,
            "head_epoch": fit and fit.best_epoch,
            "best_epoch": learned.best_epoch,
            "head_seconds": round(learned.fitted - started, 1),
            "finetune_seconds": round(finished - learned.fitted, 1),
        },
        versions={
            "python": platform.python_version(),
            **{
                package: version(package)
                for package in ("torch", "transformers", "tokenizers", "sentiment-tui")
            },
        },
        temperature=temperature,
        uncertain_below=threshold,
    )
    measured = metrics | ({"frozen": learned.frozen} if learned.frozen else {})
    with new_run(settings.output, force=settings.force) as folder:
        write_run(folder, run, classifier.head, encoder)
        if settings.changes_encoder:
            encoder.save(folder / "encoder")
        if learned.checkpoint is not None and settings.tensorboard:
            shutil.move(_logs(learned.checkpoint), folder / "tensorboard")
        write_json(folder / "metrics.json", {**measured, "history": learned.history})
        write_json(folder / "audit.json", {"max_length": settings.max_length, "splits": audited})
        pictured = {}
        for name, z in logits.items():
            split, probabilities = data.splits[name], tempered(z, temperature)
            write_rows(folder / f"{name}.jsonl", split.texts, split.labels, probabilities)
            pictured[name] = probabilities.numpy(), split.labels
        draw_pictures(folder, learned.history, learned.best_epoch, pictured, threshold)
        card = model_card(settings.output.name, run, metrics)
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    if learned.checkpoint is not None:
        learned.checkpoint.unlink(missing_ok=True)  # an equal training may have ended before
    say(tr("the run is in {path}; next: python -m export --opset 17", path=settings.output))
    return measured


def _new_classifier(
    encoder: Encoder, data: Data, settings: TrainingSettings, device: torch.device
) -> Classifier:
    """Return what is to be trained: nothing of it trains yet, and what cannot be is refused."""
    torch.manual_seed(settings.seed)  # of a head that is not trained before the encoder is
    classifier = Classifier(encoder.module, encoder.hidden, len(data.labels), settings.pooling)
    if settings.train != "head":  # before hours are spent
        choose_trained(classifier, settings.last_layers)
    classifier.to(device).eval().requires_grad_(requires_grad=False)
    sizes = _parameters(classifier)
    say(
        tr(
            "encoder: {name}, {count} parameters, and {head} in the head; device: {device}",
            name=encoder.name,
            count=f"{sizes['parameters'] - sizes['head_parameters']:,}",
            head=f"{sizes['head_parameters']:,}",
            device=device.type,
        )
    )
    return classifier


def _parameters(classifier: Classifier) -> dict[str, int]:
    return {
        "parameters": sum(weight.numel() for weight in classifier.parameters()),
        "head_parameters": sum(weight.numel() for weight in classifier.head.parameters()),
    }


@dataclass(frozen=True)
class _Learned:
    """What came of a training, in each of its processes.

    Attributes:
        history: an entry per epoch: see `epoch_scores`.
        best_epoch: counted from 1; the classifier has its weights.
        fit: of the head on the frozen encoder; None where there was none.
        fitted: when that was done, by the monotonic clock.
        logits: of "dev" and "test", `[rows, C]`; empty where the encoder was trained since.
        frozen: the scores of that head, where the encoder was trained since.
        checkpoint: of the fine-tuning, to be removed when what came of it is safe.
    """

    history: list[dict[str, float]]
    best_epoch: int
    fit: Fit | None
    fitted: float
    logits: dict[str, Tensor]
    frozen: dict[str, Any] | None = None
    checkpoint: Path | None = None


def _learn(
    classifier: Classifier,
    tokenizer: Tokenizer,
    encoder_digest: str,
    data: Data,
    settings: TrainingSettings,
    teachers: Sequence[Teacher],
    unlabelled: list[str],
) -> _Learned:
    """Train the head, and then the encoder where it is to be."""
    weights = class_weights(data) if settings.class_weights else None
    fit, logits = None, dict[str, Tensor]()
    if settings.head_epochs:
        fit, logits = _train_head(classifier, tokenizer, data, settings, encoder_digest, weights)
        classifier.head.load_state_dict(fit.head.state_dict())
    fitted = time.monotonic()
    if settings.train == "head":
        assert fit is not None  # noqa: S101 - for mypy
        return _Learned(fit.history, fit.best_epoch, fit, fitted, logits)
    frozen = _score_splits(logits, data) if logits else None
    answers = None
    if teachers:
        answers = soft_labels(
            *(teachers, [*data.splits["train"].texts, *unlabelled]),
            temperature=settings.teacher_temperature,
            cache=settings.output.parent / CACHE,
            device=classifier.head.weight.device,
        )
        labels = data.splits["train"].labels
        right = float((answers[: len(labels)].argmax(axis=1) == labels).mean())
        say(tr("the teachers give {right:.1%} of train the label that it has", right=right))
    checkpoint = _checkpoint(settings, data, encoder_digest, classifier, unlabelled, answers)
    history = finetune(
        *(classifier, tokenizer, data, settings, checkpoint),
        class_weights=weights,
        unlabelled=unlabelled,
        answers=answers,
        tensorboard=_logs(checkpoint) if settings.tensorboard else None,
    )
    best_epoch = int(max(history, key=lambda entry: entry["dev_macro_f1"])["epoch"])
    return _Learned(history, best_epoch, fit, fitted, {}, frozen, checkpoint)


def _answer(classifier: Classifier, tokenizer: Tokenizer, data: Data) -> dict[str, Tensor]:
    """Return the logits of dev and test, `[rows, C]`, by the encoder as it is now."""
    features = {
        name: encode_all(classifier, tokenizer, data.splits[name].texts, title=name)
        for name in ("dev", "test")
    }
    head = classifier.cpu().head
    return {name: head(found) for name, found in features.items()}


@torch.inference_mode()
def evaluate_run(
    run_directory: Path,
    data: tuple[str, ...],
    split: str,
    reading: Reading | None = None,
    encoder: str | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Score a finished run on one split, end to end: the encoder runs over its texts again.

    No `data` stands for what the run was trained with, read as it was then: a split that was cut
    from it is cut again. Of other data, one table alone is the split.

    Raises:
        UserError: as `read_run`, `load_data` and `load_classifier`.
    """
    run = read_run(run_directory)
    reading, settings = reading or Reading(), run.settings
    own = not data or list(data) == run.data
    if own:
        known = {name: said or settings[name] for name, said in asdict(reading).items()}
        reading = Reading(**known)
    rows = load_data(
        data or run.data,
        reading,
        labels=run.labels,
        wanted=(split,),
        split=settings["split_sizes"] if own else None,
        seed=settings["seed"],
        alone="train" if own else split,
    ).splits[split]
    classifier, loaded = load_classifier(run_directory, run, encoder)
    classifier.to(choose_device(device))
    tokenizer = Tokenizer(loaded.tokenizer, run.max_length)
    features = encode_all(classifier, tokenizer, rows.texts, title=split)
    probabilities = tempered(classifier.cpu().head(features), run.temperature)
    return score(probabilities.numpy(), rows, uncertain_below=run.uncertain_below)


def choose_device(wanted: str) -> torch.device:
    """Return the device: "auto" takes CUDA where torch finds it.

    Also keeps torch's threads to the cores that this process may really use.

    Raises:
        UserError: UNAVAILABLE, CUDA was asked for and torch does not find it.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError(
            ExitCode.UNAVAILABLE,
            "device cuda was asked for, but torch finds no CUDA device; use --device cpu",
        )
    torch.set_num_threads(min(torch.get_num_threads(), available_cores()))
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def _load(settings: TrainingSettings) -> tuple[Data, list[str], Encoder, dict[str, Any]]:
    """Return the data, mended; texts without a label; the encoder, cut down; and the audit."""
    data = load_data(
        settings.data,
        Reading(settings.text_column, settings.label_column, settings.encoding),
        labels=settings.labels,
        split=settings.split_sizes,
        seed=settings.seed,
    )
    say(tr("labels: {labels}", labels=display(data.labels, limit=300)))
    encoder = load_encoder(settings.encoder)
    if settings.simplify:
        encoder = encoder.with_tokenizer(simplified(encoder.tokenizer))
    limit = max_positions(encoder.module.config)
    if settings.max_length > limit:
        raise UserError(
            ExitCode.USAGE,
            "--max-length {asked} is more than {encoder} reads: {limit} tokens",
            asked=settings.max_length,
            encoder=encoder.name,
            limit=limit,
        )
    audited = audit(data, encoder.tokenizer, settings.max_length)
    say(*show(audited, settings.max_length))
    data = drop_contradictions(data) if settings.drop_contradictions else data
    data = drop_leaks(data) if settings.drop_leaks else data
    unlabelled = _read_unlabelled(settings, data)
    if settings.layers is not None:
        keep_layers(encoder, settings.layers)
    if settings.prune_vocab:
        learned = [*data.splits["train"].texts, *unlabelled]
        encoder = prune_vocabulary(encoder, learned, _texts_to_measure(data))
    return data, unlabelled, encoder, audited


def _texts_to_measure(data: Data) -> list[str]:
    return [text for name in ("dev", "test") for text in data.splits[name].texts]


def _read_unlabelled(settings: TrainingSettings, data: Data) -> list[str]:
    """Read the texts for the teachers, but for those that stand in dev or test."""
    reading = Reading(settings.text_column, encoding=settings.encoding)
    texts = [text for path in settings.unlabelled for text in read_texts(path, reading)]
    seen = seen_rows(_texts_to_measure(data), texts)
    fresh = [text for text, known in zip(texts, seen, strict=True) if not known]
    if texts:
        say(
            tr(
                "{texts:text} without a label; {dropped:,} more are left out: dev or test has them",
                texts=len(fresh),
                dropped=len(texts) - len(fresh),
            )
        )
    return fresh


def _train_head(
    classifier: Classifier,
    tokenizer: Tokenizer,
    data: Data,
    settings: TrainingSettings,
    encoder_digest: str,
    class_weights: Tensor | None,
) -> tuple[Fit, dict[str, Tensor]]:
    """Train the head on features of the frozen encoder; return also its logits by split."""
    started = time.monotonic()
    rows = {
        name: LabelledFeatures(
            cached_features(
                classifier,
                tokenizer,
                split.texts,
                encoder_digest=encoder_digest,
                folder=settings.output.parent / CACHE,
                title=name,
            ),
            torch.from_numpy(split.labels),
        )
        for name, split in data.splits.items()
    }
    encoded = time.monotonic()
    fit = search_head(rows["train"], rows["dev"], len(data.labels), settings, class_weights)
    say(
        tr(
            "features in {encode:.1f} s; {count} heads of {epochs} epochs in {fit:.1f} s;\n"
            "the best on dev: learning rate {rate}, weight decay {decay}, epoch {best}",
            encode=encoded - started,
            count=len(settings.head_learning_rate) * len(settings.head_weight_decay),
            epochs=settings.head_epochs,
            fit=time.monotonic() - encoded,
            rate=fit.learning_rate,
            decay=fit.weight_decay,
            best=fit.best_epoch,
        )
    )
    return fit, {name: fit.head(rows[name].features) for name in ("dev", "test")}


def _checkpoint(
    settings: TrainingSettings,
    data: Data,
    encoder_digest: str,
    classifier: Classifier,
    unlabelled: list[str],
    answers: NDArray[np.float32] | None,
) -> Path:
    """Return the checkpoint of exactly this training: any change names another."""
    sha = hashlib.sha256(f"{settings.choices()} {encoder_digest} {data.fingerprint()}".encode())
    sha.update(f"{distributed.world_size()}".encode())
    sha.update(classifier.head.weight.cpu().numpy().tobytes())
    if answers is not None:
        sha.update(answers.tobytes())
        sha.update("\0".join(unlabelled).encode("utf-8", "surrogatepass"))
    return settings.output.parent / CHECKPOINTS / f"{sha.hexdigest()[:16]}.safetensors"


def _logs(checkpoint: Path) -> Path:
    """Return the folder of TensorBoard's logs until the run directory takes them."""
    return checkpoint.with_suffix(".tensorboard")


def _score_splits(
    logits: Mapping[str, Tensor], data: Data, temperature: float = 1.0, uncertain_below: float = 0.0
) -> dict[str, Any]:
    """Score each split as the calibrated model answers; the other calibration error beside it."""
    scores = {}
    for name, z in logits.items():
        split, answers = data.splits[name], tempered(z, temperature).numpy()
        scores[name] = score(answers, split, data.splits["train"], uncertain_below)
        raw = calibration_error(z.softmax(dim=1).numpy(), split.labels)
        scores[name]["ece_uncalibrated"] = round(raw, 4)
    return scores
