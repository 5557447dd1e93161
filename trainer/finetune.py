"""Trains the encoder, or its last layers, on from the head that was found on the frozen one.

Starting from a trained head keeps the first steps from distorting what the encoder knows (LP-FT:
Kumar et al. 2022). The loop is the transformers Trainer's: mixed precision, accumulation, clipping,
schedule, early stopping, checkpoints. Ours is what it cannot know: which weights train and how
fast, and an order of the rows that a resumed run repeats exactly.
"""

import json
import shutil
import sys
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
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from models.classifier import Classifier
from models.command import ExitCode, UserError
from models.i18n import tr
from models.metrics import Metrics
from models.tokens import Tokenizer, Tokens
from trainer.data import Data, Split
from trainer.report import say


@dataclass(frozen=True)
class FinetuneSettings:
    """How an encoder is fine-tuned.

    Attributes:
        layers: how many of the last layers train; None trains all, and the embeddings.
        epochs: at most.
        batch_size: rows of an optimiser step on each device.
        accumulation: batches that are added up before a step.
        learning_rate: of the head and the last layer, at its peak.
        layer_decay: each layer below learns this much slower (Sun et al. 2019, section 5.3.4).
        weight_decay: of AdamW, on matrices only.
        warmup: share of the steps in which the learning rate rises.
        schedule: how it falls after that.
        label_smoothing: of the loss (Szegedy et al. 2016, section 7).
        patience: stop after so many epochs without a better macro-F1 on dev.
    """

    layers: int | None = None
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


def finetune(
    classifier: Classifier,
    tokenizer: Tokenizer,
    data: Data,
    settings: FinetuneSettings,
    *,
    seed: int,
    class_weights: Tensor | None,
    checkpoints: Path,
) -> list[dict[str, float]]:
    """Train the classifier in place; it ends with the weights that are best on dev.

    Args:
        classifier: with the head to start from.
        tokenizer: of its encoder.
        data: "train" is learned from, "dev" chooses the epoch.
        settings: see there.
        seed: of dropout and of the order of the rows.
        class_weights: of the loss, `[C]`; None weighs all rows the same.
        checkpoints: a folder for this training alone. If it holds a checkpoint, training goes on
            from there.

    Returns:
        One entry per epoch: `epoch`, `train_loss`, `dev_loss`, `dev_macro_f1`.

    Raises:
        UserError: USAGE, more layers are to train than the encoder has.
    """
    _choose_trained(classifier, settings.layers)
    checkpoints.mkdir(parents=True, exist_ok=True)
    trainer = _Trainer(
        model=_WithLoss(classifier, class_weights, settings.label_smoothing),
        args=_arguments(settings, seed, checkpoints, classifier.head.weight.device),
        train_dataset=_Rows(tokenizer, data.splits["train"]),
        # The Trainer takes these in their order: by length, its batches hold little padding.
        eval_dataset=_Rows(tokenizer, data.splits["dev"], by_length=True),
        data_collator=lambda chosen: _collate(chosen, tokenizer),
        compute_metrics=lambda answers: _score(answers, len(data.labels)),
        optimizers=(torch.optim.AdamW(_parameter_groups(classifier, settings)), None),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=settings.patience)],
    )
    trainer.remove_callback(PrinterCallback)  # prints dictionaries to stdout
    trainer.add_callback(_Narrator())
    with warnings.catch_warnings():
        # it orders checkpoints by their numbers then, as we do
        warnings.filterwarnings("ignore", message="mtime may not be reliable")
        trainer.train(resume_from_checkpoint=_last_whole_checkpoint(checkpoints))
    classifier.eval().requires_grad_(requires_grad=False)
    shutil.rmtree(checkpoints)
    return _history(trainer.state.log_history)


def _arguments(
    settings: FinetuneSettings, seed: int, checkpoints: Path, device: torch.device
) -> TrainingArguments:
    on_cuda = device.type == "cuda"
    bf16 = on_cuda and torch.cuda.is_bf16_supported()
    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=2 * settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        max_grad_norm=1.0,
        lr_scheduler_type=settings.schedule,
        warmup_ratio=settings.warmup,
        bf16=bf16,
        fp16=on_cuda and not bf16,
        use_cpu=not on_cuda,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        restore_callback_states_from_checkpoint=True,  # the patience of early stopping
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=on_cuda,
        seed=seed,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
    )


