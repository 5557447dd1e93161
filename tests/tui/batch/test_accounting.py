"""`read = written + rejected`, whatever the bytes are: every record once, in order, to the byte."""

import csv
import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.console.command import ExitCode, UserError
from models.tables import (
    FORMATS,
    QUOTING,
    Dialect,
    Item,
    Record,
    Reject,
    StandardInput,
    open_table,
)
from tests.tui.batch.runs import fake, run, small_chunks, times_opened  # noqa: F401
from tui.batch.engine import classify
from tui.batch.inspection import inspect
from tui.batch.settings import BatchSettings

ROOT = Path(__file__).parents[3]

# Bytes that mean something to one of the formats, and some that mean nothing to any.
PIECES = [
    *(b'"', b",", b"\n", b"\r\n", b"\r", b"\t", b";", b"|", b"'", b"\\", b" ", b"{", b"}", b"\0"),
    *(b'{"text": "a"}', b'"a""b"', b"\n\n", b"a", b"\xff", b"\xe5\xbe", b"\x81\x30\x81\x30"),
    *("很".encode(), "\u2028".encode(), "\x85".encode(), "好".encode("gb18030"), b"\xef\xbb\xbf"),
]
soup = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=40).map(
    b"".join
)
heads = st.sampled_from([b"", b"text\n", b"text,id\n", b"id\ttext\r\n", b'"te\nxt",id\n'])


def items_of(path: Path, dialect: Dialect) -> list[Item]:
    """Return what a file holds; nothing where the whole of it is refused, with a reason."""
    try:
        with open_table(path, dialect) as table:
            return list(table.items)
    except UserError as error:
        assert error.code == ExitCode.DATA
        return []


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le"])
@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "txt"])
@given(head=heads, body=soup, header=st.integers(0, 3), quoting=st.sampled_from([None, *QUOTING]))
def test_the_records_of_any_bytes_cover_all_of_them(
    tmp_path: Path,
    format: str,
    encoding: str,
    head: bytes,
    body: bytes,
    header: int,
    quoting: str | None,
) -> None:
    path = tmp_path / "a"
    content = head.decode().encode(encoding) + body
    path.write_bytes(content)
    items = items_of(path, Dialect(format, encoding, ",", quoting, header=header))
    assert [item.place.number for item in items] == list(range(1, len(items) + 1))
    end = 0
    for number, item in enumerate(items):
        place = item.place
        assert place.start is not None
        assert place.raw is not None
        assert place.start >= end
        if number or not (header or content.startswith((b"\xef\xbb\xbf", b"\xff\xfe"))):
            assert is_blank(content[end : place.start], encoding)
        assert content[place.start : place.start + len(place.raw)] == place.raw
        end = place.start + len(place.raw)
    if items:
        assert is_blank(content[end:], encoding)


def is_blank(content: bytes, encoding: str) -> bool:
    """Whether some bytes are lines that hold no record."""
    return not content.decode(encoding).strip()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "txt"])
@given(body=soup, to=st.sampled_from(["csv", "tsv", "jsonl"]))
def test_every_record_is_written_or_rejected_once_and_in_order(
    tmp_path: Path, format: str, body: bytes, to: str
) -> None:
    head = {
        "csv": b"n,text\n1,a\n",
        "tsv": b"n\ttext\n1\ta\n",
        "jsonl": b'{"text": ""}\n',
        "txt": b"x\n",
    }
    source, output = tmp_path / "a", tmp_path / f"out.{to}"
    source.write_bytes(head[format] + body)
    dialect = Dialect(format, "utf-8", text_delimiter(format))
    records: list[str] = []
    for item in items_of(source, dialect):
        records.append(item.fields["text"] if good(item) else "rejected")  # type: ignore[union-attr]
    summary = run(source, output, dialect=dialect, force=True)
    assert summary.read == summary.records == len(records)
    rejects = output.with_name(output.name + ".rejects.jsonl")
    rejected = [json.loads(line) for line in rejects.open()] if rejects.exists() else []
    assert len(rejected) == summary.rejected
    numbers = [reject["record"] for reject in rejected]
    assert numbers == sorted(set(numbers))
    kept = [text for n, text in enumerate(records, start=1) if n not in numbers]
    assert written_texts(output) == kept


def text_delimiter(format: str) -> str | None:
    return {"csv": ",", "tsv": "\t"}.get(format)


def good(item: Item) -> bool:
    return isinstance(item, Record) and isinstance(item.fields.get("text"), str)


def written_texts(output: Path) -> list[str]:
    """Return the texts of an output, read by somebody else's rules."""
    with output.open(encoding="utf-8", newline="\n") as file:
        if output.suffix == ".jsonl":
            return [json.loads(line)["text"] for line in file]
        if output.suffix == ".tsv":
            head, *rows = (line.removesuffix("\n").split("\t") for line in file)
        else:
            # the csv module takes a lone CR for the end of a line only where it isn't quoted
            head, *rows = csv.reader(file, strict=True)
        return [row[head.index("text")] for row in rows]


