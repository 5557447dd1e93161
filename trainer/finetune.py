"""Trains the encoder, or its last layers, on from the head that was found on the frozen one.

Starting from a trained head keeps the first steps from distorting what the encoder knows (LP-FT:
Kumar et al. 2022). The loop is the transformers Trainer's: mixed precision, accumulation, clipping,
schedule, early stopping, checkpoints. Ours is what it cannot know: which weights train and how
fast, and an order of the rows that a resumed run repeats exactly.
"""

import json
import os
import shutil
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from tqdm import tqdm
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from models.classifier import Classifier
from models.command import ExitCode, UserError
from models.encoder import layers_of
from models.i18n import tr
from models.metrics import Metrics
from models.tokens import Tokenizer, Tokens
from trainer import ranks
from trainer.data import Data, Split
from trainer.report import say

LOG_STEPS = 10
"""Optimiser steps between two points of the learning curve."""

CHECKPOINT_SECONDS = 300.0
"""How much of an epoch a kill can cost, at most and about."""

NO_LABEL = -100
"""Label id of a row that has none: cross_entropy's default for what it should ignore."""

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class FinetuneSettings:
    """How an encoder is fine-tuned.

    Attributes:
        last: how many of the last layers train; None trains all, and the embeddings.
        epochs: at most.
        batch_size: rows of a batch, over all processes.
        accumulation: batches that are added up before an optimiser step.
        learning_rate: of the head and the last layer, at its peak.
        layer_decay: each layer below learns this much slower (Sun et al. 2019, section 5.3.4).
        weight_decay: of AdamW, on matrices only.
        warmup: share of the steps in which the learning rate rises.
        schedule: how it falls after that.
        label_smoothing: of the loss (Szegedy et al. 2016, section 7).
        patience: stop after so many epochs without a better macro-F1 on dev.
        teacher_weight: share of the teachers' soft labels in the loss, where there are teachers;
            the rest is the labels'. Rows without a label have the soft ones alone.
        teacher_temperature: softens what teachers and student say (Hinton et al. 2015, section 2).
        precision: of the encoder's arithmetic; the weights stay float32. "auto" takes bf16 where
            the device computes it, else fp16 on a GPU and fp32 on a CPU.
    """

    last: int | None = None
    epochs: int = 3
    batch_size: int = 32
    accumulation: int = 1
    learning_rate: float = 5e-5
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warmup: float = 0.1
    schedule: Literal["linear", "cosine"] = "linear"
    label_smoothing: float = 0.0
    patience: int = 2
    teacher_weight: float = 0.7
    teacher_temperature: float = 2.0
    precision: Precision = "auto"


@dataclass(frozen=True)
class SoftLabels:
    """What the teachers say.

    Attributes:
        train: their probabilities for the rows of train, `[rows, C]`, at the teacher temperature.
        more: texts without a label, to be learned from as well.
        more_train: the probabilities for those, `[len(more), C]`.
    """

    train: NDArray[np.float32]
    more: list[str]
    more_train: NDArray[np.float32]


def finetune(
    classifier: Classifier,
    tokenizer: Tokenizer,
    data: Data,
    settings: FinetuneSettings,
    *,
    seed: int,
    checkpoints: Path,
    class_weights: Tensor | None = None,
    soft: SoftLabels | None = None,
    tensorboard: Path | None = None,
) -> list[dict[str, float]]:
    """Train the classifier in place; it ends with the weights that are best on dev.

    Every process of a training that was started as several must call this.

    Args:
        classifier: with the head to start from.
        tokenizer: of its encoder.
        data: "train" is learned from, "dev" chooses the epoch.
        settings: see there.
        seed: of dropout and of the order of the rows.
        checkpoints: a folder for this training alone. If it holds a checkpoint, training goes on
            from there.
        class_weights: of the loss on labels, `[C]`; None weighs all rows the same.
        soft: what teachers say, to be learned besides the labels.
        tensorboard: a folder for its logs, written while training goes on; None writes none.

    Returns:
        One entry per epoch: `epoch`, `train_loss`, `dev_loss`, `dev_macro_f1`.

    Raises:
        UserError: USAGE, more layers are to train than the encoder has, or the batch cannot be
            shared among the processes; UNAVAILABLE, see `choose_precision`.
    """
    _choose_trained(classifier, settings.last)
    checkpoints.mkdir(parents=True, exist_ok=True)
    arguments = _arguments(settings, seed, checkpoints, classifier.head.weight.device, tensorboard)
    trainer = _Trainer(
        model=_WithLoss(classifier, settings, arguments.per_device_train_batch_size, class_weights),
        args=arguments,
        train_dataset=_Rows.to_learn(tokenizer, data.splits["train"], soft),
        # The Trainer takes these in their order: by length, its batches hold little padding.
        eval_dataset=_Rows.by_length(tokenizer, data.splits["dev"]),
        data_collator=lambda chosen: _collate(chosen, tokenizer),
        compute_metrics=lambda answers: _score(answers, len(data.labels)),
        optimizers=(torch.optim.AdamW(_parameter_groups(classifier, settings)), None),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=settings.patience), _Narrator()],
    )
    trainer.batch_size = settings.batch_size
    trainer.remove_callback(PrinterCallback)  # prints dictionaries to stdout
    with warnings.catch_warnings():
        # it orders checkpoints by their numbers then, as we do
        warnings.filterwarnings("ignore", message="mtime may not be reliable")
        trainer.train(resume_from_checkpoint=_last_whole_checkpoint(checkpoints))
    classifier.eval().requires_grad_(requires_grad=False)
    ranks.wait()  # all have read the best checkpoint
    if ranks.is_first():
        shutil.rmtree(checkpoints)
    return _history(trainer.state.log_history)


