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


class Monitor:
    """Shows the steps and epochs of a fine-tuning; see `monitoring`."""

    def __init__(self, advance: Advance, logs: Any) -> None:
        self._advance, self._logs = advance, logs
        self._started = time.monotonic()

    def step(self, step: int, loss: float) -> None:
        """Show a step, by the mean loss of its rows."""
        self._advance(1, f"{tr('fine-tuning')}: loss {loss:.4f}")
        self._log(step, {"train/loss": loss})

    def epoch(self, step: int, scores: Mapping[str, float]) -> None:
        """Say the scores of an epoch."""
        self._log(step, {"dev/loss": scores["dev_loss"], "dev/macro_f1": scores["dev_macro_f1"]})
        say(
            "epoch {epoch}: loss {loss:.4f} and macro-F1 {f1:.2%} on dev, after {time}",
            epoch=int(scores["epoch"]),
            loss=scores["dev_loss"],
            f1=scores["dev_macro_f1"],
            time=clock(time.monotonic() - self._started),
        )

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        if self._logs is not None:
            for name, value in values.items():
                self._logs.add_scalar(name, value, step)


@contextmanager
def monitoring(step: int, steps: int, folder: Path | None) -> Iterator[Monitor]:
    """Show a fine-tuning for as long as the body runs.

    Args:
        step: number of steps that are done.
        steps: number of steps of the whole training.
        folder: folder of TensorBoard's logs; None writes none.
    """
    with progress(tr("fine-tuning"), steps, step) as advance:
        if folder is None or not distributed.is_first():
            yield Monitor(advance, None)
            return
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(folder)) as logs:
            yield Monitor(advance, logs)
