"""Objects of S3, Google Cloud Storage and Azure as inputs and outputs of file runs.

A run knows local files only: an object is copied to this machine, and what a run wrote is copied
to the store when it is finished. Credentials are those that the platform's own programs find; an
address holds none, so none can reach a receipt or a log.
"""

import hashlib
import re
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path, PosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from models.console import ExitCode, UserError, cannot_create_error, no_input_error, usage_error
from models.files import draft_of
from tui.batch.settings import BatchSettings

if TYPE_CHECKING:
    from tui.batch.journal import Stamp

_ADDRESS = re.compile("(s3|gs|gcs|abfss?)://", re.IGNORECASE)
_ENDS = (".receipt.json", ".rejects.jsonl", "")
_PART = 1 << 26  # bytes that are on their way at once


class ObjectPath(PosixPath):
    """The address of an object, or of a folder of objects: `s3://BUCKET/KEY`."""

    kind: str | None = None
    """"File" or "Directory", where that is known without asking the store."""

    def __str__(self) -> str:
        scheme, _, rest = super().__str__().partition(":/")
        return f"{scheme}://{rest.lstrip('/')}"

    def is_file(self) -> bool:
        """Whether there is such an object."""
        return self._is("File")

    def is_dir(self) -> bool:
        """Whether there are objects in such a folder."""
        return self._is("Directory")

    def iterdir(self) -> Generator["ObjectPath", None, None]:
        """Yield what is in the folder."""
        from pyarrow.fs import FileSelector

        with self.opened() as (store, path):
            for info in store.get_file_info(FileSelector(path)):
                one = self / info.base_name
                one.kind = info.type.name
                yield one

    def mkdir(self, *_arguments: object, **_options: object) -> None:
        """Do nothing: a folder is there when an object is in it."""

    def beside(self, end: str) -> "ObjectPath":
        """Return the address of what stands beside an output, by the end of its name."""
        return ObjectPath(f"{self}{end}")

    def is_object(self, other: "ObjectPath") -> bool:
        """Return whether two addresses are of one object, as those of `gs://` and `gcs://`."""
        with self.opened() as mine, other.opened() as theirs:
            return mine == theirs

    @contextmanager
    def opened(self) -> Iterator[tuple[Any, str]]:
        """Give the store, a `pyarrow.fs.FileSystem`, and the path in it, which errors name.

        Raises:
            UserError: NO_INPUT, IO.
        """
        scheme, _, rest = str(self).partition("://")
        bucket, _, key = rest.partition("/")
        try:
            store, root = _store_of(f"{scheme}://{bucket}")
            yield store, f"{root.rstrip('/')}/{key}".rstrip("/")
        except FileNotFoundError as error:
            raise no_input_error("no such file: {path}", path=self) from error
        except (OSError, ValueError, NotImplementedError) as error:
            raise UserError(ExitCode.IO, "{path}: {reason}", path=self, reason=error) from error

    def _is(self, wanted: str) -> bool:
        if self.kind is not None:
            return self.kind == wanted
        with self.opened() as (store, path):
            return bool(store.get_file_info(path).type.name == wanted)


def path_of(text: str) -> Path:
    """Return the path of a file here, or of an object.

    Raises:
        UserError: USAGE, an address with credentials or options.
    """
    address = _ADDRESS.match(text)
    if address is None:
        return Path(text)
    bucket = text[address.end() :].partition("/")[0]
    container = address[1].startswith("abfs")  # CONTAINER@ACCOUNT
    if "?" in text or ":" in bucket or ("@" in bucket and not container):
        raise usage_error(
            "an address is {scheme}://BUCKET/KEY: credentials and options are taken from the "
            "environment and the files of the platform's own programs, as AWS_PROFILE and "
            "AWS_ENDPOINT_URL",
            scheme=address[1],
        )
    path = ObjectPath(text)
    if text.endswith("/"):
        path.kind = "Directory"
    return path


