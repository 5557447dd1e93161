"""From labelled reviews to a run directory, read from top to bottom."""

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from models.console import unavailable_error
from models.console.install import install
from models.run_directory import refuse_existing
from trainer import distributed
from trainer.console import say
from trainer.fitting import fit
from trainer.frozen import Fitted
from trainer.loading import Loaded, load
from trainer.precision import choose_device
from trainer.report.calibration import fit_temperature, say_calibration
from trainer.report.scores import score_splits
from trainer.report.suspects import FILE, Suspect, find_suspects
from trainer.run_writer import write
from trainer.settings import TrainingSettings


def train(settings: TrainingSettings) -> dict[str, Any]:
    """Train a classifier, and write the run directory.

    Where several processes were started, all take part, and the first alone speaks and writes.

    Returns:
        The scores of "dev" and "test"; after fine-tuning also those of the "frozen" encoder, where
        its head was trained. Nothing in a process that is not the first.

    Raises:
        UserError: as `load`, `fit` and `write`; UNAVAILABLE, there is no such device, no
            TensorBoard, or one of the processes is gone; USAGE, they do not see one folder.
    """
    settings = effective(settings)
    refuse_existing(settings.output, force=settings.force)
    if settings.tensorboard and find_spec("tensorboard") is None:
        raise unavailable_error(
            "--tensorboard needs the package tensorboard: {command}",
            command=install("tensorboard"),
        )
    device = choose_device(settings.device)
    with distributed.together():
        device = distributed.join(device)
        distributed.require_shared(settings.output.parent)
        loaded = load(settings, device)
        fitted = fit(loaded, settings)
        distributed.leave()
    if not distributed.is_first():
        return {}
    logits, data = fitted.unseen_logits, loaded.data
    temperature = fit_temperature(logits["dev"], data.measured["dev"].labels)
    metrics = score_splits(logits, data, temperature)
    say_calibration(temperature, metrics["dev"])
    suspects = _find_suspects(loaded, fitted, temperature)
    write(loaded, fitted, temperature, metrics, suspects)
    say("the run is in {path}; next: python -m export --opset 17", path=settings.output)
    return metrics | fitted.frozen_scores


def effective(settings: TrainingSettings) -> TrainingSettings:
    """Return settings with every option that is idle as it is by default."""
    usual = TrainingSettings()
    return replace(settings, **{name: getattr(usual, name) for name in settings.idle()})


def _find_suspects(loaded: Loaded, fitted: Fitted, temperature: float) -> list[Suspect] | None:
    """Return the rows whose labels the others doubt; None where no head was asked for them."""
    if fitted.out_of_fold is None:
        return None
    splits = loaded.data.splits
    logits = fitted.logits | {"train": fitted.out_of_fold}
    suspects = find_suspects(splits, logits, loaded.data.labels.names, temperature)
    say(
        "{count} of {rows:label} are not what the other rows say: see {file}",
        count=f"{len(suspects):,}",
        rows=sum(map(len, splits.values())),
        file=FILE,
    )
    return suspects
