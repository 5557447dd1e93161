"""The state of a fine-tuning between two steps, and its checkpoint: one safetensors file."""

import json
import time
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.files import draft_of
from models.run_directory import disk_errors
from trainer import distributed
from trainer.report.scores import best_of
from trainer.settings import Precision

CHECKPOINT_SECONDS = 300.0
"""Training time that a kill can cost within an epoch, about."""


class State:
    """The result of the steps so far: all that a killed training needs to go on.

    Attributes:
        weights: the model's own weights that train, by name.
        optimizer: steps these weights.
        precision: precision of the arithmetic, which is not "auto".
        scaler: scales the loss where gradients are fp16, and does nothing elsewhere.
        step: number of optimiser steps that are done.
        loss: sum of the losses of this epoch's rows so far.
        history: one entry for the head that was there before, if any, as epoch 0, and one for each
            epoch that has ended.
        best: weights after the best of them, on the CPU; empty before there is one.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, precision: Precision
    ) -> None:
        self.weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.optimizer = optimizer
        self.precision = precision
        device = next(model.parameters()).device
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
        self.step = 0
        self.loss = 0.0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self._saved = time.monotonic()

    @property
    def tuned(self) -> list[dict[str, float]]:
        """Entries of the epochs that have ended."""
        return [entry for entry in self.history if entry["epoch"]]

    def advance(self, rate: float) -> None:
        """Step the weights by their gradients, at a share of each group's peak learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.step += 1

    def end_epoch(self, scores: dict[str, float]) -> None:
        """Add the scores of an epoch to the history, and keep its weights if it is the best."""
        self.history.append(scores)
        self.loss = 0.0
        if best_of(self.history) is scores:
            for name, weight in self.weights.items():
                self.best[name] = weight.detach().to("cpu", copy=True)

    @torch.no_grad()
    def restore(self, weights: dict[str, Tensor]) -> None:
        """Give the model these weights."""
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    def save_if_due(self, path: Path) -> None:
        """Write the checkpoint when the last one is `CHECKPOINT_SECONDS` old."""
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self.save(path)

    def save(self, path: Path) -> None:
        """Write the checkpoint in the first process; a kill leaves it whole, or as it was."""
        if not distributed.is_first():
            return
        moments = self.optimizer.state_dict()["state"]  # by the number of the weight
        tensors = {}
        for part, named in {"weights": self.weights, "best": self.best, **moments}.items():
            for name, tensor in named.items():
                tensors[f"{part}/{name}"] = tensor.detach()
        progress = {
            "step": self.step,
            "loss": self.loss,
            "history": self.history,
            "precision": self.precision,
            "scaler": self.scaler.state_dict(),
        }
        with draft_of(path) as draft, disk_errors():
            save_file(tensors, draft, {"progress": json.dumps(progress)})
        self._saved = time.monotonic()

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}}
        with safe_open(path, "pt") as file:
            progress = json.loads(file.metadata()["progress"])
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                part, _, name = key.partition("/")
                parts.setdefault(part, {})[name] = file.get_tensor(key)
        self.step = progress["step"]
        self.loss = progress["loss"]
        self.history = progress["history"]
        self.scaler.load_state_dict(progress["scaler"])
        self.restore(parts.pop("weights"))
        self.best = parts.pop("best")
        document = self.optimizer.state_dict()
        document["state"] = {int(number): moments for number, moments in parts.items()}
        self.optimizer.load_state_dict(document)


def precision_of(checkpoint: Path, otherwise: Precision) -> Precision:
    """Return the precision that a training began with, or the other where it begins now."""
    if not distributed.first_sees(checkpoint):
        return otherwise
    with safe_open(checkpoint, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
    precision: Precision = progress["precision"]
    return precision
