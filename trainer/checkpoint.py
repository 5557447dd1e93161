"""What a fine-tuning is between two steps, and its checkpoint: one safetensors file."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class State:
    """What the steps so far have made; all that a killed training needs to go on.

    Attributes:
        weights: those that train, by name; the model's own.
        optimizer: of these weights.
        scaler: of the gradients, for fp16.
        step: optimiser steps that are done.
        loss: of the rows of this epoch so far, summed.
        history: one entry for each epoch that has ended.
        best: the weights after the best epoch, on the CPU; empty before there is one.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
    ) -> None:
        self.weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.optimizer = optimizer
        self.scaler = scaler
        self.step = 0
        self.loss = 0.0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}

    @property
    def best_epoch(self) -> int:
        """The first epoch with the highest macro-F1 on dev, from 1; 0 before there is one."""
        scores = [entry["dev_macro_f1"] for entry in self.history]
        return scores.index(max(scores)) + 1 if scores else 0

    def advance(self, rate: float) -> None:
        """Make a step from the gradients, at a share of each group's peak learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.step += 1

    def end_epoch(self, entry: dict[str, float]) -> None:
        """Note the scores of an epoch, and keep its weights if it is the best."""
        self.history.append(entry)
        self.loss = 0.0
        if self.best_epoch == len(self.history):
            self.best = {n: w.detach().to("cpu", copy=True) for n, w in self.weights.items()}

    @torch.no_grad()
    def take(self, weights: dict[str, Tensor]) -> None:
        """Give the model these weights."""
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    def save(self, path: Path) -> None:
        """Write the checkpoint; it is there whole or, if this is killed, as it was before."""
        moments = self.optimizer.state_dict()["state"]  # by number of the weight
        tensors = {f"weights/{name}": weight.detach() for name, weight in self.weights.items()}
        tensors |= {f"best/{name}": weight for name, weight in self.best.items()}
        tensors |= {f"{n}/{key}": value for n, of in moments.items() for key, value in of.items()}
        progress = {"step": self.step, "loss": self.loss, "history": self.history}
        document = json.dumps(progress | {"scaler": self.scaler.state_dict()})
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        save_file(tensors, draft, {"progress": document})
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}}
        with safe_open(path, "pt") as file:
            progress: dict[str, Any] = json.loads(file.metadata()["progress"])
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                part, _, name = key.partition("/")
                parts.setdefault(part, {})[name] = file.get_tensor(key)
        self.scaler.load_state_dict(progress.pop("scaler"))
        self.step, self.loss, self.history = progress.values()
        self.take(parts.pop("weights"))
        self.best = parts.pop("best")
        document = self.optimizer.state_dict()
        document["state"] = {int(number): moments for number, moments in parts.items()}
        self.optimizer.load_state_dict(document)
