"""Objects of a store are read and written as files are: moto's S3 on this machine is the store."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from models.console.command import ExitCode, UserError
from models.predictor import Predictor
from tests.cli import Invoke, Result, invoker
from tests.tui.batch.runs import FakePredictor, contents
from tui.batch import objects
from tui.batch.objects import ObjectPath, path_of
from tui.cli import cli

SECRET = "of-nobody-else"  # noqa: S105
REVIEWS = 'id,text\n1,很好\n2,"太差,了"\n3,\n4,一般,多\n'  # the last has a field too many


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """The file system of an S3 that is empty."""
    server_of = pytest.importorskip("moto.server", reason="moto is not installed")
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "me")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_PROXY", host)
        from pyarrow.fs import S3FileSystem

        yield S3FileSystem(
            endpoint_override=f"{host}:{port}",
            scheme="http",
            allow_bucket_creation=True,
            connect_timeout=60,
            request_timeout=60,
        )
    server.stop()


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    """A bucket of this test, with an input."""
    name = f"bucket{abs(hash(request.node.name))}"
    s3.create_dir(name)
    put(s3, f"{name}/in/评 价.csv", REVIEWS)
    return name


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> FakePredictor:
    fake = FakePredictor()
    monkeypatch.setattr(Predictor, "open", lambda *_, **__: fake)
    return fake


@pytest.fixture
def classify(
    predictor: FakePredictor,  # noqa: ARG001 - the model
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Callable[..., Result]]:
    """Run the command; what it says and leaves on this machine has no credentials in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    invoke: Invoke = invoker(cli, monkeypatch, capfd)
    results: list[Result] = []

    def run(*arguments: object) -> Result:
        results.append(invoke("classify", *arguments))
        return results[-1]

    yield run
    for result in results:
        assert SECRET not in result.stdout + result.stderr


def put(s3: Any, path: str, text: str) -> None:
    with s3.open_output_stream(path) as stream:
        stream.write(text.encode())


def stored(s3: Any, folder: str) -> dict[str, bytes]:
    """Return every object of a folder."""
    from pyarrow.fs import FileSelector

    found = {}
    for info in s3.get_file_info(FileSelector(folder, allow_not_found=True, recursive=True)):
        if info.is_file:
            with s3.open_input_stream(info.path) as stream:
                found[info.path.removeprefix(f"{folder}/")] = stream.readall()
    return found


def scratch(home: Path) -> dict[str, bytes]:
    return contents(home / "cache" / "sentiment-tui" / "objects")


def test_an_object_is_classified_as_a_file_is(
    s3: Any, bucket: str, classify: Callable[..., Result], home: Path, tmp_path: Path
) -> None:
    source = tmp_path / "评 价.csv"
    source.write_text(REVIEWS)
    (tmp_path / "here").mkdir()
    classify(source, "-o", tmp_path / "here" / "out.csv")
    here = contents(tmp_path / "here")
    address = f"s3://{bucket}/in/评 价.csv"
    result = classify(address, "-o", f"s3://{bucket}/out/out.csv")
    assert result.code == ExitCode.REJECTS
    assert f"input: {address}, " in result.stderr
    assert f"s3://{bucket}/out/out.csv.rejects.jsonl" in result.stderr
    there = stored(s3, f"{bucket}/out")
    assert there.keys() == here.keys()
    receipt = json.loads(there["out.csv.receipt.json"])
    assert receipt["run"]["input"].pop("name") == address
    known = json.loads(here["out.csv.receipt.json"])
    assert known["run"]["input"].pop("name") == source.name
    assert receipt == known
    for name in ("out.csv", "out.csv.rejects.jsonl"):
        assert there[name] == here[name]
    assert scratch(home) == {}
    again = classify(address, "-o", f"s3://{bucket}/out/out.csv", "--by", "id")
    assert again.code == ExitCode.REJECTS
    assert f"this run had finished before, s3://{bucket}/out/out.csv" in again.stderr
    assert stored(s3, f"{bucket}/out") == there


def test_a_folder_of_objects_goes_into_a_folder(
    s3: Any, bucket: str, classify: Callable[..., Result], tmp_path: Path
) -> None:
    put(s3, f"{bucket}/in/b.jsonl", '{"text": "好"}\n')
    put(s3, f"{bucket}/in/c.zip", "")
    put(s3, f"{bucket}/in/more/d.csv", REVIEWS)
    result = classify(f"s3://{bucket}/in", "-o", f"s3://{bucket}/answers")
    assert result.code == ExitCode.REJECTS
    assert f"not read in s3://{bucket}/in, for the names tell no format: c.zip, more/" in (
        result.stderr
    )
    outputs = [name for name in stored(s3, f"{bucket}/answers") if "jsonl.r" not in name]
    assert outputs == ["b.jsonl", "评 价.csv", "评 价.csv.receipt.json", "评 价.csv.rejects.jsonl"]
    assert classify(f"s3://{bucket}/in/", "-o", tmp_path).code == ExitCode.REJECTS
    assert (tmp_path / "b.jsonl").read_bytes() == stored(s3, f"{bucket}/answers")["b.jsonl"]