@pytest.mark.parametrize("format", ["xlsx", "parquet"])
def test_a_damaged_workbook_is_refused_or_accounted_for(tmp_path: Path, format: str) -> None:
    good_path, path = tmp_path / f"good.{format}", tmp_path / f"a.{format}"
    (tmp_path / "a.csv").write_text("text,n\n" + "很好,1\n" * 50, encoding="utf-8")
    run(tmp_path / "a.csv", good_path)
    whole = good_path.read_bytes()
    chance = random.Random(3)  # noqa: S311 - no secret
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 1, 3, 30])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])
        items = items_of(path, Dialect())
        assert [item.place.number for item in items] == list(range(1, len(items) + 1))


@pytest.mark.parametrize("format", FORMATS)
@given(content=st.binary(max_size=60))
def test_inspecting_any_bytes_ends_in_a_finding_or_in_an_error_for_people(
    tmp_path: Path, format: str, content: bytes
) -> None:
    from tui.batch.settings import BatchSettings

    path = tmp_path / f"a.{format}"
    path.write_bytes(content)
    try:
        found = inspect(BatchSettings(path, output_format="jsonl"))
    except UserError as error:
        assert error.code == ExitCode.DATA
    else:
        assert found.records is not None
        assert found.rejected is not None
        assert 0 <= found.rejected <= found.records


def test_a_reject_says_where_and_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,n\nok,1\nbad\xff,2\nx\n")
    with open_table(path, Dialect(encoding="utf-8")) as table:
        items = list(table.items)
    rejects = [item for item in items if isinstance(item, Reject)]
    assert [(r.code, r.place.number, r.place.line) for r in rejects] == [
        ("undecodable", 2, 3),
        ("field_count", 3, 4),
    ]
    run(path, tmp_path / "o.csv", dialect=Dialect(encoding="utf-8"))
    first, second = map(json.loads, (tmp_path / "o.csv.rejects.jsonl").open(encoding="utf-8"))
    assert first["raw_base64"] == "YmFk/ywyCg=="
    assert (second["raw"], second["byte_start"], second["byte_end"]) == ("x\n", 19, 21)


@pytest.mark.long
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_memory_does_not_grow_with_the_file(format: str) -> None:
    def mebibytes(records: int) -> float:
        child = [sys.executable, "-m", "benchmarks.files", "peak", format, str(records)]
        done = subprocess.run(child, cwd=ROOT, capture_output=True, check=True)
        peak: float = json.loads(done.stdout)["MiB"]
        return peak

    assert mebibytes(50_000) <= 1.1 * mebibytes(5_000)


def test_the_raw_line_of_utf_16_is_read_as_the_mark_says(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xfe\xff" + "text,n\n好,1\n坏了\n".encode("utf-16-be"))
    run(path, tmp_path / "o.csv", dialect=Dialect(encoding="utf-16"))
    (reject,) = map(json.loads, (tmp_path / "o.csv.rejects.jsonl").open(encoding="utf-8"))
    assert reject["raw"] == "坏了\n"


def test_a_line_of_json_that_cannot_be_written_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "好"}\n', encoding="utf-8")
    summary = run(path, tmp_path / "o.jsonl", prefix="\udcff")  # as Python has the argument $'\xff'
    (reject,) = map(json.loads, (tmp_path / "o.jsonl.rejects.jsonl").open(encoding="utf-8"))
    assert (summary.written, reject["code"]) == (0, "unwritable")


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("csv", "id,text\n" + f"1,{'很好' * 50}\n" * 1_200),
        ("tsv", "id\ttext\n1\t很好\n"),
        ("jsonl", '{"text": "很好"}\n'),
        ("txt", "很好\n太差\n"),
    ],
)
def test_an_input_is_opened_once_to_inspect_it_and_once_to_classify_it(
    tmp_path: Path, format: str, content: str, encoding: str
) -> None:
    source, output = tmp_path / f"a.{format}", tmp_path / "out.csv"
    source.write_bytes(content.encode(encoding))
    assert 1 <= times_opened(source, output) <= 2
    receipt = json.loads((tmp_path / "out.csv.receipt.json").read_bytes())
    assert receipt["run"]["input"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize("way", ["file", "pipe"])
def test_a_column_to_keep_that_jsonl_lacks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "好", "id": 1}\n{"text": "差"}\n')

    def keep(column: str) -> bytes:
        output = tmp_path / f"{column}.jsonl"
        with source.open("rb") as pipe:
            monkeypatch.setattr(sys, "stdin", pipe)
            given = StandardInput() if way == "pipe" else source
            dialect = Dialect("jsonl")
            classify(BatchSettings(given, output, dialect=dialect, select=(column,)), fake())
        return output.read_bytes()

    with pytest.raises(UserError, match="expected a column called txet, found the columns text"):
        keep("txet")
    assert keep("id").count(b'"id": null') == 1