def _arguments(
    settings: FinetuneSettings,
    seed: int,
    checkpoints: Path,
    device: torch.device,
    tensorboard: Path | None,
) -> TrainingArguments:
    on_cuda = device.type == "cuda"
    precision = choose_precision(settings.precision, device)
    share, rest = divmod(settings.batch_size, ranks.count())
    if rest or not share:
        raise UserError(
            ExitCode.USAGE,
            tr(
                "--batch-size {size} cannot be shared among {count} processes; "
                "expected a multiple of their number",
                size=settings.batch_size,
                count=ranks.count(),
            ),
        )
    # TrainingArguments takes it from here where neither flag is set, and leaves its own here: an
    # earlier training in this process must not decide for a later one.
    os.environ["ACCELERATE_MIXED_PRECISION"] = "no" if precision == "fp32" else precision
    return _Arguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=share,
        per_device_eval_batch_size=2 * share,
        gradient_accumulation_steps=settings.accumulation,
        max_grad_norm=1.0,
        lr_scheduler_type=settings.schedule,
        warmup_ratio=settings.warmup,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=not on_cuda,
        eval_strategy="epoch",
        logging_steps=LOG_STEPS,
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        restore_callback_states_from_checkpoint=True,  # the patience of early stopping
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=on_cuda,
        seed=seed,
        report_to="none" if tensorboard is None else "tensorboard",
        logging_dir=None if tensorboard is None else str(tensorboard),
        ddp_find_unused_parameters=False,
        disable_tqdm=True,  # the bar is ours
    )


def choose_precision(wanted: Precision, device: torch.device) -> Precision:
    """Return the precision that "auto" stands for on this device, or the one that was asked for.

    Raises:
        UserError: UNAVAILABLE, the device does not compute in it.
    """
    on_cuda = device.type == "cuda"
    if on_cuda:
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        has_bf16 = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    if wanted == "auto":
        return "bf16" if has_bf16 else "fp16" if on_cuda else "fp32"
    if (wanted == "bf16" and not has_bf16) or (wanted == "fp16" and not on_cuda):
        raise UserError(
            ExitCode.UNAVAILABLE,
            tr(
                "--precision {precision}: this {device} does not compute in it; "
                "leave it to auto or use fp32",
                precision=wanted,
                device=device.type.upper(),
            ),
        )
    return wanted