def test_of_a_single_end_the_other_is_a_file_or_a_pipe(
    s3: Any, bucket: str, classify: Callable[..., Result], tmp_path: Path, home: Path
) -> None:
    source = tmp_path / "a.csv"
    source.write_text(REVIEWS)
    assert classify(source, "-o", f"s3://{bucket}/out/").code == ExitCode.REJECTS
    answered = stored(s3, f"{bucket}/out")["a.csv"]
    assert classify(f"s3://{bucket}/in/评 价.csv").stdout.encode() == answered
    assert "text column: text" in classify(f"s3://{bucket}/in/评 价.csv", "--dry-run").stderr
    assert scratch(home) == {}


def test_what_is_there_is_replaced_only_by_force(
    s3: Any, bucket: str, classify: Callable[..., Result], home: Path
) -> None:
    command = (f"s3://{bucket}/in/评 价.csv", "-o", f"s3://{bucket}/out/a.csv")
    put(s3, f"{bucket}/out/a.csv", "mine")
    refused = classify(*command)
    assert refused.code == ExitCode.CANNOT_CREATE
    assert f"s3://{bucket}/out/a.csv exists" in refused.stderr
    assert stored(s3, f"{bucket}/out") == {"a.csv": b"mine"}
    assert scratch(home) == {}
    assert classify(*command, "--force").code == ExitCode.REJECTS
    put(s3, f"{bucket}/in/评 价.csv", "text\n好\n")
    assert classify(*command, "--force").code == ExitCode.OK
    assert set(stored(s3, f"{bucket}/out")) == {"a.csv", "a.csv.receipt.json"}


@pytest.mark.parametrize("end", ["", ".rejects.jsonl"])
def test_an_object_that_is_the_input_is_never_replaced(
    s3: Any, bucket: str, classify: Callable[..., Result], end: str
) -> None:
    put(s3, f"{bucket}/in/a.csv{end}", '{"text": "好"}\n' if end else REVIEWS)
    before = stored(s3, f"{bucket}/in")
    command = (f"s3://{bucket}/in/a.csv{end}", "-o", f"s3://{bucket}/in/a.csv", "--to", "csv")
    refused = classify(*command, "--force", "--select", "text")
    assert refused.code == ExitCode.CANNOT_CREATE
    assert f"s3://{bucket}/in/a.csv{end} is the input; name another output" in refused.stderr
    of_a_folder = classify(f"s3://{bucket}/in", "-o", f"s3://{bucket}/in/", "--force")
    assert of_a_folder.code == ExitCode.CANNOT_CREATE
    assert stored(s3, f"{bucket}/in") == before


def test_an_output_that_appears_meanwhile_is_left(
    s3: Any, bucket: str, classify: Callable[..., Result], predictor: FakePredictor
) -> None:
    predictor.before = lambda: put(s3, f"{bucket}/out/a.csv", "mine")
    refused = classify(f"s3://{bucket}/in/评 价.csv", "-o", f"s3://{bucket}/out/a.csv")
    assert refused.code == ExitCode.CANNOT_CREATE
    assert stored(s3, f"{bucket}/out") == {"a.csv": b"mine"}


def test_an_interrupted_run_goes_on_and_shows_nothing_before_its_end(
    s3: Any, bucket: str, classify: Callable[..., Result], predictor: FakePredictor, home: Path
) -> None:
    put(s3, f"{bucket}/in/long.csv", "text\n" + "".join(f"评价{n}\n" for n in range(600)))
    command = (f"s3://{bucket}/in/long.csv", "-o", f"s3://{bucket}/out/long.csv")

    def fail() -> None:
        if len(predictor.seen) > 200:
            raise UserError(ExitCode.CONFIG, "no such model")

    predictor.before = fail
    assert classify(*command).code == ExitCode.CONFIG
    assert stored(s3, f"{bucket}/out") == {}
    assert [name.rpartition("/")[2] for name in scratch(home)] == [
        "journal",
        "output.draft",
        "rejects.draft",
    ]
    predictor.before = lambda: None
    seen = len(predictor.seen)
    assert classify(*command).code == ExitCode.OK
    assert len(predictor.seen) < seen + 600
    assert len(stored(s3, f"{bucket}/out")["long.csv"].splitlines()) == 601
    assert scratch(home) == {}


class Failing:
    """A store, or a stream of it, that fails at some bytes or at the name of an object."""

    def __init__(self, real: Any, name: str, *, after: int) -> None:
        self._real, self._name, self._after = real, name, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def open_output_stream(self, path: str) -> Any:
        stream = self._real.open_output_stream(path)
        return Failing(stream, "", after=self._after) if path.endswith(self._name) else stream

    def write(self, part: Any) -> None:
        self._after -= 1
        if self._after < 0:
            raise OSError("the network is gone")
        self._real.write(part)