@cache
def _store_of(bucket: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    if bucket.startswith("g"):
        bucket += "?retry_limit_seconds=60"  # not 15 minutes
    store, root = FileSystem.from_uri(bucket)
    return store, root


@contextmanager
def staged(run: BatchSettings) -> Iterator[BatchSettings]:
    """Give a run copies of its objects to read and to write; these are its objects when it ends.

    What was written is copied when all of it is finished, the output last. A run that is
    interrupted, or not copied whole, leaves its answers on this machine, for the same run to go on.

    Raises:
        UserError: NO_INPUT; CANNOT_CREATE, the output is the input, there is no such bucket, or an
            object of the output's name appeared; IO.
    """
    source, output = run.source, run.output
    if isinstance(source, ObjectPath) and isinstance(output, ObjectPath):
        for name in map(output.beside, _ENDS):
            if name.is_object(source):
                raise cannot_create_error("{path} is the input; name another output", path=name)
    with ExitStack() as stack:
        if isinstance(source, ObjectPath):
            copy = stack.enter_context(readable(source))
            run = replace(run, source=copy, uri=str(source))
        if isinstance(output, ObjectPath):
            copy = stack.enter_context(_published(output, force=run.force))
            run = replace(run, output=copy, keep=True)
        yield run


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Give a path to read: that of a copy, while it is of use, if it is one of an object."""
    if not isinstance(path, ObjectPath):
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        _download(path, copy)
        with _named(copy, path):
            yield copy


@contextmanager
def _named(copy: Path, path: ObjectPath) -> Iterator[None]:
    """Have errors name the object, not its copy."""
    try:
        yield
    except UserError as error:
        error.args = (str(error).replace(str(copy), str(path)),)
        raise


@contextmanager
def _published(output: ObjectPath, *, force: bool) -> Iterator[Path]:
    """Give a path to write; before that, and after it, it is as the object.

    So is what stands beside it. The receipt goes first, for by its digests a run that was killed
    knows the rest as its own. Between two commands the copies of objects are of no use: what is to
    go on is the journal, which is kept until all is sent.
    """
    from platformdirs import user_cache_path

    from tui.batch.journal import remove, stamp_of

    bucket = ObjectPath(*output.parts[:2])
    if not bucket.is_dir():
        raise cannot_create_error(
            "{path} cannot be created: there is no folder {folder}",
            path=output,
            folder=bucket,
        )
    name = hashlib.sha256(str(output).encode()).hexdigest()
    copy = user_cache_path("sentiment-tui") / "objects" / name / output.name
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pairs = [(Path(f"{copy}{end}"), output.beside(end)) for end in _ENDS]
    before: dict[Path, Stamp | None] = {}  # what is there
    try:
        for mine, theirs in pairs:
            remove(mine)  # of a command that was killed
            if theirs.is_file():
                if not force:
                    _download(theirs, mine)
                before[mine] = stamp_of(mine)
        with _named(copy, output):
            yield copy
    except BaseException:
        for mine, _ in pairs:
            remove(mine)
        with suppress(OSError):  # it holds what can go on
            copy.parent.rmdir()
        raise
    try:
        if copy not in before and not force and output.is_file():
            raise cannot_create_error(
                "{path} exists; name another --output, or --force to replace it",
                path=output,
            )
        _send(pairs, before)
    except UserError as error:
        raise UserError(
            error.code,
            "{error}. The finished output is kept as {copy} until the command is given again; from "
            "a file, that ends at once",
            error=error,
            copy=copy,
        ) from error
    shutil.rmtree(copy.parent)


def _send(pairs: Sequence[tuple[Path, ObjectPath]], before: Mapping[Path, "Stamp | None"]) -> None:
    """Make of objects what their copies are, where these are not as they were before."""
    from tui.batch.journal import stamp_of

    after = {mine: stamp_of(mine) for mine, _ in pairs}  # nobody can have removed them yet
    for mine, theirs in pairs:
        if after[mine] is None and mine in before:
            _remove(theirs)
        elif after[mine] != before.get(mine):
            _upload(mine, theirs)


def _remove(path: ObjectPath) -> None:
    with path.opened() as (store, place):
        store.delete_file(place)


def _download(path: ObjectPath, copy: Path) -> None:
    with (
        path.opened() as (store, place),
        store.open_input_stream(place) as stream,
        draft_of(copy) as draft,
    ):
        draft.touch(0o600)
        with draft.open("wb") as file:
            shutil.copyfileobj(stream, file, _PART)


def _upload(copy: Path, path: ObjectPath) -> None:
    """Copy a finished file into the store, where it appears whole.

    A stream that is closed, or only forgotten, makes an object of what was written so far. So
    nothing but the store itself may fail on the way: the file is mapped, not read.
    """
    from pyarrow import memory_map

    with path.opened() as (store, place), memory_map(str(copy)) as file:
        stream = store.open_output_stream(place)
        try:
            while len(part := file.read_buffer(_PART)):
                stream.write(part)
                stream.flush()  # else what is sent piles up in memory
            stream.close()
        except BaseException:
            with suppress(OSError):
                stream.close()
            with suppress(UserError):
                _remove(path)
            raise