def _last_whole_checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint that was written to its end, or None.

    The Trainer writes `trainer_state.json` last, and each process its own random state; a
    checkpoint that lacks one of them was cut off by a kill.
    """
    whole = [
        path.parent
        for path in folder.glob("checkpoint-*/trainer_state.json")
        if _parses(path) and len(list(path.parent.glob("rng_state*"))) == ranks.count()
    ]
    return str(max(whole, key=lambda path: int(path.name.partition("-")[2]))) if whole else None


def _parses(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _choose_trained(classifier: Classifier, last: int | None) -> None:
    """Let the head and the last layers train, or everything."""
    layers = layers_of(classifier.encoder)
    if last is not None and not 0 < last <= len(layers):
        raise UserError(
            ExitCode.USAGE,
            tr(
                "--train last:{last} asks for layers that are not there: the encoder has {count}",
                last=last,
                count=len(layers),
            ),
        )
    classifier.requires_grad_(requires_grad=last is None)
    for module in (classifier.head, *(layers[-last:] if last else ())):
        module.requires_grad_(requires_grad=True)


def _parameter_groups(classifier: Classifier, settings: FinetuneSettings) -> list[dict[str, Any]]:
    """Group the weights that train by learning rate and weight decay."""
    layers = layers_of(classifier.encoder)
    depths = {id(p): depth for depth, layer in enumerate(layers) for p in layer.parameters()}
    depths |= {id(p): len(layers) - 1 for p in classifier.head.parameters()}
    groups: dict[tuple[int, bool], list[Tensor]] = {}
    for parameter in classifier.parameters():
        if parameter.requires_grad:
            depth = depths.get(id(parameter), -1)  # what is below the layers: the embeddings
            groups.setdefault((depth, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": settings.learning_rate * settings.layer_decay ** (len(layers) - 1 - depth),
            # biases and the weights of LayerNorm are not decayed (Devlin et al. 2019, their code)
            "weight_decay": settings.weight_decay if is_matrix else 0.0,
        }
        for (depth, is_matrix), parameters in groups.items()
    ]


class _WithLoss(nn.Module):
    """The classifier as the Trainer wants it: loss on logits, and logits.

    In training the loss is a sum over rows, divided by a number that is the same for every batch.
    So a row weighs the same wherever it stands: in a short last batch, or in any process's share.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        classifier: Classifier,
        settings: FinetuneSettings,
        rows: int,
        class_weights: Tensor | None,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.settings = settings
        self.rows = rows  # of a full batch in this process
        # a buffer, so that it moves with the model; not saved, as it is no weight
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        soft: Tensor | None = None,
    ) -> dict[str, Tensor]:
        logits = self.classifier(input_ids, attention_mask, token_type_ids).float()
        if labels is None:
            return {"logits": logits}
        if not self.training:
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}
        loss = F.cross_entropy(
            logits,
            labels,
            weight=self.class_weights,
            label_smoothing=self.settings.label_smoothing,
            reduction="sum",
        )
        if soft is not None:
            share, heat = self.settings.teacher_weight, self.settings.teacher_temperature
            # heat² keeps the gradient's size as the temperature changes (Hinton et al. 2015)
            taught = -(soft * F.log_softmax(logits / heat, dim=1)).sum() * heat**2
            loss = (1 - share) * loss + share * taught
        return {"loss": loss / self.rows, "logits": logits}


@dataclass(frozen=True)
class _Item:
    """A row: token ids, its label id or NO_LABEL, and what the teachers say of it."""

    ids: NDArray[np.int64]
    label: int
    soft: NDArray[np.float32] | None


class _Rows(Dataset[_Item]):
    """Tokenised rows, not padded. The row -1 is none at all: it weighs nothing."""

    def __init__(
        self, tokens: Tokens, labels: NDArray[np.int64], soft: NDArray[np.float32] | None = None
    ) -> None:
        self.lengths = tokens.lengths
        self._ids, self._labels, self._soft = tokens.ids, labels, soft

    @classmethod
    def to_learn(cls, tokenizer: Tokenizer, split: Split, soft: SoftLabels | None) -> "_Rows":
        """Return the rows of a split, and those that have soft labels only."""
        if soft is None:
            return cls(tokenizer.encode(split.texts), split.labels)
        return cls(
            tokenizer.encode([*split.texts, *soft.more]),
            np.concatenate([split.labels, np.full(len(soft.more), NO_LABEL)]),
            np.concatenate([soft.train, soft.more_train]),
        )

    @classmethod
    def by_length(cls, tokenizer: Tokenizer, split: Split) -> "_Rows":
        """Return the rows of a split from short to long."""
        shuffled = tokenizer.encode(split.texts)
        order = np.argsort(shuffled.lengths, kind="stable")
        tokens = Tokens(
            [shuffled.ids[row] for row in order], shuffled.lengths[order], shuffled.read[order]
        )
        return cls(tokens, split.labels[order])

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, row: int) -> _Item:
        if row < 0:
            nothing = None if self._soft is None else np.zeros_like(self._soft[0])
            return _Item(self._ids[0][:1], NO_LABEL, nothing)
        soft = None if self._soft is None else self._soft[row]
        return _Item(self._ids[row], int(self._labels[row]), soft)


def _collate(items: list[_Item], tokenizer: Tokenizer) -> dict[str, Tensor]:
    """Pad some rows to the longest of them."""
    ids = [item.ids for item in items]
    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    tokens = Tokens(ids, lengths, np.ones(len(ids), dtype=np.float32))
    batch: dict[str, NDArray[Any]] = dict(tokens.batch(np.arange(len(ids)), tokenizer.pad_id))
    if not tokenizer.has_token_types:
        del batch["token_type_ids"]
    batch["labels"] = np.array([item.label for item in items], dtype=np.int64)
    if items[0].soft is not None:
        batch["soft"] = np.stack([item.soft for item in items if item.soft is not None])
    return {name: torch.from_numpy(values) for name, values in batch.items()}


