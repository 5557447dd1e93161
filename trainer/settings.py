"""What a training is asked to do."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.classifier import Pooling
from trainer.finetune import FinetuneSettings
from trainer.head import HeadSettings
from trainer.splitting import SplitSizes


@dataclass(frozen=True)
class Settings:
    """One training.

    Attributes:
        encoder: a folder or a hub id.
        data: see `trainer.data.load_data`.
        output: the run directory to write.
        pooling: what the head sees of the last layer.
        max_length: longer texts are cut to this many tokens.
        labels: names in the order of their ids; None takes those of the data.
        text_column: None takes the one with a name that is known.
        label_column: likewise.
        encoding: of files; None finds it out.
        split_sizes: what to cut from train for the splits that are missing.
        drop_contradictions: leave texts of train out that have more than one label.
        drop_leaks: leave rows of train out that stand in dev or test.
        balance: weight each label by the inverse of its rows.
        device: "auto", "cpu" or "cuda".
        force: replace an existing run directory.
        seed: of everything that is random.
        head: how the head is trained on the frozen encoder.
        finetune: how the encoder is trained after that; None leaves it frozen.
    """

    encoder: str
    data: tuple[str, ...]
    output: Path
    pooling: Pooling = "cls"
    max_length: int = 350
    labels: tuple[str, ...] | None = None
    text_column: str | None = None
    label_column: str | None = None
    encoding: str | None = None
    split_sizes: SplitSizes | None = None
    drop_contradictions: bool = False
    drop_leaks: bool = False
    balance: bool = False
    device: str = "auto"
    force: bool = False
    seed: int = 42
    head: HeadSettings = field(default_factory=HeadSettings)
    finetune: FinetuneSettings | None = None

    def choices(self) -> dict[str, Any]:
        """Return what `run.json` keeps of the settings: all that chooses the result."""
        chosen = asdict(self)
        for name in ("encoder", "data", "output", "pooling", "max_length", "device", "force"):
            del chosen[name]  # recorded elsewhere in the run, or without influence
        return chosen
