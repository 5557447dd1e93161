"""What an output is made from, what is told beside it, and how all of that appears.

The receipt holds no time and no path, so the same run writes the same receipt.
"""

import base64
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from models.console import ExitCode, UserError, cannot_create_error, data_error, tr
from models.files import file_digest, json_bytes
from models.predictor import Predictor
from models.session import installed
from models.tables import Dialect, Reject, Table
from tui.batch.inspection import Found
from tui.batch.journal import Draft, Journal, head_of, run_folder
from tui.batch.publishing import Target, sidecar
from tui.batch.settings import BatchSettings
from tui.batch.status import Status
from tui.batch.summary import Summary
from tui.batch.truth import REST, most

Fingerprint = Mapping[str, Mapping[str, Any]]
"""Everything that an output depends on, in groups."""

_VALUES_SHOWN = 20

_TOLD = {"threads"}
"""What is told of a run, but changes none of its answers."""

_PACKAGES = ("sentiment-tui", "onnxruntime", "onnxruntime-gpu", "tokenizers")

_SETTINGS = (
    *("label_column", "label_map", "select", "prefix", "probabilities", "windows", "excel"),
    *("label_everything", "review", "no_opinion"),
)
"""Settings that an output depends on, beside its format."""


def reject_fields(found: Found, reject: Reject) -> dict[str, Any]:
    """Return a reject as docs/files.md has it, to be written as JSON."""
    place = reject.place
    line: dict[str, Any] = {
        "file": Path(found.name).name,
        "record": place.number,
        "line": place.line,
        "last_line": place.last_line,
        "byte_start": place.start,
        "byte_end": None,
        "column": reject.column,
        "code": reject.code,
        "message": reject.message,
    }
    if place.start is not None and place.raw is not None:
        line["byte_end"] = place.start + len(place.raw)
        try:
            encoding = str(found.dialect.encoding).removesuffix("-sig")
            line["raw"] = place.raw.decode(encoding)
        except UnicodeError:
            line["raw_base64"] = base64.b64encode(place.raw).decode()
    return line


def fingerprint_of(predictor: Predictor, found: Found) -> Fingerprint:
    """Return everything that the output depends on."""
    settings, manifest = found.settings, predictor.manifest
    return {
        "input": {
            "name": settings.uri or Path(found.name).name,
            "bytes": found.size,
            "sha256": found.digest,
        },
        "reading": {**asdict(found.dialect), "text_column": found.text_column},
        "settings": {
            "format": found.output_format,
            **{name: getattr(settings, name) for name in _SETTINGS},
            "byte_order_mark": bool(settings.excel) or found.answers_excel,
            "quoting": found.quoting,
        },
        "model": {
            "digest": manifest.digest,
            "labels": manifest.labels,
            "max_length": manifest.max_length,
            "precision": manifest.precision,
            "review": [asdict(level) for level in manifest.review],
        },
        **identity_of(predictor),
    }


def identity_of(predictor: Predictor) -> Fingerprint:
    """Return what answers depend on beside the model: libraries, and the machine."""
    versions = {name: installed(name) for name in _PACKAGES}
    return {
        "versions": {name: version for name, version in versions.items() if version},
        "machine": {
            "device": predictor.device,
            "threads": predictor.threads,
            "probe": predictor.probe,
        },
    }


def begin_anew(journal: Journal, path: Path, *, force: bool) -> None:
    """Begin a journal from which nothing can be resumed.

    Raises:
        UserError: CANNOT_CREATE, it has answers of an interrupted run, and `force` is not given.
    """
    if journal.resumable and not force:
        raise cannot_create_error(
            "{path} has an interrupted run of a file, which can go on; name another "
            "--output, or --force to drop its answers",
            path=path,
        )
    journal.begin(b"\n")


def resume(journal: Journal, fingerprint: Fingerprint) -> None:
    """Begin a journal, or go on with it where it is of a run with this fingerprint.

    Raises:
        UserError: DATA, the input is not what it was, or the journal is damaged; CONFIG, the model,
            the settings, the versions or the device are not what they were.
    """
    if journal.resumable and not journal.head:
        raise data_error(
            "the first line of {path} is damaged, so nobody knows which run its answers are of. "
            "Remove {folder} to begin anew",
            path=journal.folder / "journal",
            folder=journal.folder,
        )
    try:
        before = json.loads(journal.head)
    except ValueError:  # it is new, or holds no answer
        journal.begin(json_bytes(fingerprint))
        return
    if changes := changes_of(before, fingerprint):
        same_input = before.get("input") == fingerprint["input"]
        raise UserError(
            ExitCode.CONFIG if same_input else ExitCode.DATA,
            "an interrupted run of this output began with another {changes}. Undo the "
            "change to go on, or remove {folder} to begin anew",
            changes="; ".join(changes),
            folder=journal.folder,
        )


