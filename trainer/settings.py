"""What a training is asked to do: each option of `python -m trainer`, said once.

A field is the option of its name, with dashes for underlines: on the command line, in a `--config`
file, and in `run.json`.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from models.console.i18n import tr

FINETUNING = tr("Fine-tuning, for --train last:N or all")
DISTILLATION = tr("Distillation, when fine-tuning")

Precision = Literal["auto", "fp32", "bf16", "fp16"]


class Parsed(click.ParamType[Any]):
    """What a function makes of a value; where it raises ValueError, `expected` is said."""

    def __init__(self, name: str, parse: Callable[[Any], Any], expected: str) -> None:
        self.name, self.parse, self.expected = name, parse, expected

    def get_metavar(self, *_: Any, **__: Any) -> str:
        """Return how the help writes the value."""
        return self.name

    def convert(self, value: Any, param: Any, ctx: Any) -> object:
        """Return the value, or fail with what was expected."""
        try:
            return self.parse(value)
        except (ValueError, TypeError):
            said = tr("expected {expected}, found {found}", expected=self.expected, found=value)
            self.fail(said, param, ctx)


class Number(click.FloatRange):
    """A number in a range; "nan" and "inf" are none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the number, or fail with what was expected."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(
                tr("expected {expected}, found {found}", expected=tr("a number"), found=value),
                param,
                ctx,
            )
        return number


def _parts(value: Any) -> Sequence[Any]:
    """Return the parts of "1,2", or of a TOML list."""
    return value if isinstance(value, list | tuple) else str(value).split(",")


def _numbers(kind: type[float], example: str) -> Parsed:
    def parse(value: Any) -> tuple[float, ...]:
        found = tuple(map(kind, _parts(value)))
        if min(found) < 0 or not all(map(math.isfinite, found)):
            raise ValueError
        return found

    return Parsed(
        "N,N,…" if kind is int else "X,X,…", parse, tr("numbers like {example}", example=example)
    )


def _split_sizes(value: Any) -> tuple[float, float]:
    dev, test = map(float, _parts(value))
    if not (0 < dev < 0.5 and 0 < test < 0.5):
        raise ValueError
    return dev, test


def _labels(value: Any) -> tuple[str, ...]:
    names = tuple(str(name).strip() for name in _parts(value))
    if len(set(names)) < max(2, len(names)) or "" in names:
        raise ValueError
    return names


def _trained(value: str) -> str:
    if not re.fullmatch("head|all|last:[0-9]+", value):
        raise ValueError
    return value


_NAMES = Parsed("NAME,NAME", _labels, tr("two or more different names"))
_SIZES = Parsed(
    "DEV,TEST",
    _split_sizes,
    tr("the fractions of dev and test, each more than 0 and less than 0.5, as in 0.1,0.1"),
)
_TRAINED = Parsed("head|last:N|all", _trained, tr("head, last:N or all"))
_FROM_1 = click.IntRange(min=1)
_FROM_0 = Number(min=0)
_ABOVE_0 = Number(min=0, min_open=True)
_SHARE = Number(0, 1)


def _option(group: str, default: Any, help: str, **more: Any) -> Any:
    """Return a field, and what click is told of its option beyond what its type says."""
    settled = {"default_factory": default} if callable(default) else {"default": default}
    return field(**settled, metadata={"group": group, "help": help, **more})


_data = partial(_option, tr("Data"))
_model = partial(_option, tr("Model"))
_head = partial(_option, tr("Head, on the frozen encoder"))
_tuning = partial(_option, FINETUNING)
_distilling = partial(_option, DISTILLATION)
_run = partial(_option, tr("Run"))


