"""Names of files: the format that one tells, and the name of its answer."""

from pathlib import Path

from models.tables.dialect import OUTPUT_FORMATS, WORKBOOKS, plain_format


def format_of(path: Path) -> str | None:
    """Return the format that the name of a file tells, or None; of a ZIP, that of its one table."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return plain_format(Path(path.stem))
    if suffix == ".zip":
        from models.tables.packed import tables_in

        names = tables_in(path)
        return plain_format(Path(names[0])) if len(names) == 1 else None
    return plain_format(path)


def output_format_of(path: Path) -> str | None:
    """Return the format in which a file of this name is written, or None."""
    suffix = path.suffix.lower()
    if suffix in (".gz", ".zip", ".json", ".xlsm"):  # a name that would promise something else
        return None
    format = plain_format(path)
    return format if format in (*OUTPUT_FORMATS, "txt") else None


def output_suffix(path: Path, format: str | None) -> str:
    """Return how the name of an answer ends, for an input of a format."""
    if output_format_of(path) or format is None:
        return path.suffix
    return f".{output_format(format)}"


def output_format(format: str) -> str:
    """Return the format in which an input is answered: its own, or the nearest that is written."""
    return "xlsx" if format in WORKBOOKS else format


def bare_name(path: Path) -> str:
    """Return the name of a file without its suffixes: "train" for train.csv.gz."""
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
