"""The options of `python -m trainer`, each defined once.

A field is the option of its name, with dashes for underscores: on the command line, in a `--config`
file, and in `run.json`.
"""

import math
import re
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from models.console import tr
from models.label_map import checked_map
from models.tables.options import READING, flags_of

FINETUNING = tr("Fine-tuning, for --train last:N or all")
DISTILLATION = tr("Distillation, when fine-tuning")

Precision = Literal["auto", "fp32", "bf16", "fp16"]


class FiniteFloat(click.FloatRange):
    """A float in a range, where "nan" and "inf" are refused."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the number, or fail with what was expected."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            expected = tr("a number")
            self.fail(tr("expected {expected}, found {found}", expected=expected, found=value))
        return number


def _check_labels(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the names of the labels without the spaces around them."""
    names = tuple(name.strip() for name in value)
    if names and (len(names) < 2 or len(set(names)) < len(names) or "" in names):
        problem = tr(
            "expected two or more different names, each after its own --labels, found {found}",
            found=", ".join(value),
        )
        raise click.BadParameter(problem)
    return names


def _check_trained(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch("head|all|last:[0-9]+", value):
        expected = tr("head, last:N or all")
        problem = tr("expected {expected}, found {found}", expected=expected, found=value)
        raise click.BadParameter(problem)
    return value


_FROM_0 = FiniteFloat(min=0)
_FROM_0_TO_1 = FiniteFloat(0, 1)
_ABOVE_0 = FiniteFloat(min=0, min_open=True)
_COUNT = click.IntRange(min=1)
_NUMBER = click.IntRange(min=0)
_PATH = click.Path(path_type=Path)


def _option(group: str, default: Any, help: str, **more: Any) -> Any:
    """Return a field with the arguments of its click option beyond those that its type implies."""
    metadata = {"group": group, "help": help, **more}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _reading(name: str) -> Any:
    """Return a field that says how tables are read, as in every other command."""
    arguments = dict(READING[name])
    default = arguments.pop("default", None)
    return _option(tr("Data"), default, **arguments)


_data = partial(_option, tr("Data"))
_model = partial(_option, tr("Model"))
_head = partial(_option, tr("Head, on the frozen encoder"))
_tuning = partial(_option, FINETUNING)
_distilling = partial(_option, DISTILLATION)
_run = partial(_option, tr("Run"))


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of one training."""

    data: tuple[str, ...] = _data(
        ("lansinuote/ChnSentiCorp",),
        tr(
            "Labelled reviews: a folder with train, dev and test as CSV, TSV, JSON, XLSX or "
            "Parquet; such files, each after its own --data, or files of other names, which are "
            "one table; a folder of datasets' save_to_disk; a hub id."
        ),
        metavar="DIR|FILE|HUB_ID",
        multiple=True,
    )
    text_column: str | None = _reading("text_column")
    label_column: str | None = _reading("label_column")
    format: str | None = _reading("format")
    encoding: str | None = _reading("encoding")
    delimiter: str | None = _reading("delimiter")
    quoting: str | None = _reading("quoting")
    header: int = _reading("header")
    sheet: str | None = _reading("sheet")
    labels: tuple[str, ...] | None = _data(
        None,
        tr(
            "Names of the labels, each after its own --labels, in the order of their ids. "
            "[default: as the data has them]"
        ),
        metavar="NAME",
        multiple=True,
        callback=_check_labels,
    )
    label_map: str | None = _data(
        None,
        tr(
            "What to call the labels of the data: '1,2=负向评价; 4,5=正向评价; 3=', where rows of "
            "3 are left out."
        ),
        metavar="MAP",
        callback=checked_map,
    )
    skip_unlabelled: bool = _data(False, tr("Skip rows without a label."))
    split_sizes: tuple[float, float] | None = _data(
        None,
        tr(
            "Cut the missing dev and test from train, by these fractions: 0.1 0.1. Fewer than 500 "
            "rows need no dev: a head on a frozen encoder is cross-validated."
        ),
        metavar="DEV TEST",
        nargs=2,
        type=FiniteFloat(0, 0.5, min_open=True, max_open=True),
    )
    drop_contradictions: bool = _data(
        False, tr("Drop texts of train that have more than one label.")
    )
    drop_leaks: bool = _data(False, tr("Drop rows of train that also stand in dev or test."))
    class_weights: bool = _data(False, tr("Weight each label by the inverse of its rows."))

    encoder: str = _model(
        "google-bert/bert-base-chinese",
        tr("The BERT encoder, in the Hugging Face format."),
        metavar="DIR|HUB_ID",
    )
    pooling: Literal["auto", "cls", "mean"] = _model(
        "auto",
        tr(
            "What the head sees: the first token's vector, or the mean of all; auto is what is "
            "better on dev, and cls with --head-epochs 0."
        ),
    )
    max_length: int = _model(
        350, tr("Longer texts are cut to this many tokens."), type=click.IntRange(min=3)
    )
    layers: tuple[int, ...] | None = _model(
        None,
        tr(
            "Keep these layers of the encoder alone, each after its own --layers, counted from 0. "
            "[default: all]"
        ),
        metavar="N",
        multiple=True,
        type=_NUMBER,
    )
    prune_vocab: bool = _model(
        False, tr("Keep the pieces that the training texts use, and all single characters.")
    )
    simplify: bool = _model(
        False,
        tr("Read traditional characters as simplified ones, and those of Cantonese as Mandarin."),
    )
    train: str = _model(
        "head",
        tr("What trains: the head on the frozen encoder; then its last N layers, or all of it."),
        metavar="head|last:N|all",
        callback=_check_trained,
    )

    head_epochs: int = _head(
        100,
        tr("Passes over the cached features; 0 fine-tunes from an untrained head at once."),
        type=_NUMBER,
    )
    head_learning_rate: tuple[float, ...] = _head(
        (3e-4, 1e-3, 3e-3),
        tr("Learning rates to try, each after its own flag; dev chooses."),
        metavar="X",
        multiple=True,
        type=_FROM_0,
    )
    head_weight_decay: tuple[float, ...] = _head(
        (0.01, 0.1, 1.0),
        tr("Weight decays to try with each of these, each after its own flag."),
        metavar="X",
        multiple=True,
        type=_FROM_0,
    )

    epochs: int = _tuning(3, tr("Passes over the rows, at most."), type=_COUNT)
    learning_rate: float = _tuning(
        5e-5, tr("Of the head and the last layer, at its peak."), type=_ABOVE_0
    )
    layer_decay: float = _tuning(  # Sun et al. 2019, section 5.3.4
        0.9,
        tr("The learning rate of each layer below is that of the one above times this."),
        type=FiniteFloat(0, 1, min_open=True),
    )
    weight_decay: float = _tuning(0.01, tr("Of AdamW, on matrices alone."), type=_FROM_0)
    warmup: float = _tuning(
        0.1, tr("Share of the steps in which the learning rate rises."), type=_FROM_0_TO_1
    )
    label_smoothing: float = _tuning(  # Szegedy et al. 2016, section 7
        0.0,
        tr("Share of a label that is spread over all of them."),
        type=FiniteFloat(0, 1, max_open=True),
    )
    accumulation: int = _tuning(1, tr("Batches whose gradients make one step."), type=_COUNT)
    patience: int = _tuning(
        2, tr("Stop after so many epochs without a better macro-F1 on dev."), type=_COUNT
    )
    precision: Precision = _tuning(
        "auto", tr("Of the arithmetic; auto is bf16 where that is faster, else fp16 on a GPU.")
    )
    tensorboard: bool = _tuning(False, tr("Write logs for TensorBoard into the run directory."))

    neutral: str | None = _tuning(
        None,
        tr(
            "A label of the data that is not to be a label of the model: of its rows, it learns to "
            "be unsure."
        ),
        metavar="LABEL",
    )

    teacher: tuple[Path, ...] = _distilling(
        (),
        tr("Learn from what this run or model file answers as well; of several, their mean."),
        metavar="RUN|FILE",
        multiple=True,
        type=_PATH,
    )
    unlabelled: tuple[Path, ...] = _distilling(
        (),
        tr("Texts for the teachers, without labels: CSV, TSV, JSONL, XLSX, Parquet or TXT."),
        metavar="FILE",
        multiple=True,
        type=_PATH,
    )
    teacher_weight: float = _distilling(
        0.7,
        tr("Share of the teachers' answers in the loss; the rest is the labels'."),
        type=_FROM_0_TO_1,
    )
    teacher_temperature: float = _distilling(  # Hinton et al. 2015, section 2
        2.0, tr("Their answers and the student's are softened by this."), type=_ABOVE_0
    )

    output: Path = _run(
        lambda: Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S"),
        tr("The run directory to write. [default: named by the time]"),
        metavar="runs/NAME",
        type=_PATH,
    )
    force: bool = _run(False, tr("Replace the run directory if it exists."))
    batch_size: int = _run(32, tr("Rows of a batch, over all processes."), type=_COUNT)
    seed: int = _run(42, tr("Of all that is random."), type=_NUMBER)
    device: Literal["auto", "cpu", "cuda"] = _run("auto", tr("Where the encoder runs."))

    @property
    def changes_encoder(self) -> bool:
        """Whether the run must carry its encoder, which is no longer the one that was loaded."""
        changed = self.layers is not None or self.prune_vocab or self.simplify
        return changed or self.train != "head"

    @property
    def last_layers(self) -> int | None:
        """Number of the encoder's last layers that train; None for all, and the embeddings."""
        number = self.train.removeprefix("last:")
        return int(number) if number.isdecimal() else None

    def idle(self) -> dict[str, str]:
        """Return the options that do nothing in this training, each with its purpose."""
        purposes = {}
        if not self.teacher:
            purposes[DISTILLATION] = tr("is for training with a --teacher")
        if self.train == "head":
            purposes[DISTILLATION] = purposes[FINETUNING] = tr("is for --train last:N or all")
        found = {}
        for option in fields(self):
            group = option.metadata["group"]
            if group in purposes:
                found[option.name] = purposes[group]
        if not self.head_epochs:
            names = ("head_learning_rate", "head_weight_decay")
            found |= dict.fromkeys(names, tr("is for a head that is trained first"))
        return found

    def choices(self) -> dict[str, Any]:
        """Return the settings that choose the result, for `run.json`."""
        # recorded elsewhere in the run, or without influence
        left_out = {"encoder", "data", "output", "device", "force", "tensorboard", *self.idle()}
        chosen = {name: value for name, value in asdict(self).items() if name not in left_out}
        for name in {"teacher", "unlabelled"} & set(chosen):
            chosen[name] = [path.resolve().name for path in chosen[name]]  # runs/latest is a link
        return chosen


def click_options(*names: str) -> Callable[[Any], Any]:
    """Return a decorator that gives a click command these options, or all where none is named."""

    def add_options(command: Any) -> Any:
        hints = get_type_hints(TrainingSettings)
        for option in reversed(fields(TrainingSettings)):
            if names and option.name not in names:
                continue
            default = None if option.default is MISSING else option.default
            arguments = _implied_by(hints[option.name]) | option.metadata
            del arguments["group"]
            command = click.option(*flags_of(option.name), default=default, **arguments)(command)
        return command

    return add_options


def _implied_by(hint: Any) -> dict[str, Any]:
    """Return the arguments of a click option that the type of its field implies."""
    if hint is bool:
        return {"is_flag": True}
    if hint is int:
        return {"metavar": "N"}
    if hint is float:
        return {"metavar": "X"}
    if get_origin(hint) is Literal:
        return {"type": click.Choice(get_args(hint))}
    return {}
