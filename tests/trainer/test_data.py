"""Every kind of data that can be read, and every kind that cannot, by the message a person gets."""

from collections.abc import Callable
from pathlib import Path

import datasets
import pytest

from models.command import ExitCode, UserError
from trainer.data import SPLITS, load_data

ROWS = {
    "train": "label\ttext\n1\t好\n0\t差\n",
    "dev": "label\ttext\n1\t行\n",
    "test": "label\ttext\n0\t坏\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in ROWS.items():
        (tmp_path / f"{name}.tsv").write_text(content, encoding="utf-8")
    return tmp_path


def test_a_folder_of_files_is_read_by_their_names(folder: Path) -> None:
    data = load_data([str(folder)])
    assert data.labels.names == ("负向评价", "正向评价")
    assert data.splits["train"].texts == ["好", "差"]
    assert data.splits["train"].labels.tolist() == [1, 0]
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 2,
        "dev": 1,
        "test": 1,
    }


def test_files_may_be_named_one_by_one(folder: Path) -> None:
    (folder / "dev.tsv").rename(folder / "validation.tsv")
    paths = [str(folder / name) for name in ("test.tsv", "train.tsv", "validation.tsv")]
    assert load_data(paths).splits["dev"].texts == ["行"]


def test_a_saved_dataset_is_read_with_the_names_of_its_labels(tmp_path: Path) -> None:
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    rows = datasets.Dataset.from_dict({"text": ["好", "差"], "label": [1, 0]}, features=features)
    whole = datasets.DatasetDict({"train": rows, "validation": rows, "test": rows})
    whole.save_to_disk(tmp_path / "saved")
    data = load_data([str(tmp_path / "saved")])
    assert data.labels.names == ("bad", "good")
    assert data.splits["dev"].labels.tolist() == [1, 0]


def test_labels_that_are_names_get_ids_in_natural_order(folder: Path) -> None:
    for name in SPLITS:
        rows = "label,text\n10 分,好\n9 分,行\n"
        (folder / f"{name}.tsv").unlink()
        (folder / f"{name}.csv").write_text(rows, encoding="utf-8")
    data = load_data([str(folder)])
    assert data.labels.names == ("9 分", "10 分")
    assert data.splits["test"].labels.tolist() == [1, 0]


def test_labels_may_be_named_by_hand_and_only_wanted_splits_need_be_there(folder: Path) -> None:
    (folder / "train.tsv").unlink()
    data = load_data([str(folder)], labels=["坏", "好"], wanted=("test",))
    assert data.labels.names == ("坏", "好")
    assert list(data.splits) == ["test"]


def test_the_fingerprint_changes_with_any_row(folder: Path) -> None:
    before = load_data([str(folder)]).fingerprint()
    assert load_data([str(folder)]).fingerprint() == before
    (folder / "test.tsv").write_text("label\ttext\n1\t坏\n", encoding="utf-8")
    assert load_data([str(folder)]).fingerprint() != before


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop("dev.tsv"), r"expected the splits train.*dev.*found .*test\.tsv"),
        (_drop("test.tsv"), r"expected the splits train.*test.*found"),
        (_write("dev.tsv", b""), r"dev\.tsv is empty"),
        (_write("dev.tsv", b"label\ttext\n"), r"dev\.tsv has no rows in split dev"),
        (
            _write("train.tsv", b"label\tbody\n1\tx\n"),
            "found the columns label, body.*--text-column",
        ),
        (
            _write("train.tsv", b"stars\ttext\n1\tx\n"),
            "found the columns stars, text.*--label-column",
        ),
        (
            _write("dev.tsv", b"label\ttext\n1\tx\n7\ty\n"),
            r"dev\.tsv, row 2: label 7 is not in .*--labels",
        ),
        (_write("train.tsv", b"label\ttext\n1\tx\n"), "expected two or more labels, found 1"),
        (_write("train.tsv", b"label\ttext\n1\t\xff\xff\n"), "utf-8 fails at byte 13.*--encoding"),
        (_write("dev.csv", b"label,text\n1,x\n"), "two files for split dev"),
    ],
)
def test_data_that_cannot_be_used_is_said_with_the_place_and_the_remedy(
    folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder)
    with pytest.raises(UserError, match=message) as caught:
        load_data([str(folder)])
    assert caught.value.code == ExitCode.DATA


def test_a_json_text_that_is_no_string_is_refused(tmp_path: Path) -> None:
    for name in SPLITS:
        (tmp_path / f"{name}.jsonl").write_text('{"text": 5, "label": 1}\n')
    with pytest.raises(UserError, match=r"train\.jsonl, line 1: expected a text in text"):
        load_data([str(tmp_path)])


@pytest.mark.parametrize("source", ["./nowhere", "/nowhere/at/all", "nowhere.csv"])
def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(source: str) -> None:
    with pytest.raises(UserError, match="no such file or folder") as caught:
        load_data([source])
    assert caught.value.code == ExitCode.NO_INPUT