def test_an_object_that_was_removed_is_none(
    s3: Any, bucket: str, classify: Callable[..., Result], home: Path
) -> None:
    command = (f"s3://{bucket}/in/评 价.csv", "-o", f"s3://{bucket}/out/a.csv")
    assert classify(*command).code == ExitCode.REJECTS
    assert classify(*command, "--prefix", "x_").code == ExitCode.CANNOT_CREATE
    assert scratch(home) == {}
    for name in stored(s3, f"{bucket}/out"):
        s3.delete_file(f"{bucket}/out/{name}")
    killed = home / "cache/sentiment-tui/objects" / hashlib.sha256(command[2].encode()).hexdigest()
    killed.mkdir(parents=True)
    (killed / "a.csv").write_text("a copy of what was there when the command was killed")
    assert classify(*command, "--prefix", "x_").code == ExitCode.REJECTS
    assert b"x_status" in stored(s3, f"{bucket}/out")["a.csv"]


@contextmanager
def network_that_fails(name: str, *, after: int) -> Iterator[None]:
    """Have the sending of one object fail."""
    opened = ObjectPath.opened

    @contextmanager
    def failing(path: ObjectPath) -> Iterator[tuple[Any, str]]:
        with opened(path) as (store, found):
            yield Failing(store, name, after=after), found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ObjectPath, "opened", failing)
        patch.setattr(objects, "_PART", 16)
        yield


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("after", [0, 1])
def test_a_half_written_object_never_has_the_name_of_the_output(
    s3: Any,
    bucket: str,
    classify: Callable[..., Result],
    predictor: FakePredictor,
    home: Path,
    after: int,
    force: list[str],
) -> None:
    command = (f"s3://{bucket}/in/评 价.csv", "-o", f"s3://{bucket}/out/a.csv", *force)
    with network_that_fails("a.csv", after=after):
        failed = classify(*command)
    assert failed.code == ExitCode.IO
    assert f"s3://{bucket}/out/a.csv: the network is gone. The finished output" in failed.stderr
    assert set(stored(s3, f"{bucket}/out")) == {"a.csv.receipt.json", "a.csv.rejects.jsonl"}
    predictor.seen.clear()
    assert classify(*command).code == ExitCode.REJECTS
    assert predictor.seen == []
    assert len(stored(s3, f"{bucket}/out")) == 3
    assert scratch(home) == {}


def test_of_what_a_pipe_gave_a_failed_upload_says_where_it_is(
    bucket: str,
    classify: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    home: Path,
) -> None:
    source = tmp_path / "a.csv"
    source.write_text(REVIEWS, encoding="utf-8")
    command = ("-", "--from", "csv", "-o", f"s3://{bucket}/out/a.csv", "--force")
    for fails in (True, False):
        with source.open("rb") as pipe:
            monkeypatch.setattr("sys.stdin", pipe)
            with network_that_fails("a.csv" if fails else "none", after=0):
                result = classify(*command)
        if fails:
            assert result.code == ExitCode.IO
            [kept] = [name for name in scratch(home) if name.endswith("/a.csv")]
            assert f"objects/{kept} until" in result.stderr
    assert result.code == ExitCode.REJECTS
    assert scratch(home) == {}


def test_what_is_not_there_is_told_by_its_address(
    bucket: str, classify: Callable[..., Result], tmp_path: Path
) -> None:
    missing = classify(f"s3://{bucket}/nothing.csv", "-o", tmp_path / "out.csv")
    assert missing.code == ExitCode.NO_INPUT
    assert f"no such file: s3://{bucket}/nothing.csv" in missing.stderr
    nowhere = classify(f"s3://{bucket}/in/评 价.csv", "-o", "s3://nobody/out.csv")
    assert nowhere.code == ExitCode.CANNOT_CREATE
    assert "there is no folder s3://nobody" in nowhere.stderr


@pytest.mark.parametrize(
    "address",
    [
        f"s3://key:{SECRET}@bucket/a.csv",
        f"s3://{SECRET}@bucket/a.csv",
        f"s3://bucket/a.csv?secret_key={SECRET}",
        f"abfs://:{SECRET}@account.dfs.core.windows.net/a.csv",
    ],
)
def test_an_address_with_credentials_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UserError, match="credentials") as caught:
        path_of(address)
    assert caught.value.code == ExitCode.USAGE
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("gs://bucket/x/a.csv", "bucket/x/a.csv"),
        ("abfs://box@account.dfs.core.windows.net/x/a.csv", "box/x/a.csv"),
        ("abfs://box@account.dfs.core.windows.net", "box"),
    ],
)
def test_other_stores_have_their_addresses(address: str, place: str) -> None:
    path = path_of(address)
    assert isinstance(path, ObjectPath)
    assert str(path) == address
    with path.opened() as (store, found):
        assert store.type_name == address.partition("://")[0].replace("gs", "gcs")
        assert found == place
