"""From labelled reviews to a run directory, read from top to bottom."""

import hashlib
import platform
import shutil
import time
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.classifier import Classifier, Head
from models.command import ExitCode, UserError
from models.encoder import Encoder, load_encoder
from models.i18n import tr
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
from models.tokens import Tokenizer
from trainer import ranks
from trainer.audit import audit, class_weights, drop_contradictions, drop_leaks, show, token_counter
from trainer.calibration import Calibration, calibrate, tempered
from trainer.card import model_card
from trainer.data import Data, load_data
from trainer.evaluation import rows_of, score
from trainer.features import cached_features, encode_all
from trainer.finetune import FinetuneSettings, SoftLabels, finetune
from trainer.head import Fit, Rows, search_head
from trainer.plots import draw_pictures
from trainer.report import say, say_calibration
from trainer.sameness import seen_rows
from trainer.settings import Settings
from trainer.sources import Reading, read_texts
from trainer.splitting import SplitSizes
from trainer.student import keep_layers, prune_vocabulary
from trainer.teacher import soft_labels

CACHE = ".features"
"""Folder of cached features, beside the runs; it can be deleted at any time."""

CHECKPOINTS = ".checkpoints"
"""Folder of unfinished trainings, beside the runs: the same command goes on from there."""


def train(settings: Settings) -> dict[str, Any]:
    """Train a classifier, and write the run directory.

    Where several processes were started, all take part, and the first alone speaks and writes.

    Returns:
        The scores of "dev" and "test"; after fine-tuning also those of the "frozen" encoder.
        Nothing in a process that is not the first.

    Raises:
        UserError: as `load_data`, `load_encoder`, `keep_layers`, `prune_vocabulary`, `soft_labels`,
            `finetune` and `new_run`; USAGE, the max length is more than the encoder reads.
    """
    refuse_existing(settings.output, force=settings.force)
    if settings.tensorboard:
        _require_tensorboard()
    device = ranks.join(choose_device(settings.device))
    data = load_data(
        settings.data,
        labels=settings.labels,
        text_column=settings.text_column,
        label_column=settings.label_column,
        encoding=settings.encoding,
        split=settings.split_sizes,
        seed=settings.seed,
    )
    say(tr("labels: {labels}", labels=data.labels))
    encoder = load_encoder(settings.encoder)
    _check_max_length(settings.max_length, encoder)
    audited = audit(data, token_counter(encoder.tokenizer), settings.max_length)
    say(*show(audited))
    data = _mend(data, settings)
    unlabelled = _read_unlabelled(settings, data)
    encoder = _cut(encoder, settings, data, unlabelled)
    weights = class_weights(data.splits["train"], len(data.labels)) if settings.balance else None
    loss_weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    classifier = Classifier(encoder.module, encoder.hidden, len(data.labels), settings.pooling)
    classifier.to(device).eval().requires_grad_(requires_grad=False)
    tokenizer = Tokenizer(encoder.tokenizer, settings.max_length)
    head_parameters = sum(weight.numel() for weight in classifier.head.parameters())
    say(
        tr(
            "encoder: {name}, frozen; the head trains {count} parameters; device: {device}",
            name=encoder.name,
            count=f"{head_parameters:,}",
            device=device.type,
        )
    )
    started = time.monotonic()
    digest = encoder.digest()
    fit: Fit | None = None
    logits: dict[str, Tensor] = {}
    history: list[dict[str, float]] = []
    frozen = {}
    checkpoint = logs = None
    if settings.finetune is not None:
        frozen["frozen"] = _score_splits(logits, Calibration(1.0, 0.0), data)
        classifier.head.load_state_dict({"weight": head.weight, "bias": head.bias})
        history, checkpoint, logs = _fine_tune(
            classifier,
            tokenizer,
            data,
            settings,
            settings.finetune,
            unlabelled,
            loss_weights,
            digest,
        )
    ranks.part()
    if not ranks.is_first():
        return {}
    best_epoch = fit.best_epoch if fit is not None else 0
    if settings.finetune is not None:
        best_epoch = int(max(history, key=lambda entry: entry["dev_macro_f1"])["epoch"])
        layer = classifier.head
        head = Head(layer.weight.detach().cpu(), layer.bias.detach().cpu())
        logits = {
            name: head.logits(
                encode_all(classifier, tokenizer, data.splits[name].texts, title=name)
            )
            for name in ("dev", "test")
        }
    finished = time.monotonic()

    calibration = calibrate(logits["dev"], data.splits["dev"].labels)
    probabilities = {name: tempered(z, calibration.temperature) for name, z in logits.items()}
    metrics = _score_splits(logits, calibration, data)
    say_calibration(calibration, metrics["dev"])
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
            "parameters": sum(weight.numel() for weight in classifier.parameters()),
            "head_parameters": head_parameters,
            "head_learning_rate": fit and fit.learning_rate,
            "head_weight_decay": fit and fit.weight_decay,
            "head_epoch": fit and fit.best_epoch,
            "best_epoch": best_epoch,
            "head_seconds": round(fitted - started, 1),
            "finetune_seconds": round(finished - fitted, 1),
        },
        versions=_versions(),
        temperature=calibration.temperature,
        uncertain_below=calibration.uncertain_below,
    )
    measured = metrics | frozen
    with new_run(settings.output, force=settings.force) as folder:
        write_run(folder, run, head, encoder)
        if settings.changes_encoder:
            encoder.save(folder / "encoder")
        if logs is not None:
            shutil.move(logs, folder / "tensorboard")
        write_json(folder / "metrics.json", {**measured, "history": history})
        write_json(folder / "audit.json", audited.as_dict())
        for name, answers in probabilities.items():
            write_rows(folder / f"{name}.jsonl", rows_of(data.splits[name], answers))
        pictured = {
            name: (answers.numpy(), data.splits[name].labels)
            for name, answers in probabilities.items()
        }
        draw_pictures(folder, history, best_epoch, pictured, run.uncertain_below)
        card = model_card(settings.output.name, run, metrics)
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    if checkpoint is not None:
        checkpoint.unlink()
    say(tr("the run is in {path}; next: python -m export --opset 17", path=settings.output))
    return measured


