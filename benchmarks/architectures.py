"""Which architectures can be trained and exported? `python -m benchmarks.architectures [TYPE …]`.

Makes a tiny random model of each, trains a head on it, exports the run and a classifier of
transformers, and prints what became of them: the table of docs/architectures.md.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from export.pipeline import Exported, ExportSettings, export
from models.console import UserError
from tests.architectures import LONGEST, architectures, write_architecture
from tests.tiny import write_reviews
from trainer.settings import TrainingSettings
from trainer.training import train

SIZE = {"hidden": 128, "layers": 2}
"""Size of models with matrices that are large enough for int8."""

HEAD = """\
| model type | trained | run exported | classifier exported | largest difference from torch | \
by padding | int8 |
|---|---|---|---|---:|---:|---|"""


def main(kinds: list[str]) -> None:
    """Print a line for each architecture, and then the reasons of those that were refused."""
    print(HEAD)
    reasons = []
    with tempfile.TemporaryDirectory() as folder:
        reviews = write_reviews(Path(folder) / "reviews")
        for kind in kinds:
            line, refusals = try_one(kind, Path(folder) / kind, reviews)
            print(line, flush=True)
            reasons += [f"- `{kind}`: {reason}" for reason in refusals]
    print("", *reasons, sep="\n")


def try_one(kind: str, folder: Path, reviews: Path) -> tuple[str, list[str]]:
    """Return a line of the table, and why something was refused."""
    refusals: list[str] = []
    exported: list[Exported] = []

    def tried(action: Callable[[], object]) -> str:
        try:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # noqa: PTH123
                done = action()
        except Exception as error:  # noqa: BLE001 - a crash is a result, too
            reason = str(error).replace(f"{folder}{os.sep}", "")
            if not isinstance(error, UserError):
                reason = f"a crash: {reason}"
            if reason not in refusals:
                refusals.append(reason)
            return "no"
        if isinstance(done, Exported):
            exported.append(done)
        return "yes"

    encoder = write_architecture(folder / "encoder", kind, head=False, **SIZE)
    classifier = write_architecture(folder / "classifier", kind, head=True, **SIZE)
    run = folder / "run"
    training = TrainingSettings(
        encoder=str(encoder), data=(str(reviews),), output=run, max_length=LONGEST
    )
    cells = [tried(partial(train, training))]
    for source in (run, classifier):
        settings = ExportSettings(run=source, output=folder / f"{source.name}.onnx")
        cells.append(tried(partial(export, settings)) if source.exists() else "no")
    proofs = [done.agreement for done in exported]
    cells.append(max((f"{proof.difference:.0e}" for proof in proofs), key=float, default=""))
    cells.append(max((f"{proof.neighbours:.0e}" for proof in proofs), key=float, default=""))
    settings = ExportSettings(run=run, output=folder / "int8.onnx", precision="int8")
    verdict = tried(partial(export, settings)) if run.exists() else "no"
    if verdict == "yes":
        form, agreement = exported[-1].tried[-1]
        verdict = f"{form}, {agreement.same:.1%} same labels"
    cells.append(verdict)
    return f"| {kind} | {' | '.join(cells)} |", refusals


if __name__ == "__main__":
    main(sys.argv[1:] or list(architectures(SIZE["hidden"])))
