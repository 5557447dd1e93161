"""Several files at once."""

import gc
import pickle
import weakref
from pathlib import Path

import pytest

from models.console.command import ExitCode, UserError
from models.predictor import Predictor
from tests.cli import Invoke, invoker
from tests.tui.batch.runs import MANIFEST, contents, fake, run, small_chunks  # noqa: F401
from tui.batch import several
from tui.batch.engine import Stopped
from tui.batch.report import Report
from tui.batch.settings import BatchSettings
from tui.batch.several import Board, Workers
from tui.batch.summary import Summary
from tui.cli import cli


@pytest.fixture
def classify(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Run the command with a model that costs nothing."""
    monkeypatch.setattr(Predictor, "open", lambda *_, **__: fake())
    invoke = invoker(cli, monkeypatch, capfd)
    return lambda *arguments: invoke("classify", *arguments)


def summary(predicted: int, resumed: int = 0, rejected: int = 0) -> Summary:
    found = Summary(MANIFEST.labels, 100)
    found.predicted, found.resumed, found.rejected = predicted, resumed, rejected
    return found


def test_one_line_tells_how_far_all_files_are(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(several.time, "monotonic", lambda: clock[0])
    board = Board([1000, 3000, 4000])
    clock[0] = 10.0
    assert board.words(0) == "0 of 3 files, 0 records, 0/s"
    board.note(0, summary(100, 50, 2))
    board.note(1, summary(50))
    # 4 of 8 kB are left, of 2 kB that were done in 10 seconds
    assert board.words(1) == "1 of 3 files, 150 records, 10/s, 0:00:27 left, 2 rejected"


def test_what_one_process_notes_another_reads(tmp_path: Path) -> None:
    path = tmp_path / "board"
    path.touch()
    board = Board([1, 1], path)
    other = pickle.loads(pickle.dumps(board))  # noqa: S301 - ours
    other.note(1, summary(7))
    board.share_out(cores=8, files=2)
    assert (board.predicted, other.ahead) == (7, 8)
    board.stop()
    with pytest.raises(Stopped):
        other.between(0, summary(1))


def test_an_error_arrives_in_another_process_as_it_was_said() -> None:
    error = UserError(ExitCode.DATA, "{path}: not {a}", path=Path("x{y}"), a="b")
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 - ours
    assert (str(found), found.code) == ("x{y}: not b", ExitCode.DATA)


@pytest.mark.usefixtures("small_chunks")
def test_a_file_among_several_has_the_bytes_of_a_run_alone(tmp_path: Path) -> None:
    source, here, there = tmp_path / "a.csv", tmp_path / "here", tmp_path / "there"
    source.write_text("text\n" + "".join(f"评价{n}\n" for n in range(60)), encoding="utf-8")
    here.mkdir()
    there.mkdir()
    run(source, here / "a.csv")
    workers = Workers(fake(), Board([source.stat().st_size]))
    workers.board.share_out(cores=4, files=1)
    report = Report(quiet=True, as_json=False, to_stdout=False)
    report.model(workers.predictor)
    _, found = workers.classify(0, BatchSettings(source, there / "a.csv"), report)
    assert found.written == workers.board.predicted == 60
    assert contents(there) == contents(here)


def test_of_a_file_that_is_told_nothing_is_held(
    classify: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        texts = [f"评价{number}，第{n}条" for n in range(20)]
        lines = ["text", *texts, *["一样"] * 5]
        (tmp_path / f"{number}.csv").write_text("\n".join(lines), encoding="utf-8")
    told: list[weakref.ref[Summary]] = []
    most: list[int] = []

    def finish(_: Report, summary: Summary, __: Path) -> None:
        assert [text for text, _, _ in summary.flood] == ["一样"]
        told.append(weakref.ref(summary))
        most.append(len(summary.texts))

    def total(_: Report, inputs: int, summary: Summary) -> None:
        assert (inputs, summary.written, summary.rejected) == (6, 150, 0)
        gc.collect()
        assert not [one for one in told if one()]

    monkeypatch.setattr(Report, "finish", finish)
    monkeypatch.setattr(Report, "total", total)
    assert classify(tmp_path, "-o", tmp_path / "out").code == ExitCode.OK
    assert max(most) < 5


def test_a_folder_that_its_outputs_go_into_is_classified_again(
    classify: Invoke, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("text\n很好\n", encoding="utf-8")
    (folder / "b.csv").write_text("text\n太差\n", encoding="utf-8")
    command = (folder, "-o", folder, "--to", "jsonl")
    assert classify(folder / "a.csv", *command[1:]).code == ExitCode.OK
    assert classify(*command).code == ExitCode.OK
    written = contents(folder)
    assert written.keys() >= {"a.jsonl", "b.jsonl"}
    again = classify(tmp_path / "." / "data", *command[1:])
    assert again.code == ExitCode.OK
    assert f"not read in {folder}, for a run wrote them there: a.jsonl, b.jsonl\n" in again.stderr
    assert again.stderr.count("nothing to do") == 2
    assert contents(folder) == written


def test_outputs_are_inputs_of_a_run_into_another_folder(classify: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n很好\n", encoding="utf-8")
    (tmp_path / "one").mkdir()
    assert classify(tmp_path / "a.csv", "-o", tmp_path / "one").code == ExitCode.OK
    both = classify(tmp_path / "one", "-o", tmp_path / "two", "--prefix", "b_")
    assert (both.code, "a run wrote" in both.stderr) == (ExitCode.OK, False)


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_wrong_use_of_one_input_spoils_only_that_one(
    classify: Invoke, tmp_path: Path, dry: list[str]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "README.txt").write_text("很好\n", encoding="utf-8")
    (folder / "a.csv").write_text("text\n很好\n", encoding="utf-8")
    (folder / "b.csv").write_text("text,产品\n太差,手机\n", encoding="utf-8")
    (folder / "c.csv").write_text("text,产品\n很好,手机\n", encoding="utf-8")
    result = classify(folder, "-o", tmp_path / "out", "--by", "产品", *dry)
    assert result.code == ExitCode.USAGE
    assert "README.txt names no format that has; say --to" in result.stderr
    assert "--by 产品: expected a column of text, or" in result.stderr
    assert "2 of the inputs were not classified" in result.stderr
    assert dry or {path.name for path in (tmp_path / "out").glob("*.csv")} == {"b.csv", "c.csv"}


@pytest.mark.parametrize("wrong", [["--review", "9"], ["--excel", "--to", "jsonl"]])
def test_what_is_wrong_with_all_inputs_is_told_once(
    classify: Invoke, tmp_path: Path, wrong: list[str]
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("text\n很好\n", encoding="utf-8")
    result = classify(tmp_path, "-o", tmp_path / "out", *wrong)
    assert (result.code, result.stderr.count("error: ")) == (ExitCode.USAGE, 1)
    assert not (tmp_path / "out").exists()
