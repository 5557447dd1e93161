"""Models that are elsewhere: what they are is known, and they answer nothing here.

An interrupted run is replayed so, from its journal.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from models.console import data_error
from models.review import read_levels
from tui.batch.engine import Stopped
from tui.batch.journal import head_of, run_folder


@dataclass(frozen=True)
class RecordedModel:
    """Stands for a predictor: a run with it ends where its journal does.

    Attributes:
        manifest: what is known of the model.
        device: device that it ran on.
        threads: number of its threads.
        probe: as `models.predictor.Predictor.probe`; "" in a journal that has none.
        path: the model file, where a run goes on elsewhere.
    """

    manifest: Any
    device: str
    threads: int
    probe: str
    path: Path | None = None

    @classmethod
    def of(cls, output: Path) -> "RecordedModel":
        """Return the model of the interrupted run of an output.

        Raises:
            OSError: there is no such run.
            UserError: DATA, it has no answer yet, or its first line is damaged.
        """
        folder = run_folder(output)
        try:
            run = json.loads(head_of(folder))
            manifest = SimpleNamespace(**run["model"])
            manifest.labels = tuple(manifest.labels)
            manifest.review = read_levels(manifest.review)
            machine = run["machine"]  # older journals say more of it
            probe = machine.get("probe", "")
            return cls(manifest, machine["device"], machine["threads"], probe)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise data_error(
                "{folder} has no answers of an interrupted run",
                folder=folder,
            ) from error

    def predict(self, texts: Sequence[str], *, windows: bool = False) -> Any:  # noqa: ARG002
        """Raise Stopped: these texts are not answered yet."""
        raise Stopped
