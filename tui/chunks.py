"""The answers that a run has so far, in a folder beside its output: what makes it resumable.

A chunk of answers is a pure function of its texts, the model, and the settings that the
fingerprint holds. It is published as one file that proves itself by digests, so a run that is
repeated takes what is whole and computes the rest, and ends with the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.i18n import tr
from tui import durable


class Answers(NamedTuple):
    """Answers to some texts.

    Attributes:
        probabilities: float32 `[texts, labels]`.
        truncated: whether only the beginning was read, bool `[texts]`.
    """

    probabilities: NDArray[np.float32]
    truncated: NDArray[np.bool_]


class RunFolder:
    """What a run keeps until its output is published; made by `run_folder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fingerprint = path / "fingerprint.json"

    @classmethod
    def of(cls, output: Path) -> "RunFolder":
        """Return the folder of an output, which may not be there."""
        return cls(output.with_name(f".{output.name}.run"))

    def begin(self, fingerprint: Mapping[str, Any] | None) -> None:
        """Go on with what is there, or begin anew where nothing is.

        Args:
            fingerprint: of the run; None for one that nothing can be resumed of.

        Raises:
            UserError: DATA, the input is not what it was when the chunks were computed; CONFIG,
                the model, the settings, the versions or the device are not.
        """
        try:
            before = json.loads(durable.read(self._fingerprint) or b"")
        except ValueError:  # never written, or damaged: then no chunk can be trusted
            before = None
        if before is None or fingerprint is None:
            durable.clear(self.path)
        if fingerprint is None:
            return
        if before is None:
            content = json.dumps(fingerprint, ensure_ascii=False, indent=1) + "\n"
            durable.save(self._fingerprint, content.encode(), self.path / "draft")
            return
        old, new = _flat(before), _flat(fingerprint)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        if changed:
            raise UserError(
                ExitCode.DATA if changed[0].startswith("input.") else ExitCode.CONFIG,
                tr(
                    "an interrupted run of this output began with another {changes}. Undo the "
                    "change to go on, or remove {folder} to begin anew",
                    changes="; ".join(
                        tr(
                            "{key} (was {old}, is {new})",
                            key=key,
                            old=json.dumps(old.get(key), ensure_ascii=False),
                            new=json.dumps(new.get(key), ensure_ascii=False),
                        )
                        for key in changed
                    ),
                    folder=self.path,
                ),
            )

    def load(self, number: int, texts: Sequence[str], labels: int) -> Answers | None:
        """Return the answers of a chunk, or None where they are not there, whole and its own."""
        content = durable.read(self._chunk(number)) or b""
        head, _, payload = content.partition(b"\n")
        if head != _head(texts, payload):
            return None
        at = 4 * len(texts) * labels
        probabilities = np.frombuffer(payload, dtype="<f4", count=len(texts) * labels)
        return Answers(
            probabilities.reshape(-1, labels), np.frombuffer(payload, dtype=bool, offset=at)
        )

    def save(self, number: int, texts: Sequence[str], answers: Answers) -> None:
        """Publish the answers of a chunk."""
        payload = answers.probabilities.astype("<f4").tobytes() + answers.truncated.tobytes()
        content = _head(texts, payload) + b"\n" + payload
        durable.save(self._chunk(number), content, self.path / "draft")

    @property
    def resumable(self) -> bool:
        """Whether there are answers to go on from."""
        return any(self.path.glob("*.chunk"))

    def _chunk(self, number: int) -> Path:
        return self.path / f"{number:08}.chunk"


def _head(texts: Sequence[str], payload: bytes) -> bytes:
    of_texts = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    head = {"texts": of_texts, "answers": hashlib.sha256(payload).hexdigest()}
    return json.dumps(head).encode()


def _flat(tree: Any) -> dict[str, Any]:
    return {
        f"{group}.{key}": value
        for group, values in (tree.items() if isinstance(tree, dict) else ())
        for key, value in (values.items() if isinstance(values, dict) else ())
    }


@contextmanager
def run_folder(output: Path) -> Iterator[RunFolder]:
    """Hold the folder of an output alone; what can't be resumed doesn't stay.

    Raises:
        UserError: LOCKED, another run holds it; CANNOT_CREATE.
    """
    folder = RunFolder.of(output)
    with durable.locked(folder.path):
        try:
            yield folder
        finally:
            if not folder.resumable:
                durable.discard(folder.path)
