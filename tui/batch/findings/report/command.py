"""`sentiment-tui report`: a labelled file becomes a report, which appears whole or not at all."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from models.console import cannot_create_error, tr, usage_error
from models.files import draft_of
from models.predictor import Predictor
from models.tokenizer import Tokenizer
from tui.batch.findings.finished import read_finished, require_finished
from tui.batch.findings.groups import kind_of_group
from tui.batch.findings.query import Query
from tui.batch.findings.report.content import Report, report_of
from tui.batch.findings.report.drawing import draw
from tui.batch.publishing import mode_beside

KINDS = {".html": "html", ".htm": "html", ".md": "md"}
"""Ends of the names that a report may have, and its kinds."""


def kind_of(output: Path) -> str:
    """Return the kind of a report, by its name.

    Raises:
        UserError: USAGE, the name tells none.
    """
    kind = KINDS.get(output.suffix.lower())
    if kind is None:
        raise usage_error("{path}: a report is called .html or .md", path=output.name)
    return kind


def report_file(
    path: Path,
    output: Path,
    model: Path,
    *,
    line: str = "",
    columns: Sequence[str] = (),
    text_column: str | None = None,
    force: bool = False,
) -> Report:
    """Write the report of a labelled file.

    Args:
        path: the file.
        output: the report.
        model: model whose tokenizer cuts the texts.
        line: filter of the rows that count.
        columns: columns to group by, each with a kind after a colon where it is said.
        text_column: column of the texts, as `find_finished` takes it.
        force: whether `output` may be replaced.

    Raises:
        UserError: USAGE, `output`, the filter or a column; CANNOT_CREATE, `output` exists; DATA,
            the file was not classified.
    """
    kind_of(output)
    if output.exists() and not force:
        raise cannot_create_error(
            "{path} exists; name another --output, or --force to replace it",
            path=output,
        )
    finished = require_finished(path, text_column=text_column)
    store = read_finished(finished)
    names = store.columns.names
    grouped = [kind_of_group(column, names) for column in columns]
    found = finished.found
    rows = store.select(Query.parse(line, store.labels, names, found.text_column))
    manifest = Predictor.open(model, device="cpu").manifest
    with click.progressbar(length=100, label=tr("Words"), file=sys.stderr) as bar:
        report = report_of(
            store,
            rows,
            Tokenizer(manifest.tokenizer, manifest.max_length),
            name=path.name,
            made=made_of(finished.receipt, edited=finished.edited),
            filter=line,
            columns=grouped,
            truth=found.settings.label_column,
            progress=lambda share: bar.update(int(100 * share) - bar.pos),
        )
    write(report, output, path)
    return report


def write(report: Report, output: Path, source: Path) -> None:
    """Write a report, as private as the file that it tells of."""
    drawn = draw(report, kind_of(output)).encode()
    with draft_of(output) as draft:
        draft.touch(mode_beside(output.parent, source))
        draft.write_bytes(drawn)


def made_of(receipt: Mapping[str, Any], *, edited: bool = False) -> dict[str, str]:
    """Return how a file was labelled, by what to call it.

    Args:
        receipt: of its run; empty where there is none.
        edited: whether the file was changed since.
    """
    if not receipt:
        words = tr("there is no receipt beside the file")
        if edited:
            words = tr(
                "the file was changed after it was classified: its receipt is of other bytes"
            )
        return {tr("receipt"): words}
    run, counts = receipt["run"], receipt["counts"]
    statuses = [f"{name} {count:,}" for name, count in counts["status"].items() if count]
    versions = [f"{name} {version}" for name, version in run["versions"].items()]
    return {
        tr("records"): tr(
            "{read:,} read = {written:,} written + {rejected:,} rejected",
            read=counts["read"],
            written=counts["written"],
            rejected=counts["rejected"],
        ),
        tr("status"): ", ".join(statuses),
        tr("input"): f"{run['input']['name']}, SHA-256 {run['input']['sha256']}",
        tr("output"): f"{receipt['output']['name']}, SHA-256 {receipt['output']['sha256']}",
        tr("model"): f"{run['model']['digest']}, {run['model']['precision']}",
        tr("versions"): ", ".join(versions),
    }
