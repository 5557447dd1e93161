"""Whatever happens to a run, the same command ends it, with the bytes of an undisturbed one."""

import errno
import fcntl
import hashlib
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.arrays import Float32
from models.console.command import ExitCode, UserError
from models.predictor import Predictor
from models.tables import Dialect, StandardInput
from tests.tui.batch.runs import (  # noqa: F401
    MANIFEST,
    OutOfOrder,
    Trap,
    contents,
    fake,
    in_child,
    run,
    small_chunks,
)
from tui.app.saving import save_rows
from tui.batch import journal
from tui.batch.answering import Between, Question, answer
from tui.batch.engine import Hooks, Stopped, classify
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import inspect
from tui.batch.receipt import as_interrupted
from tui.batch.settings import BatchSettings

pytestmark = pytest.mark.usefixtures("small_chunks")

# 14 records: three of them broken, two empty, two longer than the model reads. Four chunks.
INPUT = (
    "id,text\n"
    + "".join(
        f"{i},{text}\n"
        for i, text in enumerate(["很好", "太差,了", "", "不错" * 20, "一般", "差"] * 2)
    )
    + '"开\n12,末\n'
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.csv"
    path.parent.mkdir()
    path.write_text(INPUT, encoding="utf-8")
    return path


@pytest.fixture
def golden(source: Path, tmp_path: Path) -> dict[str, bytes]:
    """What an undisturbed run leaves in its folder."""
    folder = tmp_path / "golden"
    folder.mkdir()
    run(source, folder / "out.csv")
    found = contents(folder)
    assert set(found) == {"out.csv", "out.csv.rejects.jsonl", "out.csv.receipt.json"}
    return found


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "out.csv"


def counted(source: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many calls an undisturbed run makes."""
    trap = Trap(0, lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(journal, "os", trap)
        run(source, output)
    return trap.calls


@pytest.mark.parametrize("always", [False, True], ids=["once", "from then on"])
def test_whichever_call_of_the_system_fails_the_same_command_ends_well(
    source: Path,
    output: Path,
    golden: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    always: bool,
) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    failures = 0
    for k in itertools.count(1):
        shutil.rmtree(output.parent)
        output.parent.mkdir()
        trap = Trap(k, fail, always=always)
        with monkeypatch.context() as patch:
            patch.setattr(journal, "os", trap)
            try:
                run(source, output, hooks=Hooks() if always else OutOfOrder().hooks())
            except OSError:
                failures += 1
            except UserError as error:
                assert error.code == ExitCode.CANNOT_CREATE
        if output.exists():
            assert output.read_bytes() == golden["out.csv"]
        run(source, output)
        assert contents(output.parent) == golden, f"call {k}"
        if trap.calls < k:
            break
    assert k > 45
    assert failures > 35


def test_killed_at_any_call_of_the_system_the_same_command_ends_well(
    source: Path, output: Path, golden: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(source, output, monkeypatch)
    for k in range(1, calls + 1):
        shutil.rmtree(output.parent)
        output.parent.mkdir()
        assert in_child(source, output, kill_at=k, out_of_order=k % 2 == 0) == -9
        run(source, output)
        assert contents(output.parent) == golden, f"call {k}"


@pytest.mark.parametrize(("suffix", "times"), [("csv", 60), ("xlsx", 20), ("parquet", 20)])
def test_killed_at_any_instant_the_same_command_ends_well(
    source: Path, output: Path, tmp_path: Path, suffix: str, times: int
) -> None:
    output = output.with_suffix(f".{suffix}")
    (tmp_path / "golden").mkdir()
    run(source, tmp_path / "golden" / output.name)
    golden = contents(tmp_path / "golden")
    chance = random.Random(5)  # noqa: S311 - no secret
    killed = 0
    for _ in range(times):
        shutil.rmtree(output.parent)
        output.parent.mkdir()
        code = in_child(source, output, kill_after=chance.uniform(0, 0.05), pause=0.006)
        killed += code == -9
        run(source, output)
        assert contents(output.parent) == golden
    assert killed > times / 2


def test_chunks_that_are_answered_out_of_order_are_written_in_order(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    answers = OutOfOrder()
    run(source, output, hooks=answers.hooks())
    assert answers.late == 2
    assert contents(output.parent) == golden


def test_a_chunk_that_fails_before_an_earlier_one_is_answered_says_why(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    def ask(predictor: Predictor, question: Question, between: Between) -> Float32:
        if question.first == 5:
            raise UserError(ExitCode.CONFIG, "no answer")
        while question.first == 1:
            between(0)
        return answer(predictor, question, between)

    with pytest.raises(UserError, match="no answer"):
        run(source, output, hooks=Hooks(ask=ask, workers=4, ahead=lambda: 3))
    run(source, output)
    assert contents(output.parent) == golden


def test_a_run_goes_on_where_it_was_killed_time_and_again(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    for k in range(10, 40, 4):
        in_child(source, output, kill_at=k)
    predictor = fake()
    run(source, output, predictor)
    assert contents(output.parent) == golden
    assert len(predictor.seen) < 6  # type: ignore[attr-defined]


class Stop:
    """A hook that stops the run before its n-th batch, and may do something first."""

    def __init__(self, at: int, act: Callable[[], object] = lambda: None) -> None:
        self.left, self.act = at, act

    def __call__(self, _summary: object) -> None:
        self.left -= 1
        if self.left == 0:
            self.act()
            raise Stopped


def interrupt(source: Path, output: Path, at: int = 5, **more: Any) -> None:
    with pytest.raises(Stopped):
        run(source, output, hooks=Hooks(between=Stop(at)), **more)
    assert not output.exists()


def folder_of(output: Path) -> Path:
    return output.with_name(f".{output.name}.run")


def entries(output: Path) -> list[bytes]:
    """The two chunks of a run that was interrupted in its third: of three records each."""
    content = (folder_of(output) / "journal").read_bytes()
    _, _, chunks = content.partition(b"\n")
    size = 32 + 4 * 3 * (len(MANIFEST.labels) + 1)
    assert len(chunks) == 2 * size
    return [chunks[:size], chunks[size:]]


def test_a_run_that_is_stopped_before_its_first_chunk_leaves_nothing(
    source: Path, output: Path
) -> None:
    interrupt(source, output, at=1)
    assert contents(output.parent) == {}


def test_a_stopped_run_keeps_its_answers_and_computes_none_twice(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    interrupt(source, output)
    assert len(entries(output)) == 2
    predictor = fake()
    summary = run(source, output, predictor)
    assert contents(output.parent) == golden
    assert (summary.resumed, len(predictor.seen)) == (8, 4)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "damage", ["truncated", "torn", "edited", "swapped", "without the last", "gone"]
)
def test_what_is_damaged_in_the_journal_is_computed_again(
    source: Path, output: Path, golden: dict[str, bytes], damage: str
) -> None:
    interrupt(source, output)
    journal = folder_of(output) / "journal"
    content = journal.read_bytes()
    first, second = entries(output)
    head = content[: -len(first + second)]
    edited = bytes([first[0] ^ 1]) + first[1:]
    journal.write_bytes(
        {
            "truncated": content[:-3],
            "torn": content + first[:7],
            "edited": head + edited + second,
            "swapped": head + second + first,
            "without the last": head + first,
            "gone": b"",
        }[damage]
    )
    run(source, output)
    assert contents(output.parent) == golden


@pytest.mark.parametrize("head", [b"{\n", b"{}"])
def test_a_journal_whose_first_line_is_damaged_is_begun_anew(
    source: Path, output: Path, golden: dict[str, bytes], head: bytes
) -> None:
    interrupt(source, output)
    (folder_of(output) / "journal").write_bytes(head)
    assert run(source, output).resumed == 0
    assert contents(output.parent) == golden


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ("input", ExitCode.DATA, "input.sha256"),
        ("settings", ExitCode.CONFIG, "settings.prefix"),
        ("model", ExitCode.CONFIG, "model.digest"),
        ("device", ExitCode.CONFIG, "machine.device"),
        ("processor", ExitCode.CONFIG, "machine.probe"),
        ("reading", ExitCode.CONFIG, "reading.text_column"),
    ],
)
def test_a_run_is_not_resumed_with_something_changed(
    source: Path,
    output: Path,
    golden: dict[str, bytes],
    change: str,
    code: ExitCode,
    named: str,
) -> None:
    interrupt(source, output)
    before = contents(output.parent)
    predictor, more = fake(), {}
    if change == "input":  # of the same size and age
        stat = source.stat()
        source.write_text(INPUT.replace("很好", "很差"), encoding="utf-8")
        os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif change == "settings":
        more = {"prefix": "x_"}
    elif change == "model":
        predictor = fake(manifest=replace(MANIFEST, digest="1" * 64))
    elif change == "device":
        predictor = fake(device="cuda")
    elif change == "processor":
        predictor = fake(probe="of another processor")
    else:
        more = {"text_column": "id"}
    with pytest.raises(UserError, match=named) as caught:
        run(source, output, predictor, **more)
    assert caught.value.code == code
    assert str(folder_of(output)) in str(caught.value)
    assert contents(output.parent) == before
    source.write_text(INPUT, encoding="utf-8")
    run(source, output)
    assert contents(output.parent) == golden


def test_a_run_goes_on_with_other_threads_and_tells_them(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    interrupt(source, output)
    many = fake(threads=64)
    assert run(source, output, many).resumed == 8
    receipt = json.loads((output.parent / "out.csv.receipt.json").read_bytes())
    assert receipt["run"]["machine"]["threads"] == 64
    assert output.read_bytes() == golden["out.csv"]
    assert run(source, output).finished


@pytest.mark.parametrize("change", ["appended", "edited", "removed"])
def test_an_input_that_changes_while_it_is_read_yields_no_output(
    source: Path, output: Path, golden: dict[str, bytes], change: str
) -> None:
    def spoil(_summary: object) -> None:
        if change == "removed":
            source.unlink(missing_ok=True)
        else:
            text = INPUT + "13,又\n" if change == "appended" else INPUT.replace("末", "头")
            source.write_text(text, encoding="utf-8")

    with pytest.raises((UserError, OSError)) as caught:
        run(source, output, hooks=Hooks(between=spoil))
    assert not output.exists()
    if change != "removed":
        assert isinstance(caught.value, UserError)
        assert caught.value.code == ExitCode.DATA
    source.write_text(INPUT, encoding="utf-8")
    run(source, output)
    assert contents(output.parent) == golden


@pytest.mark.parametrize("lost", ["run folder", "folder of the output"])
def test_a_folder_that_is_lost_ends_the_run_and_the_next_one_ends_well(
    source: Path, output: Path, golden: dict[str, bytes], lost: str
) -> None:
    target = folder_of(output) if lost == "run folder" else output.parent
    hooks = Hooks(answered=lambda _: shutil.rmtree(target, ignore_errors=True))
    with pytest.raises(OSError, match="No such file"):
        run(source, output, hooks=hooks)
    output.parent.mkdir(exist_ok=True)
    run(source, output)
    assert contents(output.parent) == golden


def test_of_two_runs_at_once_one_is_refused(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    inside, leave = threading.Event(), threading.Event()

    def between(_summary: object) -> None:
        inside.set()
        assert leave.wait(60)

    first = threading.Thread(
        target=run, args=(source, output), kwargs={"hooks": Hooks(between=between)}
    )
    first.start()
    assert inside.wait(60)
    with pytest.raises(UserError, match="another run") as caught:
        run(source, output)
    assert caught.value.code == ExitCode.LOCKED
    leave.set()
    first.join()
    assert contents(output.parent) == golden


def test_a_finished_run_is_not_done_again(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    run(source, output)
    predictor = fake()
    summary = run(source, output, predictor)
    assert (summary.finished, summary.written, summary.rejected) == (True, 11, 3)
    assert predictor.seen == []  # type: ignore[attr-defined]
    output.write_bytes(output.read_bytes() + b"x")
    with pytest.raises(UserError, match="exists") as caught:
        run(source, output)
    assert caught.value.code == ExitCode.CANNOT_CREATE
    run(source, output, force=True)
    assert contents(output.parent) == golden


def test_what_is_found_before_the_user_says_force_is_of_use_after(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    output.write_text("mine")
    settings = BatchSettings(source, output)
    found = inspect(settings)
    with pytest.raises(UserError, match="exists"):
        classify(settings, fake(), found=found)
    classify(replace(settings, force=True), fake(), found=found)
    assert contents(output.parent) == golden


def test_rejects_of_an_output_that_is_replaced_go_with_it(source: Path, output: Path) -> None:
    run(source, output)
    source.write_text("text\n好\n", encoding="utf-8")
    run(source, output, force=True)
    assert set(contents(output.parent)) == {"out.csv", "out.csv.receipt.json"}


def test_a_folder_that_refuses_is_an_error_before_anything_is_predicted(source: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(source, folder / "a.csv")
        for path, mode in ((folder, 0o755), (folder / "a.csv", 0o644)):
            path.chmod(mode)
        user = 65534 if os.getuid() == 0 else None
        if user is None:
            folder.chmod(0o555)
        code = in_child(folder / "a.csv", folder / "out.csv", user=user)
        assert code == ExitCode.CANNOT_CREATE
        assert set(contents(folder)) == {"a.csv"}
        folder.chmod(0o755)


def test_the_receipt_adds_up(golden: dict[str, bytes]) -> None:
    receipt = json.loads(golden["out.csv.receipt.json"])
    counts = receipt["counts"]
    assert counts["read"] == counts["written"] + counts["rejected"] == 14
    assert sum(counts["status"].values()) == counts["written"]
    assert sum(counts["label"].values()) + counts["status"]["empty"] == counts["written"]
    assert counts["status"]["truncated"] == 2
    for part, name in (("output", "out.csv"), ("rejects", "out.csv.rejects.jsonl")):
        assert receipt[part]["sha256"] == hashlib.sha256(golden[name]).hexdigest()
        assert receipt[part]["bytes"] == len(golden[name])


def test_the_answers_of_an_interrupted_file_are_not_dropped_for_a_pipe(
    source: Path, output: Path, golden: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_pipe(**more: Any) -> None:
        with source.open("rb") as pipe:
            monkeypatch.setattr(sys, "stdin", pipe)
            dialect = Dialect("csv", "utf-8")
            classify(BatchSettings(StandardInput(), output, dialect=dialect, **more), fake())

    interrupt(source, output)
    before = contents(output.parent)
    with pytest.raises(UserError, match="an interrupted run of a file") as caught:
        from_pipe()
    assert caught.value.code == ExitCode.CANNOT_CREATE
    assert contents(output.parent) == before
    from_pipe(force=True)
    assert contents(output.parent)["out.csv"] == golden["out.csv"]


def test_an_input_that_changed_says_what_to_do(source: Path, output: Path) -> None:
    def spoil(_summary: object) -> None:
        source.write_text(INPUT.replace("末", "头"), encoding="utf-8")

    with pytest.raises(UserError, match=r"Undo the change to go on, or remove .*\.out\.csv\.run"):
        run(source, output, hooks=Hooks(between=spoil))


def test_a_draft_that_is_closed_writes_into_no_other_file(tmp_path: Path) -> None:
    draft = journal.Draft(tmp_path / "draft")
    draft.write(b"held")
    draft.close()
    with (tmp_path / "other").open("wb"):  # it gets the number that the draft had
        draft.write(bytes(2 << 20))
        draft.flush()
        draft.close()
    assert contents(tmp_path) == {"draft": b"", "other": b""}


def test_a_run_that_takes_answers_from_its_journal_can_be_stopped(tmp_path: Path) -> None:
    source, output = tmp_path / "a.csv", tmp_path / "o.csv"
    source.write_text("text\n" + "好\n" * 40, encoding="utf-8")
    with pytest.raises(Stopped):
        run(source, output, hooks=Hooks(between=Stop(15)))
    with pytest.raises(Stopped):
        run(source, output, fake(before=pytest.fail), hooks=Hooks(between=Stop(3)))
    assert run(source, output).resumed == 28
    run(source, tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_the_settings_of_an_interrupted_run_are_found_with_its_output(tmp_path: Path) -> None:
    source, output = tmp_path / "a.csv", tmp_path / "a.labelled.csv"
    source.write_text("title\nid;a;review\n" + "1;好;太差\n" * 40, encoding="gb18030")
    asked = BatchSettings(source, output)
    assert as_interrupted(asked) == asked
    more = {"text_column": "a", "prefix": "new_", "select": ("id", "a"), "probabilities": True}
    with pytest.raises(Stopped):
        run(source, output, dialect=Dialect(header=2), hooks=Hooks(between=Stop(15)), **more)
    found = as_interrupted(asked)
    assert found.dialect == Dialect("csv", "gb18030", ";", "double", 2)
    assert {name: getattr(found, name) for name in more} == more
    assert classify(found, fake()).resumed == 28
    (tmp_path / ".a.labelled.csv.run").mkdir()
    (tmp_path / ".a.labelled.csv.run/journal").write_bytes(b'{"settings": [], "reading": {}}\n')
    assert as_interrupted(asked) == asked


@pytest.mark.parametrize("quoting", [None, "double"])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_an_interrupted_tsv_goes_on_with_its_quotes(
    tmp_path: Path, suffix: str, quoting: str | None
) -> None:
    source, output = tmp_path / f"a.{suffix}", tmp_path / "o.tsv"
    line = '{"text": "好"}\n' if suffix == "jsonl" else "好\n"
    source.write_text(("" if suffix == "jsonl" else "text\n") + line * 40, encoding="utf-8")
    asked = BatchSettings(source, output, Dialect(quoting=quoting))
    run(source, tmp_path / "whole.tsv", dialect=asked.dialect)
    with pytest.raises(Stopped):
        run(source, output, dialect=asked.dialect, hooks=Hooks(between=Stop(15)))
    found = as_interrupted(replace(asked, dialect=Dialect()))
    assert (found.dialect.quoting == "double") == (quoting == "double")
    assert classify(found, fake()).resumed == 28
    assert output.read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_rows_saved_under_the_name_of_an_interrupted_run_leave_its_answers(
    source: Path, output: Path
) -> None:
    settings = BatchSettings(source, output.with_name("other.csv"))
    found, rows = inspect(settings), ResultStore(MANIFEST.labels)
    classify(settings, fake(), found=found, hooks=Hooks(answered=rows.append))
    interrupt(source, output)
    before = contents(output.parent)
    with pytest.raises(UserError, match="has an interrupted run of a file"):
        save_rows(replace(settings, force=True), found, rows, None, output, threading.Event())
    assert contents(output.parent) == before


@pytest.mark.parametrize("locks", [True, False], ids=["with locks", "where locks do nothing"])
def test_whenever_another_run_comes_between_the_loser_says_so(
    source: Path,
    output: Path,
    golden: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    locks: bool,
) -> None:
    if not locks:
        monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    codes: Counter[ExitCode] = Counter()

    def come_between() -> None:
        try:
            run(source, output)
        except UserError as error:
            codes[error.code] += 1

    for k in itertools.count(1):
        shutil.rmtree(output.parent)
        output.parent.mkdir()
        trap = Trap(k, come_between)
        with monkeypatch.context() as patch:
            patch.setattr(journal, "os", trap)
            come_between()
        assert output.read_bytes() == golden["out.csv"], f"call {k}"
        run(source, output)
        assert contents(output.parent) == golden, f"call {k}"
        if trap.calls < k:
            break
    assert set(codes) == {ExitCode.LOCKED, ExitCode.CANNOT_CREATE}  # 73: a finished output is there
    assert codes[ExitCode.LOCKED] > 20
