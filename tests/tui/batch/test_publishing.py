"""Nothing is lost that this program did not write, unless the user says --force."""

import errno
import json
import os
import shutil
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from models.console.command import ExitCode, UserError
from models.files import file_digest
from models.tables import Dialect, StandardInput
from tests.tui.batch.runs import MANIFEST, Trap, contents, fake, run, small_chunks  # noqa: F401
from tui.app.saving import save_rows
from tui.batch import journal
from tui.batch.engine import Hooks, Stopped, classify
from tui.batch.findings.finished import read_finished, require_finished
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import inspect
from tui.batch.settings import BatchSettings

pytestmark = pytest.mark.usefixtures("small_chunks")

INPUT = "id,text\n" + "1,很好\n2,太差,了\n3,一般\n" * 4
SIDECARS = ["receipt.json", "rejects.jsonl"]
NAMES = ["out.csv", *(f"out.csv.{kind}" for kind in SIDECARS)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(INPUT, encoding="utf-8")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "out.csv"


@pytest.fixture
def golden(source: Path, tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "golden").mkdir()
    run(source, tmp_path / "golden" / "out.csv")
    found = contents(tmp_path / "golden")
    assert set(found) == set(NAMES)
    return found


def at_the_end(act: Callable[[], object]) -> Hooks:
    """Do something when the last record was answered."""
    done: list[object] = []

    def answered(chunk: Any) -> None:
        done.extend([*chunk.records, *chunk.rejects])
        if len(done) == 12:
            act()

    return Hooks(answered=answered)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["links", "no links", "after the look"])
