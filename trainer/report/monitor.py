"""Shows how far a fine-tuning is: progress bar, narration, and TensorBoard's logs on request."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from models.console.i18n import tr
from trainer import distributed
from trainer.console import clock, progress, say

WARMING_STEPS, MEASURED_STEPS = 5, 10
"""Steps before the measurement, for the first are slow, and in it; it tells how long all take."""


class Monitor:
    """Shows a fine-tuning, from `with` on.

    Args:
        step: number of steps that are done.
        steps: number of steps of the whole training.
        tokens_of_step: mean number of tokens of a step.
        folder: folder of TensorBoard's logs; None writes none.
    """

    def __init__(self, step: int, steps: int, tokens_of_step: float, folder: Path | None) -> None:
        self._done, self._steps, self._tokens_of_step = step, steps, tokens_of_step
        self._measured_from = step + WARMING_STEPS
        self._measured_until = self._measured_from + MEASURED_STEPS
        self._measured_tokens = 0
        self._folder = folder
        self._logs: Any = None
        self._dev = ""
        self._open = ExitStack()

    def __enter__(self) -> Self:
        bar = progress(tr("fine-tuning"), self._steps, self._done)
        self._advance = self._open.enter_context(bar)
        if self._folder is not None and distributed.is_first():
            from torch.utils.tensorboard import SummaryWriter

            self._logs = SummaryWriter(str(self._folder))
            self._open.callback(self._logs.close)
        self._started = self._measuring = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def step(self, step: int, loss: float, tokens: int) -> None:
        """Show a step: the mean loss of its rows, and once how long the rest will take."""
        self._advance(1, note=f"loss {loss:.4f}{self._dev}")
        self._log(step, {"train/loss": loss})
        if self._measured_from < step <= self._measured_until:
            self._measured_tokens += tokens
        if step == self._measured_from:
            self._measuring = time.monotonic()
        if step == self._measured_until:
            seconds_of_token = (time.monotonic() - self._measuring) / self._measured_tokens
            left = self._steps - step
            seconds = seconds_of_token * self._tokens_of_step * left
            say(tr("{steps} steps to go: about {time}", steps=left, time=clock(seconds)))

    def epoch(self, step: int, scores: dict[str, float]) -> None:
        """Say the scores of an epoch."""
        self._dev = f", dev {scores['dev_macro_f1']:.2%}"
        self._log(step, {"dev/loss": scores["dev_loss"], "dev/macro_f1": scores["dev_macro_f1"]})
        say(
            tr(
                "epoch {epoch}: loss {loss:.4f} and macro-F1 {f1:.2%} on dev, after {time}",
                epoch=int(scores["epoch"]),
                loss=scores["dev_loss"],
                f1=scores["dev_macro_f1"],
                time=clock(time.monotonic() - self._started),
            )
        )

    def _log(self, step: int, values: dict[str, float]) -> None:
        if self._logs is not None:
            for name, value in values.items():
                self._logs.add_scalar(name, value, step)