def changes_of(before: Mapping[str, Any], now: Fingerprint) -> list[str]:
    """Say for people what of a fingerprint was changed."""
    changes = []
    for group, values in now.items():
        old = before.get(group, {})
        for key in sorted({*values, *old} - _TOLD):
            was = json.dumps(old.get(key), ensure_ascii=False)
            new = json.dumps(values.get(key), ensure_ascii=False)
            if was != new:
                name = f"{group}.{key}"
                changes.append(tr("{key} (was {old}, is {new})", key=name, old=was, new=new))
    return changes


def as_interrupted(settings: BatchSettings) -> BatchSettings:
    """Return the settings of the interrupted run of an output, or these, where there is none."""
    if settings.output is None:
        return settings
    try:
        run = json.loads(head_of(run_folder(settings.output)))
        said, reading = run["settings"], run["reading"]
        said["output_format"] = said.pop("format")
        said["text_column"] = reading.pop("text_column")
        said.pop("byte_order_mark", None)
        quoting = said.pop("quoting", reading["quoting"])
        if said["output_format"] == "tsv" and reading["quoting"] in ("double", None):
            reading["quoting"] = quoting  # one option says both; "double" is how CSV is read anyway
        for name in ("select", "no_opinion"):
            said[name] = tuple(said[name])
        return replace(settings, dialect=Dialect(**reading), **said)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return settings


def finished(
    output: Path, settings: BatchSettings, fingerprint: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the receipt of an output that a run with this fingerprint has finished, or None.

    Raises:
        UserError: CANNOT_CREATE, its rejects are gone, or are not those that it wrote.
    """
    if settings.force or not settings.resumable:
        return None
    try:
        receipt: Mapping[str, Any] = json.loads(sidecar(output, "receipt.json").read_bytes())
        is_ours = not changes_of(receipt["run"], fingerprint)
        if not is_ours or receipt["output"]["sha256"] != file_digest(output):
            return None
        told = receipt["rejects"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    rejects = sidecar(output, "rejects.jsonl")
    if told and not (rejects.is_file() and told["sha256"] == file_digest(rejects)):
        raise cannot_create_error(
            "{path} was finished before, but {rejects} is gone, or was changed since. Bring it "
            "back, or --force to write both anew",
            path=output,
            rejects=rejects,
        )
    return receipt


def check_unchanged(table: Table, found: Found, summary: Summary, folder: Path) -> None:
    """Raise UserError DATA unless what was read is what was inspected, and is still there."""
    file = table.input
    same = file.digest() == found.digest == file.digest_now()
    if summary.read != found.records or not same:
        raise data_error(
            "{name} was changed since it was read. Undo the change to go on, or remove "
            "{folder} to begin anew",
            name=found.name,
            folder=folder,
        )


def _true_labels(summary: Summary) -> dict[str, Any] | None:
    """Return what the values of the label column were taken for, and those not scored."""
    labels = summary.label_map
    if labels is None:
        return None
    taken = {value: summary.labels[id] for value, id in labels.ids.items() if id is not None}
    unscored = {}
    for problem, values in sorted(summary.unscored.items()):
        shown = dict(most(values, _VALUES_SHOWN))
        rest = values.total() - sum(shown.values())
        unscored[problem] = {**shown, REST: rest} if rest else shown
    return {
        "taken_for": dict(sorted(taken.items())),
        "not_scored": unscored,
    }


def publish(
    target: Target,
    draft: Draft,
    rejects: Draft,
    folder: Path,
    summary: Summary,
    fingerprint: Fingerprint,
) -> None:
    """Write the receipt, and give it, the rejects and the output their names.

    Args:
        target: their names.
        draft: of the output, finished.
        rejects: likewise.
        folder: of the run, with the drafts.
        summary: of the run; its receipt is filled in.
        fingerprint: of the run.

    Raises:
        UserError: CANNOT_CREATE, a file appeared under one of the names.
    """

    def file(path: Path, draft: Draft) -> dict[str, Any]:
        return {"name": path.name, "bytes": draft.size, "sha256": draft.digest.hexdigest()}

    beside = sidecar(target.output, "rejects.jsonl")
    words = [status.word for status in Status]
    summary.receipt = {
        "run": fingerprint,
        "counts": {
            "read": summary.read,
            "written": summary.written,
            "rejected": summary.rejected,
            "status": dict(zip(words, summary.statuses.tolist(), strict=True)),
            "label": dict(zip(summary.labels, summary.counts.tolist(), strict=True)),
        },
        "true_labels": _true_labels(summary),
        "scores": summary.metrics and summary.metrics.as_dict(),
        "output": file(target.output, draft),
        "rejects": file(beside, rejects) if summary.rejected else None,
    }
    with closing(Draft(folder / "receipt.draft", target.mode)) as receipt:
        receipt.write(json_bytes(summary.receipt, indent=1))
        receipt.finish()
    drafts = {sidecar(target.output, "receipt.json"): folder / "receipt.draft"}
    if summary.rejected:
        drafts[beside] = folder / "rejects.draft"
    drafts[target.output] = folder / "output.draft"
    target.publish(drafts)