@torch.inference_mode()
def evaluate_run(
    run_directory: Path,
    data: tuple[str, ...],
    split: str,
    *,
    encoder: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Score a finished run on one split, end to end: the encoder runs over its texts again.

    A split that the training cut from its data is cut again, with the same sizes and seed.

    Raises:
        UserError: as `read_run`, `load_data` and `load_classifier`.
    """
    run = read_run(run_directory)
    sizes = run.settings.get("split_sizes")
    rows = load_data(
        data,
        labels=run.labels,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
        wanted=(split,),
        split=SplitSizes(**sizes) if sizes else None,
        seed=run.settings["seed"],
    )
    classifier, loaded = load_classifier(run_directory, run, encoder)
    classifier.to(choose_device(device))
    tokenizer = Tokenizer(loaded.tokenizer, run.max_length)
    features = encode_all(classifier, tokenizer, rows.splits[split].texts, title=split)
    probabilities = tempered(classifier.head.cpu()(features), run.temperature)
    return score(probabilities, rows.splits[split], rows.labels, None, run.uncertain_below)


def choose_device(wanted: str) -> torch.device:
    """Return the device: "auto" takes CUDA where torch finds it.

    Raises:
        UserError: UNAVAILABLE, CUDA was asked for and torch does not find it.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError(
            ExitCode.UNAVAILABLE,
            tr("device cuda was asked for, but torch finds no CUDA device; use --device cpu"),
        )
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def _mend(data: Data, settings: Settings) -> Data:
    """Drop from train what the settings ask to drop, and say how much that was."""
    if settings.drop_contradictions:
        data, dropped = drop_contradictions(data)
        say(tr("{rows} rows of train with contradictory labels dropped", rows=dropped))
    if settings.drop_leaks:
        data, dropped = drop_leaks(data)
        say(tr("{rows} rows of train that stand in dev or test dropped", rows=dropped))
    return data


def _require_tensorboard() -> None:
    if find_spec("tensorboard") is None:
        raise UserError(
            ExitCode.UNAVAILABLE,
            tr("--tensorboard needs the package tensorboard: pip install tensorboard"),
        )


def _read_unlabelled(settings: Settings, data: Data) -> list[str]:
    """Read the texts for the teachers, but for those that stand in dev or test."""
    reading = Reading(settings.text_column, encoding=settings.encoding)
    texts = [text for path in settings.unlabelled for text in read_texts(path, reading)]
    measured = [text for name in ("dev", "test") for text in data.splits[name].texts]
    fresh = [text for text, seen in zip(texts, seen_rows(measured, texts), strict=True) if not seen]
    if texts:
        say(
            tr(
                "{texts} texts without a label; {dropped} more are left out: dev or test has them",
                texts=f"{len(fresh):,}",
                dropped=len(texts) - len(fresh),
            )
        )
    return fresh


def _cut(encoder: Encoder, settings: Settings, data: Data, unlabelled: list[str]) -> Encoder:
    """Cut the encoder down to the layers and the pieces that the settings ask for."""
    if settings.layers is not None:
        keep_layers(encoder, settings.layers)
    if not settings.prune_vocab:
        return encoder
    held_out = [text for name in ("dev", "test") for text in data.splits[name].texts]
    pruned = prune_vocabulary(encoder, [*data.splits["train"].texts, *unlabelled], held_out)
    say(
        tr(
            "vocabulary: {after} of {before} pieces; {same:.1%} of the texts of dev and test "
            "become the same pieces, {growth:+.2%} pieces in all",
            after=f"{pruned.after:,}",
            before=f"{pruned.before:,}",
            same=pruned.same,
            growth=pruned.growth,
        )
    )
    return pruned.encoder


def _fine_tune(
    classifier: Classifier,
    tokenizer: Tokenizer,
    data: Data,
    settings: Settings,
    how: FinetuneSettings,
    unlabelled: list[str],
    loss_weights: Tensor | None,
    encoder_digest: str,
) -> tuple[list[dict[str, float]], Path, Path | None]:
    """Train the classifier on; return its history, its checkpoint and TensorBoard's logs."""
    soft = _ask_teachers(settings, how, data, unlabelled, classifier.head.weight.device)
    checkpoint = _checkpoint(settings, data, encoder_digest, classifier, soft)
    logs = checkpoint.with_suffix(".tensorboard") if settings.tensorboard else None
    history = finetune(
        classifier,
        tokenizer,
        data,
        how,
        seed=settings.seed,
        checkpoint=checkpoint,
        class_weights=loss_weights,
        soft=soft,
        tensorboard=logs,
    )
    return history, checkpoint, logs


def _ask_teachers(
    settings: Settings,
    finetune: FinetuneSettings,
    data: Data,
    unlabelled: list[str],
    device: torch.device,
) -> SoftLabels | None:
    if not settings.teachers:
        return None
    texts = [*data.splits["train"].texts, *unlabelled]
    said = soft_labels(
        settings.teachers,
        texts,
        data.labels,
        temperature=finetune.teacher_temperature,
        cache=settings.output.parent / CACHE,
        device=device,
    )
    labelled = len(data.splits["train"])
    right = float((said[:labelled].argmax(axis=1) == data.splits["train"].labels).mean())
    say(tr("the teachers give {right:.1%} of train the label that it has", right=right))
    return SoftLabels(unlabelled, said)


def _train_head(
    features: Mapping[str, Tensor],
    data: Data,
    settings: Settings,
    loss_weights: Tensor | None,
    encode_seconds: float,
) -> Fit:
    started = time.monotonic()
    rows = {
        name: Rows(features[name], torch.from_numpy(data.splits[name].labels))
        for name in ("train", "dev")
    }
    fit = search_head(
        rows["train"],
        rows["dev"],
        classes=len(data.labels),
        settings=settings.head,
        seed=settings.seed,
        class_weights=loss_weights,
    )
    say(
        tr(
            "features in {encode:.1f} s; {count} heads of {epochs} epochs in {fit:.1f} s; "
            "the best on dev: learning rate {rate}, weight decay {decay}, epoch {best}",
            encode=encode_seconds,
            count=len(settings.head.learning_rates) * len(settings.head.weight_decays),
            epochs=settings.head.epochs,
            fit=time.monotonic() - started,
            rate=fit.learning_rate,
            decay=fit.weight_decay,
            best=fit.best_epoch,
        )
    )
    return fit


def _checkpoint(
    settings: Settings,
    data: Data,
    encoder_digest: str,
    classifier: Classifier,
    soft: SoftLabels | None,
) -> Path:
    """Return the checkpoint of exactly this training: any change names another."""
    sha = hashlib.sha256(f"{settings.finetune} {settings.seed} {settings.max_length}".encode())
    sha.update(f"{encoder_digest} {data.fingerprint()} {ranks.count()}".encode())
    sha.update(classifier.head.weight.detach().cpu().numpy().tobytes())
    if soft is not None:
        sha.update(soft.probabilities.tobytes())
        sha.update("\0".join(soft.more).encode("utf-8", "surrogatepass"))
    return settings.output.parent / CHECKPOINTS / f"{sha.hexdigest()[:16]}.safetensors"


def _score_splits(
    logits: Mapping[str, Tensor], calibration: Calibration, data: Data
) -> dict[str, Any]:
    """Score each split as the calibrated model answers; the other calibration error beside it."""
    scores = {}
    for name, z in logits.items():
        split = data.splits[name]
        answers = tempered(z, calibration.temperature)
        threshold = calibration.uncertain_below
        scores[name] = score(answers, split, data.labels, data.splits["train"], threshold)
        raw = calibration_error(z.softmax(dim=1).numpy(), split.labels)
        scores[name]["ece_uncalibrated"] = round(raw, 4)
    return scores


def _check_max_length(max_length: int, encoder: Encoder) -> None:
    if max_length > encoder.max_positions:
        raise UserError(
            ExitCode.USAGE,
            tr(
                "--max-length {asked} is more than {encoder} reads: {limit} tokens",
                asked=max_length,
                encoder=encoder.name,
                limit=encoder.max_positions,
            ),
        )


def _versions() -> dict[str, str]:
    packages = ("torch", "transformers", "tokenizers", "sentiment-tui")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
