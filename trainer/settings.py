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
        layers: keep these of the encoder's layers, counted from 0; None keeps all.
        prune_vocab: keep the pieces that the texts to be learned from use.
        teachers: run directories whose soft labels are learned as well, when fine-tuning.
        unlabelled: tables of texts for the teachers to label.
        tensorboard: write logs for it into the run directory, when fine-tuning.
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
    layers: tuple[int, ...] | None = None
    prune_vocab: bool = False
    teachers: tuple[Path, ...] = ()
    unlabelled: tuple[Path, ...] = ()
    tensorboard: bool = False
    device: str = "auto"
    force: bool = False
    seed: int = 42
    head: HeadSettings = field(default_factory=HeadSettings)
    finetune: FinetuneSettings | None = None

    @property
    def changes_encoder(self) -> bool:
        """Whether the run must carry its encoder: it is not the one that it was loaded as."""
        return self.finetune is not None or self.layers is not None or self.prune_vocab

    def choices(self) -> dict[str, Any]:
        """Return what `run.json` keeps of the settings: all that chooses the result."""
        chosen = asdict(self)
        for name in ("encoder", "data", "output", "pooling", "max_length", "device", "force"):
            del chosen[name]  # recorded elsewhere in the run, or without influence
        del chosen["tensorboard"]
        for name in ("teachers", "unlabelled"):
            chosen[name] = [path.name for path in chosen[name]]
        return chosen