class _ByLength(Sampler[int]):
    """Rows in a fresh order each epoch, such that a batch holds texts of similar length.

    The order is a function of seed and epoch alone, so that a resumed run repeats it, and every
    process of several has the same: the Trainer's own sampler draws from the global random state.
    A last batch that is not full is filled up with the row -1.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size) * self.batch_size

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(len(self.lengths))
        whole = len(order) - len(order) % self.batch_size
        batches: list[NDArray[np.intp]] = []
        # Sorting within pools of 50 batches leaves chance in what meets what.
        for pool in np.split(
            order[:whole], range(50 * self.batch_size, whole, 50 * self.batch_size)
        ):
            by_length = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches.extend(by_length.reshape(-1, self.batch_size))
        random.shuffle(batches)
        nothing = np.full(len(self) - len(order), -1)
        yield from np.concatenate([*batches, order[whole:], nothing]).tolist()


class _Narrator(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Shows a bar, says after a few steps how long the rest will take, and asks for checkpoints."""

    def on_train_begin(
        self, _arguments: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        self._first, self._started = state.global_step, time.monotonic()
        self._saved = self._started
        self._bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc=tr("fine-tuning"),
            unit="step",
            disable=None if ranks.is_first() else True,
            leave=False,
        )
        self._shown: dict[str, str] = {}

    def on_step_end(
        self,
        _arguments: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        self._bar.update()
        if state.global_step - self._first == LOG_STEPS:
            left = state.max_steps - state.global_step
            seconds = (time.monotonic() - self._started) / LOG_STEPS * left
            say(
                tr(
                    "{steps} steps to go: about {minutes:.0f} minutes",
                    steps=left,
                    minutes=seconds / 60,
                )
            )
        # Only where the loss is logged: what has been summed up since is not in a checkpoint.
        if state.global_step % LOG_STEPS == 0:
            due = time.monotonic() - self._saved > CHECKPOINT_SECONDS
            control.should_save |= ranks.agree(due)

    def on_epoch_end(
        self,
        _arguments: TrainingArguments,
        _state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        control.should_log = True

    def on_save(self, *_: Any, **__: Any) -> None:
        self._saved = time.monotonic()

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "loss" in logs:
            self._show(loss=f"{logs['loss']:.4f}")

    def on_evaluate(
        self,
        _arguments: TrainingArguments,
        state: TrainerState,
        *_: Any,
        metrics: dict[str, float],
        **__: Any,
    ) -> None:
        self._show(dev=f"{metrics['eval_macro_f1']:.2%}")
        say(
            tr(
                "epoch {epoch:.0f}: loss {loss:.4f} and macro-F1 {f1:.2%} on dev, "
                "{minutes:.0f} minutes",
                epoch=state.epoch,
                loss=metrics["eval_cross_entropy"],
                f1=metrics["eval_macro_f1"],
                minutes=(time.monotonic() - self._started) / 60,
            )
        )

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self._bar.close()

    def _show(self, **values: str) -> None:
        self._shown |= values
        self._bar.set_postfix(self._shown)


class _Arguments(TrainingArguments):  # type: ignore[misc] # transformers is untyped
    @property
    def device(self) -> torch.device:
        """Where this process trains. Of several, accelerate calls the CPU cpu:0.

        torch.load, with which the Trainer goes on, knows no such place.
        """
        device: torch.device = super().device
        return torch.device("cpu") if device.type == "cpu" else device

    @property
    def n_gpu(self) -> int:
        """One process drives one GPU: several are for torchrun, not for torch's DataParallel."""
        count: int = super().n_gpu
        return min(count, 1)


class _Trainer(Trainer):  # type: ignore[misc] # transformers is untyped
    batch_size: int  # over all processes

    def _get_train_sampler(self, train_dataset: _Rows | None = None) -> _ByLength:
        rows: _Rows = train_dataset or self.train_dataset
        return _ByLength(rows.lengths, self.batch_size, self.args.seed)


def _score(answers: EvalPrediction, classes: int) -> dict[str, float]:
    """Score dev; the Trainer's own loss is a mean over batches, whatever their number of rows."""
    logits, labels = answers.predictions, answers.label_ids
    loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item()
    macro_f1 = Metrics.of(labels, logits.argmax(axis=-1), classes).macro_f1
    return {"cross_entropy": loss, "macro_f1": macro_f1}


def _history(log: list[dict[str, float]]) -> list[dict[str, float]]:
    """Join what the Trainer logged of each epoch in training and in evaluation."""
    history = []
    losses: list[float] = []  # of each step since the last evaluation
    step = 0
    for entry in log:
        if "loss" in entry:
            losses += [entry["loss"]] * int(entry["step"] - step)
            step = int(entry["step"])
        elif "eval_cross_entropy" in entry:
            history.append(
                {
                    "epoch": round(entry["epoch"]),
                    "train_loss": sum(losses) / len(losses),
                    "dev_loss": entry["eval_cross_entropy"],
                    "dev_macro_f1": entry["eval_macro_f1"],
                }
            )
            losses = []
    return history