@dataclass(frozen=True)
class TrainingSettings:
    """One training."""

    data: tuple[str, ...] = _data(
        ("lansinuote/ChnSentiCorp",),
        tr(
            "Labelled reviews: a folder with train, dev and test as CSV, TSV, JSONL, XLSX or "
            "Parquet; such files, each after its own --data; a folder of datasets' "
            "save_to_disk; a hub id."
        ),
        metavar="DIR|FILE|HUB_ID",
    )
    text_column: str | None = _data(None, tr("Column of the texts."), metavar="NAME")
    label_column: str | None = _data(None, tr("Column of the labels."), metavar="NAME")
    encoding: str | None = _data(None, tr("Encoding of the files. [default: found out]"))
    labels: tuple[str, ...] | None = _data(
        None,
        tr("Names of the labels, in the order of their ids. [default: as the data has them]"),
        type=_NAMES,
    )
    split_sizes: tuple[float, float] | None = _data(
        None,
        tr("Cut the missing dev and test from train, by these fractions: 0.1,0.1."),
        type=_SIZES,
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
    pooling: Literal["cls", "mean"] = _model(
        "cls", tr("What the head sees: the first token's vector, or the mean of all.")
    )
    max_length: int = _model(
        350, tr("Longer texts are cut to this many tokens."), type=click.IntRange(min=3)
    )
    layers: tuple[int, ...] | None = _model(
        None,
        tr("Keep these layers of the encoder alone, counted from 0. [default: all]"),
        type=_numbers(int, "0,3,7,11"),
    )
    prune_vocab: bool = _model(
        False, tr("Keep the pieces that the training texts use, and all single characters.")
    )
    simplify: bool = _model(False, tr("Read traditional characters as simplified ones."))
    train: str = _model(
        "head",
        tr("What trains: the head on the frozen encoder; then its last N layers, or all of it."),
        type=_TRAINED,
    )

    head_epochs: int = _head(
        100,
        tr("Passes over the cached features; 0 fine-tunes from an untrained head at once."),
        type=click.IntRange(min=0),
    )
    head_learning_rate: tuple[float, ...] = _head(
        (3e-4, 1e-3, 3e-3),
        tr("Learning rates to try; dev chooses."),
        type=_numbers(float, "1e-3,3e-3"),
    )
    head_weight_decay: tuple[float, ...] = _head(
        (0.01, 0.1, 1.0),
        tr("Weight decays to try with each of these."),
        type=_numbers(float, "0.01,0.1"),
    )

    epochs: int = _tuning(3, tr("Passes over the rows, at most."), type=_FROM_1)
    learning_rate: float = _tuning(
        5e-5, tr("Of the head and the last layer, at its peak."), type=_ABOVE_0
    )
    layer_decay: float = _tuning(  # Sun et al. 2019, section 5.3.4
        0.9,
        tr("The learning rate of each layer below is that of the one above times this."),
        type=Number(0, 1, min_open=True),
    )
    weight_decay: float = _tuning(0.01, tr("Of AdamW, on matrices alone."), type=_FROM_0)
    warmup: float = _tuning(
        0.1, tr("Share of the steps in which the learning rate rises."), type=_SHARE
    )
    schedule: Literal["linear", "cosine"] = _tuning("linear", tr("How it falls after that."))
    label_smoothing: float = _tuning(  # Szegedy et al. 2016, section 7
        0.0,
        tr("Share of a label that is spread over all of them."),
        type=Number(0, 1, max_open=True),
    )
    accumulation: int = _tuning(1, tr("Batches whose gradients make one step."), type=_FROM_1)
    patience: int = _tuning(
        2, tr("Stop after so many epochs without a better macro-F1 on dev."), type=_FROM_1
    )
    precision: Precision = _tuning(
        "auto", tr("Of the arithmetic; auto is bf16 where that is faster, else fp16 on a GPU.")
    )
    tensorboard: bool = _tuning(False, tr("Write logs for TensorBoard into the run directory."))

    teacher: tuple[Path, ...] = _distilling(
        (),
        tr("Learn from what this run answers as well; of several, from their mean."),
        metavar="RUN",
    )
    unlabelled: tuple[Path, ...] = _distilling(
        (),
        tr("Texts for the teachers, without labels: CSV, TSV, JSONL, XLSX, Parquet or TXT."),
        metavar="FILE",
    )
    teacher_weight: float = _distilling(
        0.7,
        tr("Share of the teachers' answers in the loss; the rest is the labels'."),
        type=_SHARE,
    )
    teacher_temperature: float = _distilling(  # Hinton et al. 2015, section 2
        2.0, tr("Their answers and the student's are softened by this."), type=_ABOVE_0
    )

    output: Path = _run(
        lambda: Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S"),
        tr("The run directory to write. [default: named by the time]"),
        metavar="runs/NAME",
    )
    force: bool = _run(False, tr("Replace the run directory if it exists."))
    batch_size: int = _run(32, tr("Rows of a batch, over all processes."), type=_FROM_1)
    seed: int = _run(42, tr("Of all that is random."), type=click.IntRange(min=0))
    device: Literal["auto", "cpu", "cuda"] = _run("auto", tr("Where the encoder runs."))

    @property
    def changes_encoder(self) -> bool:
        """Whether the run must carry its encoder: it is not the one that it was loaded as."""
        changed = self.layers is not None or self.prune_vocab or self.simplify
        return changed or self.train != "head"

    @property
    def last_layers(self) -> int | None:
        """How many of the encoder's last layers train; None stands for all, and the embeddings."""
        number = self.train.removeprefix("last:")
        return int(number) if number.isdecimal() else None

    def idle(self) -> dict[str, str]:
        """Return the options that do nothing in this training, and what each of them is for."""
        groups = {}
        if not self.teacher:
            groups[DISTILLATION] = tr("is for training with a --teacher")
        if self.train == "head":
            groups[DISTILLATION] = groups[FINETUNING] = tr("is for --train last:N or all")
        found = {
            option.name: groups[option.metadata["group"]]
            for option in fields(self)
            if option.metadata["group"] in groups
        }
        if not self.head_epochs:
            names = ("head_learning_rate", "head_weight_decay")
            found |= dict.fromkeys(names, tr("is for a head that is trained first"))
        return found

    def choices(self) -> dict[str, Any]:
        """Return what `run.json` keeps of the settings: all that chooses the result."""
        # recorded elsewhere in the run, or without influence
        left_out = {"encoder", "data", "output", "device", "force", "tensorboard", *self.idle()}
        chosen = {name: value for name, value in asdict(self).items() if name not in left_out}
        for name in {"teacher", "unlabelled"} & set(chosen):
            chosen[name] = [path.resolve().name for path in chosen[name]]  # of runs/latest as well
        return chosen


def takes(*names: str) -> Callable[[Any], Any]:
    """Return a decorator that gives a click command these options; all, where none is named."""

    def add(command: Any) -> Any:
        types = get_type_hints(TrainingSettings)
        for option in reversed(fields(TrainingSettings)):
            if option.name in names or not names:
                flag = "--" + option.name.replace("_", "-")
                about = {name: said for name, said in option.metadata.items() if name != "group"}
                default = None if option.default is MISSING else option.default
                about = _of_type(types[option.name]) | about
                command = click.option(flag, default=default, **about)(command)
        return command

    return add


def _of_type(kind: Any) -> dict[str, Any]:
    """Return what click is told of an option by the type of its field."""
    if kind is bool:
        return {"is_flag": True}
    if get_origin(kind) is Literal:
        return {"type": click.Choice(get_args(kind))}
    if kind in (int, float):
        return {"metavar": "N" if kind is int else "X"}
    paths = {"type": click.Path(path_type=Path)} if Path in (kind, *get_args(kind)) else {}
    return paths | ({"multiple": True} if kind in (tuple[str, ...], tuple[Path, ...]) else {})
