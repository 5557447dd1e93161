"""Shows how far a fine-tuning is: progress bar, narration, and TensorBoard's logs on request."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.console import tr
from models.console.narration import Advance, clock
from trainer import distributed
from trainer.console import progress, say

WARMING_STEPS, MEASURED_STEPS = 5, 10
"""Steps before the measurement, for the first are slow, and in it; it tells how long all take."""


class Monitor:
    """Shows the steps and epochs of a fine-tuning; see `monitoring`."""

    def __init__(
        self, step: int, steps: int, tokens_of_step: float, advance: Advance, logs: Any
    ) -> None:
        self._steps, self._tokens_of_step = steps, tokens_of_step
        self._advance, self._logs = advance, logs
        self._measured = range(step + WARMING_STEPS, step + WARMING_STEPS + MEASURED_STEPS)
        self._measured_tokens = 0
        self._started = self._measured_from = time.monotonic()

    def step(self, step: int, loss: float, tokens: int) -> None:
        """Show a step: the mean loss of its rows, and once how long the rest will take."""
        self._advance(1, f"{tr('fine-tuning')}: loss {loss:.4f}")
        self._log(step, {"train/loss": loss})
        if step == self._measured.start:
            self._measured_from = time.monotonic()
        elif step - 1 in self._measured:
            self._measured_tokens += tokens
        if step == self._measured.stop:
            taken = time.monotonic() - self._measured_from
            left = self._steps - step
            seconds = taken / self._measured_tokens * self._tokens_of_step * left
            say(tr("{steps} steps to go: about {time}", steps=left, time=clock(seconds)))

    def epoch(self, step: int, scores: Mapping[str, float]) -> None:
        """Say the scores of an epoch."""
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

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        if self._logs is not None:
            for name, value in values.items():
                self._logs.add_scalar(name, value, step)


@contextmanager
def monitoring(
    step: int, steps: int, tokens_of_step: float, folder: Path | None
) -> Iterator[Monitor]:
    """Show a fine-tuning for as long as the body runs.

    Args:
        step: number of steps that are done.
        steps: number of steps of the whole training.
        tokens_of_step: mean number of tokens of a step.
        folder: folder of TensorBoard's logs; None writes none.
    """
    with progress(tr("fine-tuning"), steps, step) as advance:
        if folder is None or not distributed.is_first():
            yield Monitor(step, steps, tokens_of_step, advance, None)
            return
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(folder)) as logs:
            yield Monitor(step, steps, tokens_of_step, advance, logs)