def test_a_file_that_appears_during_the_run_is_left_and_nothing_is_computed_twice(
    source: Path,
    output: Path,
    golden: dict[str, bytes],
    name: str,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    foreign = output.with_name(name)

    def appear() -> None:
        if not foreign.exists():
            foreign.write_bytes(b"PRECIOUS")

    link = os.link

    def late(draft: Path, path: Path) -> None:
        if path == foreign:
            appear()
        link(draft, path)

    hooks = Hooks() if way == "after the look" else at_the_end(appear)
    with (
        monkeypatch.context() as patch,
        pytest.raises(UserError, match=rf"{name} appeared during the run.*--force") as caught,
    ):
        if way != "links":
            patch.setattr(os, "link", refuse if way == "no links" else late)
        run(source, output, hooks=hooks)
    assert caught.value.code == ExitCode.CANNOT_CREATE
    left = contents(output.parent)
    assert {path for path in left if "/" not in path} == {name}
    assert left[name] == b"PRECIOUS"
    with pytest.raises(UserError, match="exists"):
        run(source, output)
    shutil.copytree(output.parent, output.parent.with_name("copy"))
    predictor = fake()
    run(source, output, predictor, force=True)
    assert contents(output.parent) == golden
    assert predictor.seen == []  # type: ignore[attr-defined]
    other = output.parent.with_name("copy") / "other.csv"
    run(source, other, predictor)
    assert predictor.seen == []  # type: ignore[attr-defined]
    found = contents(other.parent)
    assert found["other.csv"] == golden["out.csv"]
    assert set(found) == {name, *(n.replace("out", "other") for n in NAMES)}


def refuse(*_arguments: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_another_name_takes_no_answers_of_a_run_that_is_only_interrupted(
    source: Path, output: Path
) -> None:
    def stop(summary: Any) -> None:
        if summary.predicted > 6:
            raise Stopped

    with pytest.raises(Stopped):
        run(source, output, hooks=Hooks(between=stop))
    run(source, output.with_name("other.csv"))
    assert run(source, output).resumed > 0


@pytest.mark.parametrize("kind", SIDECARS)
@pytest.mark.parametrize(
    "content", [b"PRECIOUS", b"{}\n", b'{"code": "field_count"}\n', b"[]", b"", "link"]
)
def test_a_sidecar_of_somebody_else_is_left_unless_it_is_forced(
    source: Path, output: Path, golden: dict[str, bytes], kind: str, content: Any
) -> None:
    foreign = output.with_name(f"out.csv.{kind}")
    if content == "link":
        foreign.symlink_to("nowhere")
    else:
        foreign.write_bytes(content)
    predictor = fake()
    with pytest.raises(UserError, match=f"{foreign.name} exists, and no run") as caught:
        run(source, output, predictor)
    assert caught.value.code == ExitCode.CANNOT_CREATE
    assert predictor.seen == []  # type: ignore[attr-defined]
    assert list(output.parent.iterdir()) == [foreign]
    run(source, output, force=True)
    assert contents(output.parent) == golden


def test_the_receipt_of_another_output_is_none_of_ours(source: Path, output: Path) -> None:
    run(source, output.with_name("b.csv"))
    output.with_name("b.csv.receipt.json").rename(output.with_name("out.csv.receipt.json"))
    with pytest.raises(UserError, match="no run of this output wrote it"):
        run(source, output)


def test_sidecars_of_an_earlier_run_of_the_output_are_replaced(source: Path, output: Path) -> None:
    run(source, output)
    output.unlink()
    source.write_text("text\n好\n", encoding="utf-8")
    run(source, output)
    assert set(contents(output.parent)) == {"out.csv", "out.csv.receipt.json"}


def test_rejects_that_were_edited_are_left(source: Path, output: Path) -> None:
    run(source, output)
    output.unlink()
    rejects = output.with_name("out.csv.rejects.jsonl")
    rejects.write_bytes(rejects.read_bytes() + b"note\n")
    with pytest.raises(UserError, match=r"rejects\.jsonl exists, and no run"):
        run(source, output)


@pytest.mark.parametrize("deed", ["removed", "changed"])
def test_a_run_whose_rejects_are_not_there_is_not_finished(
    source: Path, output: Path, golden: dict[str, bytes], deed: str
) -> None:
    run(source, output)
    rejects = output.with_name("out.csv.rejects.jsonl")
    rejects.unlink() if deed == "removed" else rejects.write_bytes(b"mine")
    before = contents(output.parent)
    with pytest.raises(UserError, match=r"but .*rejects\.jsonl is gone, or was") as caught:
        run(source, output)
    assert caught.value.code == ExitCode.CANNOT_CREATE
    assert contents(output.parent) == before
    run(source, output, force=True)
    assert contents(output.parent) == golden
    assert run(source, output).finished


def test_sidecars_that_are_changed_during_the_run_are_left(source: Path, output: Path) -> None:
    run(source, output)
    output.unlink()
    rejects = output.with_name("out.csv.rejects.jsonl")
    hooks = at_the_end(lambda: rejects.write_bytes(b"PRECIOUS"))
    with pytest.raises(UserError, match=r"rejects\.jsonl appeared"):
        run(source, output, predictor=fake(), hooks=hooks, prefix="x_")
    assert rejects.read_bytes() == b"PRECIOUS"


def test_what_a_pipe_gave_is_kept_where_its_name_was_taken(
    source: Path, output: Path, golden: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = at_the_end(lambda: output.write_bytes(b"PRECIOUS"))
    with source.open("rb") as pipe, pytest.raises(UserError, match="kept as") as caught:
        monkeypatch.setattr("sys.stdin", pipe)
        dialect = Dialect("csv", "utf-8")
        classify(BatchSettings(StandardInput(), output, dialect=dialect), fake(), hooks=hooks)
    draft = output.parent / ".out.csv.run" / "output.draft"
    assert str(draft) in str(caught.value)
    assert draft.read_bytes() == golden["out.csv"]
    assert output.read_bytes() == b"PRECIOUS"


def test_saved_rows_replace_nothing_that_appears(
    source: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = BatchSettings(source, output.with_name("other.csv"))
    found, rows = inspect(settings), ResultStore(MANIFEST.labels)
    classify(settings, fake(), found=found, hooks=Hooks(answered=rows.append))
    output.with_name("out.csv.receipt.json").write_bytes(b"of somebody")  # none is written here
    link = os.link

    def late(draft: Path, path: Path) -> None:
        output.write_bytes(b"PRECIOUS")
        link(draft, path)

    stop = threading.Event()
    with (
        monkeypatch.context() as patch,
        pytest.raises(UserError, match="appeared") as caught,
    ):
        patch.setattr(os, "link", late)
        save_rows(settings, found, rows, None, output, stop)
    assert caught.value.code == ExitCode.CANNOT_CREATE
    assert output.read_bytes() == b"PRECIOUS"
    save_rows(replace(settings, force=True), found, rows, None, output, stop)
    assert output.read_bytes() == output.with_name("other.csv").read_bytes()
    assert not output.with_name(".out.csv.run").exists()


def test_rows_that_cannot_be_read_again_are_not_left_out(tmp_path: Path) -> None:
    path = tmp_path / "labelled.csv"
    text = "很好\n" * 1001  # our reader takes the quote for one that was never closed
    path.write_text(
        f'text,predicted_label,predicted_id,confidence,status\n"{text}",正向评价,1,1.0,ok\n'
    )
    finished = require_finished(path)
    store = read_finished(finished)
    found = replace(finished.found, digest=file_digest(path))
    with pytest.raises(UserError, match="expected record 1 as it was read before") as caught:
        save_rows(found.settings, found, store, None, tmp_path / "b.csv", threading.Event())
    assert caught.value.code == ExitCode.DATA
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.parametrize("deed", ["fail", "kill"])
def test_without_hard_links_every_call_may_fail_or_be_the_last(
    source: Path,
    output: Path,
    golden: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    deed: str,
) -> None:
    class Killed(BaseException):
        """Stands for SIGKILL: no call of the system after it has an effect."""

    def act() -> None:
        raise Killed if deed == "kill" else OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", refuse)
    calls = 0
    for k in range(1, 200):
        shutil.rmtree(output.parent)
        output.parent.mkdir()
        trap = Trap(k, act, always=deed == "kill")
        with monkeypatch.context() as patch:
            patch.setattr(journal, "os", cast(Any, trap))
            try:
                run(source, output)
            except (OSError, UserError, Killed):
                calls += 1
        run(source, output)
        assert contents(output.parent) == golden, f"call {k}"
        if trap.calls < k:
            break
    assert 40 < calls < 199


@pytest.mark.parametrize(("given", "found"), [(0o600, 0o600), (0o640, 0o640), (0o444, 0o644)])
def test_what_is_made_of_a_private_input_is_private(
    source: Path, output: Path, given: int, found: int
) -> None:
    source.chmod(given)
    before = os.umask(0o022)
    try:
        during: dict[str, int] = {}

        def look(_summary: object) -> None:
            for path in output.parent.rglob("*"):
                during[path.name] = stat.S_IMODE(path.stat().st_mode)

        run(source, output, hooks=Hooks(between=look))
    finally:
        os.umask(before)
    folder = during.pop(".out.csv.run")
    assert folder == found | 0o100 | (found & 0o044) >> 2
    assert set(during) == {"journal", "output.draft", "rejects.draft"}
    assert set(during.values()) == {found}
    assert {stat.S_IMODE(output.with_name(name).stat().st_mode) for name in NAMES} == {found}


@pytest.mark.parametrize(("given", "found"), [(0o640, 0o600), (0o644, 0o644), (0o660, 0o600)])
def test_a_group_that_cannot_read_the_input_reads_no_output(
    source: Path, output: Path, monkeypatch: pytest.MonkeyPatch, given: int, found: int
) -> None:
    source.chmod(given)
    monkeypatch.setattr(os, "getegid", lambda: source.stat().st_gid + 1)
    run(source, output)
    assert {stat.S_IMODE(output.with_name(name).stat().st_mode) for name in NAMES} == {found}
    output.chmod(given)
    run(source, output, force=True)
    assert stat.S_IMODE(output.stat().st_mode) == found
    output.parent.chmod(0o2755)  # what is new here is of the folder's group, that of the input
    run(source, output.with_name("b.csv"))
    assert stat.S_IMODE(output.with_name("b.csv").stat().st_mode) == given & 0o644


def test_an_output_that_is_replaced_keeps_its_permissions(source: Path, output: Path) -> None:
    for mode in (0o600, 0o664):
        output.touch()
        output.chmod(mode)
        run(source, output, force=True)
        assert stat.S_IMODE(output.stat().st_mode) == mode
    output.chmod(0o600)
    run(source, output, force=True)
    assert stat.S_IMODE(output.with_name("out.csv.rejects.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("force", [False, True])
def test_an_output_that_is_a_link_is_written_where_it_leads(
    source: Path, output: Path, golden: dict[str, bytes], force: bool
) -> None:
    elsewhere = output.parent.with_name("elsewhere")
    elsewhere.mkdir()
    output.symlink_to(elsewhere / "out.csv")
    run(source, output, force=force)
    assert contents(elsewhere) == golden
    assert output.is_symlink()
    assert list(output.parent.iterdir()) == [output]
    with pytest.raises(UserError, match="exists"):
        run(source, output, prefix="x_")
    run(source, output, prefix="x_", force=True)
    assert output.is_symlink()
    assert b"x_status" in (elsewhere / "out.csv").read_bytes()
    output.unlink()
    output.symlink_to("out.csv")
    with pytest.raises(UserError, match="link to itself") as caught:
        run(source, output, force=force)
    assert caught.value.code == ExitCode.CANNOT_CREATE
    output.unlink()
    output.symlink_to(source)
    with pytest.raises(UserError, match="is the input"):
        run(source, output, force=True)


def test_a_full_disk_is_told_by_the_name_of_the_output(
    source: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as caught:
        run(source, output)
    assert caught.value.filename == str(output)


def test_a_flipped_bit_in_the_first_line_of_the_journal_is_told_as_damage(
    source: Path, output: Path, golden: dict[str, bytes]
) -> None:
    def stop(summary: Any) -> None:
        if summary.predicted > 6:
            raise Stopped

    with pytest.raises(Stopped):
        run(source, output, hooks=Hooks(between=stop))
    file = output.parent / ".out.csv.run" / "journal"
    whole = file.read_bytes()
    line, _, rest = whole.partition(b"\n")
    for place in range(0, len(line), 7):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        file.write_bytes(flipped)
        with pytest.raises(UserError, match=r"first line of .* is damaged") as caught:
            run(source, output)
        assert caught.value.code == ExitCode.DATA
    _, _, head = line.partition(b" ")
    assert json.loads(head)["settings"]["format"] == "csv"
    file.write_bytes(head + b"\n" + rest)  # as versions wrote it that knew no digest
    assert run(source, output).resumed > 0
    assert contents(output.parent) == golden
