"""What `sentiment-tui classify` reads: files, what folders hold of them, and a run for each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from models.console import no_input_error, usage_error
from models.tables import StandardInput, bare_name, format_of, output_suffix
from tui.batch.settings import BatchSettings

_DASH = Path("-")
_HIDDEN = (".", "~$")
_RECEIPT = ".receipt.json"
_OURS = (".rejects.jsonl", _RECEIPT)


class Contents(NamedTuple):
    """What a path stands for.

    Attributes:
        inputs: itself, or the files of a folder that are read.
        others: names in the folder that tell no format; those of folders end in "/".
        outputs: names of what an earlier run wrote there.
    """

    inputs: list[Path]
    others: list[str]
    outputs: list[str]


def contents_of(path: Path, output: Path | None) -> Contents:
    """Return what a path stands for.

    Of a folder, what is hidden, a program's lock, or stands beside an output, is nothing. Where the
    outputs go into that folder too, those that an earlier run of the command left are no inputs.

    Args:
        path: a file, a folder or an object, or "-".
        output: where the answers go.
    """
    if not path.is_dir():
        return Contents([path], [], [])
    found = Contents([], [], [])
    ones = sorted(path.iterdir())
    is_output = output is not None and output.resolve() == path.resolve()
    names = {one.name for one in ones} if is_output else set()
    for one in ones:
        if one.name.startswith(_HIDDEN) or one.name.endswith(_OURS):
            continue
        if f"{one.name}{_RECEIPT}" in names:
            found.outputs.append(one.name)
        elif one.is_file() and format_of(one):
            found.inputs.append(one)
        else:
            found.others.append(f"{one.name}/" if one.is_dir() else one.name)
    return found


def runs_of(
    files: Sequence[Path], contents: Sequence[Contents], settings: BatchSettings
) -> list[BatchSettings]:
    """Return the settings of the run of each input.

    Args:
        files: the paths that were named.
        contents: of each.
        settings: those of every run; its output is a folder where there are several inputs.

    Raises:
        UserError: USAGE, the outputs have no names, or two have one; NO_INPUT, there is no input.
    """
    sources = [source for found in contents for source in found.inputs]
    if not sources:
        raise no_input_error("{path} holds no file that could be read", path=files[0])
    output = settings.output
    into_folder = output is not None and output.is_dir()
    if sources == [*files] and len(files) == 1 and not into_folder:
        source = StandardInput() if files[0] == _DASH else files[0]
        return [replace(settings, source=source)]
    if output is None or _DASH in sources:
        raise usage_error(
            "several inputs have several outputs: name files, and a folder with --output",
        )
    runs: dict[Path | None, BatchSettings] = {}
    for source in sources:
        run = _into(output, source, settings)
        if run.output in runs:
            raise usage_error(
                "{a} and {b} would both be written to {path}; classify them one by one",
                a=runs[run.output].source,
                b=source,
                path=run.output,
            )
        runs[run.output] = run
    return list(runs.values())


def _into(folder: Path, source: Path, settings: BatchSettings) -> BatchSettings:
    """Return the settings of one of several inputs, without what was said of other formats."""
    format = format_of(source)
    suffix = output_suffix(source, format)
    if settings.output_format:
        suffix = f".{settings.output_format}"
    run = replace(
        settings,
        source=source,
        output=folder / (bare_name(source) + suffix),
    )
    if said := settings.dialect.format or format:
        return replace(run, dialect=run.dialect_of(said))
    return run