def _last_whole_checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint that was written to its end, or None.

    The Trainer writes `trainer_state.json` last; a checkpoint without it was cut off by a kill.
    """
    whole = [
        path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if _parses(path)
    ]
    return str(max(whole, key=lambda path: int(path.name.partition("-")[2]))) if whole else None


def _parses(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _layers(classifier: Classifier) -> list[nn.Module]:
    """Return the layers of a BERT-like encoder, from the embeddings up."""
    stack = getattr(getattr(classifier.encoder, "encoder", None), "layer", None)
    if stack is None:
        raise UserError(
            ExitCode.DATA,
            tr(
                "{name} has no layers where BERT has them; only its head can be trained",
                name=type(classifier.encoder).__name__,
            ),
        )
    return list(stack)


def _choose_trained(classifier: Classifier, last: int | None) -> None:
    """Let the head and the last layers train, or everything."""
    layers = _layers(classifier)
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
    layers = _layers(classifier)
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
    """The classifier as the Trainer wants it: loss on logits, and logits."""

    class_weights: Tensor | None

    def __init__(
        self, classifier: Classifier, class_weights: Tensor | None, label_smoothing: float
    ) -> None:
        super().__init__()
        self.classifier = classifier
        # a buffer, so that it moves with the model; not saved, as it is no weight
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.label_smoothing = label_smoothing

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        logits = self.classifier(input_ids, attention_mask, token_type_ids)
        if labels is None:
            return {"logits": logits}
        loss = F.cross_entropy(
            logits, labels, weight=self.class_weights, label_smoothing=self.label_smoothing
        )
        return {"loss": loss, "logits": logits}


_Item = tuple[NDArray[np.int64], int]  # token ids, label id


class _Rows(Dataset[_Item]):
    """Tokenised rows, not padded: in the order of the split, or from short to long."""

    def __init__(self, tokenizer: Tokenizer, split: Split, *, by_length: bool = False) -> None:
        self._tokens = tokenizer.encode(split.texts)
        self.labels = split.labels
        rows = len(split)
        self._order = np.argsort(self.lengths, kind="stable") if by_length else np.arange(rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per row, `[rows]`, in the order of the split."""
        return self._tokens.lengths

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> _Item:
        row = self._order[place]
        return self._tokens.ids[row], int(self.labels[row])


def _collate(items: list[_Item], tokenizer: Tokenizer) -> dict[str, Tensor]:
    """Pad some rows to the longest of them."""
    ids = [row for row, _ in items]
    lengths = np.array([len(row) for row in ids], dtype=np.int64)
    tokens = Tokens(ids, lengths, np.zeros(len(ids), dtype=bool))
    batch = tokens.batch(np.arange(len(ids)), tokenizer.pad_id)
    if not tokenizer.has_token_types:
        del batch["token_type_ids"]
    batch["labels"] = np.array([label for _, label in items], dtype=np.int64)
    return {name: torch.from_numpy(values) for name, values in batch.items()}


class _ByLength(Sampler[int]):
    """Rows in a fresh order each epoch, such that a batch holds texts of similar length.

    The order is a function of seed and epoch alone, so that a resumed run repeats it: the Trainer's
    own sampler draws from the global random state, which differs then.
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
        return len(self.lengths)

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
        yield from np.concatenate([*batches, order[whole:]]).tolist()


class _Narrator(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Says after a few steps how long the rest will take, and after each epoch how good it is."""

    measured = 10  # steps

    def on_train_begin(
        self, _arguments: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        self._first, self._started = state.global_step, time.monotonic()

    def on_step_end(
        self, _arguments: TrainingArguments, state: TrainerState, *_: Any, **__: Any
    ) -> None:
        if state.global_step - self._first == self.measured:
            left = state.max_steps - state.global_step
            seconds = (time.monotonic() - self._started) / self.measured * left
            say(
                tr(
                    "{steps} steps to go: about {minutes:.0f} minutes",
                    steps=left,
                    minutes=seconds / 60,
                )
            )

    def on_evaluate(
        self,
        _arguments: TrainingArguments,
        state: TrainerState,
        *_: Any,
        metrics: dict[str, float],
        **__: Any,
    ) -> None:
        say(
            tr(
                "epoch {epoch:.0f}: loss {loss:.4f} and macro-F1 {f1:.2%} on dev, "
                "{minutes:.0f} minutes",
                epoch=state.epoch,
                loss=metrics["eval_loss"],
                f1=metrics["eval_macro_f1"],
                minutes=(time.monotonic() - self._started) / 60,
            )
        )


class _Trainer(Trainer):  # type: ignore[misc] # transformers is untyped
    def _get_train_sampler(self, train_dataset: _Rows | None = None) -> _ByLength:
        rows: _Rows = train_dataset or self.train_dataset
        return _ByLength(rows.lengths, self.args.train_batch_size, self.args.seed)


def _score(answers: EvalPrediction, classes: int) -> dict[str, float]:
    said = answers.predictions.argmax(axis=-1)
    return {"macro_f1": Metrics.of(answers.label_ids, said, classes).macro_f1}


def _history(log: list[dict[str, float]]) -> list[dict[str, float]]:
    """Join what the Trainer logged of each epoch in training and in evaluation."""
    losses = {entry["epoch"]: entry["loss"] for entry in log if "loss" in entry}
    return [
        {
            "epoch": round(entry["epoch"]),
            "train_loss": losses[entry["epoch"]],
            "dev_loss": entry["eval_loss"],
            "dev_macro_f1": entry["eval_macro_f1"],
        }
        for entry in log
        if "eval_loss" in entry
    ]
