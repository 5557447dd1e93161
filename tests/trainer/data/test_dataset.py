"""Every kind of data that can be read, and every kind that cannot, by the message a person gets."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from models.console import ExitCode, UserError
from models.labels import NEGATIVE_POSITIVE
from trainer.data.dataset import SPLITS, Data, load_data
from trainer.data.duplicates import seen_rows
from trainer.data.sources import Reading

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


def test_a_file_that_was_named_is_never_left_out(folder: Path) -> None:
    (folder / "test.tsv").rename(folder / "more.tsv")
    with pytest.raises(UserError, match=r"more\.tsv: expected a name that tells the split"):
        load_data([str(folder / name) for name in ("train.tsv", "more.tsv")], split=(0.1, 0.1))


def test_files_whose_names_tell_no_split_are_one_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, corrections = tmp_path / "mine.csv", tmp_path / "corrections.jsonl"
    rows = [f"第{number}条,{number % 2}" for number in range(40)]
    corrections.write_text('{"text": "改正", "label": "正向评价"}\n', encoding="utf-8")
    reading = Reading(label_map="0=负向评价; 1=正向评价")
    mine.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    splits = load_data([str(mine), str(corrections)], reading, split=(0.2, 0.2)).splits
    texts = [text for split in splits.values() for text in split.texts]
    assert (len(texts), texts.count("改正")) == (41, 1)
    assert "mine.csv + " in capsys.readouterr().err
    unclear = mine.rename(tmp_path / "my_train.csv")
    with pytest.raises(UserError, match="expected a name that tells the split"):
        load_data([str(unclear), str(corrections)], reading, split=(0.2, 0.2))


def test_labels_are_read_without_the_spaces_around_them(folder: Path) -> None:
    (folder / "train.tsv").write_text("label\ttext\n pos\t好\nneg \t差\n", encoding="utf-8")
    data = load_data([str(folder)], wanted=("train",))
    assert data.labels.names == ("neg", "pos")
    assert data.splits["train"].labels.tolist() == [1, 0]


def test_a_row_without_a_label_is_no_class_of_its_own(folder: Path) -> None:
    (folder / "train.tsv").write_text("label\ttext\n1\t好\n0\t差\n \t行\n", encoding="utf-8")
    with pytest.raises(UserError, match="1 row without a label, the first in line 4"):
        load_data([str(folder)], wanted=("train",))


def test_parquet_that_calls_other_bytes_a_text_is_an_error_with_its_row(tmp_path: Path) -> None:
    texts = pyarrow.array([b"\xff", "好".encode()]).cast(pyarrow.binary())
    broken = pyarrow.Array.from_buffers(pyarrow.string(), 2, texts.buffers())
    table = pyarrow.table({"text": broken, "label": [0, 1]})
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(UserError, match="row 1: expected a text in text"):
        load_data([str(tmp_path)], wanted=("train",))


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


def write_parquet(path: Path, texts: Any, labels: Any) -> Path:
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": labels}), path)
    return path


def test_a_folder_of_parquet_files_is_read(folder: Path) -> None:
    for name in SPLITS:
        (folder / f"{name}.tsv").unlink()
        write_parquet(folder / f"{name}.parquet", ["好\n的", "差"], [1, 0])
    data = load_data([str(folder)])
    assert data.labels.names == ("负向评价", "正向评价")
    assert data.splits["test"].texts == ["好\n的", "差"]
    assert data.splits["test"].labels.tolist() == [1, 0]


def test_parquet_and_other_files_may_be_mixed(folder: Path) -> None:
    dev = write_parquet(folder / "dev.parquet", ["行"], ["1"])
    data = load_data([str(folder / "train.tsv"), str(dev), str(folder / "test.tsv")])
    assert data.splits["dev"].texts == ["行"]


def test_parquet_labels_may_be_categories_as_pandas_writes_them(tmp_path: Path) -> None:
    labels = pyarrow.array(["good", "bad", "good"]).dictionary_encode()
    path = write_parquet(tmp_path / "train.parquet", ["好", "差", "行"], labels)
    data = load_data([str(path)], wanted=("train",))
    assert data.labels.names == ("bad", "good")
    assert data.splits["train"].labels.tolist() == [1, 0, 1]


LABELLED = datasets.Features(
    {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
)


def test_parquet_that_datasets_wrote_has_the_names_of_its_labels(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"text": ["好", "差"], "label": [1, 0]}, features=LABELLED)
    rows.to_parquet(tmp_path / "train.parquet")
    data = load_data([str(tmp_path)], wanted=("train",))
    assert data.labels.names == ("bad", "good")
    assert data.splits["train"].labels.tolist() == [1, 0]


def test_whole_numbers_are_the_same_labels_in_every_format(tmp_path: Path) -> None:
    rows = {"text": ["好", "差", "行"], "label": [1.0, 0.0, 1.0]}
    datasets.Dataset.from_dict(rows).to_parquet(tmp_path / "a.parquet")
    pairs = list(zip(*rows.values(), strict=True))
    lines = [f"{text},{label}" for text, label in pairs]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    objects = [json.dumps({"text": text, "label": label}) for text, label in pairs]
    (tmp_path / "a.jsonl").write_text("\n".join(objects), encoding="utf-8")
    for name in ("a.parquet", "a.csv", "a.jsonl"):
        data = load_data([str(tmp_path / name)], wanted=("train",))
        assert data.labels.names == NEGATIVE_POSITIVE
        assert data.splits["train"].labels.tolist() == [1, 0, 1]


def test_a_file_of_a_folder_that_is_for_no_split_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("train.csv", "all.csv"):
        (tmp_path / name).write_text("text,label\n好,1\n差,0\n", encoding="utf-8")
    load_data([str(tmp_path)], wanted=("train",))
    assert "all.csv is left out: its name tells no split" in capsys.readouterr().err


def test_texts_that_are_taken_for_labels_are_not_all_told(tmp_path: Path) -> None:
    rows = "".join(f"第 {number} 条,评价{number}\n" for number in range(500))
    (tmp_path / "train.csv").write_text("text,label\n" + rows, encoding="utf-8")
    (tmp_path / "dev.csv").write_text("text,label\n第 1 条,另一条\n", encoding="utf-8")
    with pytest.raises(UserError, match="label 另一条 is not in the label set") as caught:
        load_data([str(tmp_path)], wanted=("train", "dev"))
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["好", None], [1, 0], r"row 2: expected a text in text .*found None, 0"),
        (["好", "差"], [1, None], r"1 row without a label, the first in row 2; --skip-unlabelled"),
        ([b"x", b"y"], [1, 0], r"row 1: expected a text in text .*found b'x', 1"),
        ([5, 6], [1, 0], r"row 1: expected a text in text .*found 5, 1"),
        (["好", "差"], [1.0, 0.5], r"row 2: .*a label, a name or a whole number.*0\.5"),
        (["好", "差"], [1.0, math.nan], r"1 row without a label, the first in row 2"),
        (["好"], [["1", "0"]], r"row 1: expected one label in label, found two: \[\"1\", \"0\"\]"),
    ],
)
def test_a_parquet_value_that_is_none_of_ours_is_said_with_its_row(
    tmp_path: Path, texts: list[Any], labels: list[Any], message: str
) -> None:
    path = write_parquet(tmp_path / "train.parquet", texts, labels)
    with pytest.raises(UserError, match=rf"train\.parquet[,:] {message}") as caught:
        load_data([str(path)], wanted=("train",))
    assert caught.value.code == ExitCode.DATA


def test_a_label_that_datasets_left_open_is_an_error(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"text": ["好", "差"], "label": [1, -1]}, features=LABELLED)
    rows.save_to_disk(tmp_path / "saved")
    with pytest.raises(UserError, match=r"\(train\): 1 row without a label, the first in row 2"):
        load_data([str(tmp_path / "saved")], wanted=("train",))


def test_a_file_that_is_no_parquet_and_one_that_is_not_there_are_told_apart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(UserError, match=r"train\.parquet cannot be read as Parquet") as caught:
        load_data([str(path)], wanted=("train",))
    assert caught.value.code == ExitCode.DATA
    absent = tmp_path / "test.parquet"
    with pytest.raises(UserError, match=r"no such file: .*test\.parquet") as caught:
        load_data([str(absent), str(path)], wanted=("test",))
    assert caught.value.code == ExitCode.NO_INPUT


def test_a_parquet_column_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    columns = [pyarrow.array(["x"]), pyarrow.array(["y"]), pyarrow.array([1])]
    table = pyarrow.Table.from_arrays(columns, ["text", "text", "label"])
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(
        UserError, match=r"found the columns text = x \| text#2 = y \| label = 1; name yours"
    ) as caught:
        load_data([str(tmp_path)], wanted=("train",))
    assert caught.value.code == ExitCode.DATA


def test_true_and_false_are_labels(tmp_path: Path) -> None:
    lines = '{"text": "x", "label": true}\n{"text": "y", "label": false}\n'
    (tmp_path / "train.jsonl").write_text(lines)
    data = load_data([str(tmp_path)], wanted=("train",))
    assert data.labels.names == ("False", "True")
    assert data.splits["train"].labels.tolist() == [1, 0]


TENTHS = (0.1, 0.1)
REVIEWS = [(f"第 {number} 条评价", number % 2) for number in range(100)]


def write_one_file(folder: Path) -> Path:
    path = folder / "reviews.csv"
    rows = "".join(f"{label},{text}\n" for text, label in REVIEWS)
    path.write_text("label,text\n" + rows, encoding="utf-8")
    return path


def write_only_train(folder: Path) -> Path:
    write_one_file(folder).rename(folder / "train.csv")
    return folder


def write_plain_dataset(folder: Path) -> Path:
    texts, labels = zip(*REVIEWS, strict=True)
    datasets.Dataset.from_dict({"text": texts, "label": labels}).save_to_disk(folder / "plain")
    return folder / "plain"


def write_only_split(folder: Path) -> Path:
    texts, labels = zip(*REVIEWS, strict=True)
    rows = datasets.Dataset.from_dict({"text": texts, "label": labels})
    datasets.DatasetDict({"all": rows}).save_to_disk(folder / "saved")
    return folder / "saved"


ONE_SOURCE = [write_one_file, write_only_train, write_plain_dataset, write_only_split]


@pytest.mark.parametrize("write", ONE_SOURCE)
def test_one_source_is_split_and_each_kind_of_it_in_the_same_way(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    data = load_data([str(write(tmp_path))], split=TENTHS, seed=7)
    assert list(data.splits) == list(SPLITS)
    assert [len(split) for split in data.splits.values()] == [80, 10, 10]
    assert all(split.labels.mean() == 0.5 for split in data.splits.values())
    rows = {
        (text, label)
        for split in data.splits.values()
        for text, label in zip(split.texts, split.labels.tolist(), strict=True)
    }
    assert rows == set(REVIEWS)
    (tmp_path / "other").mkdir()
    same = load_data([str(write_one_file(tmp_path / "other"))], split=TENTHS, seed=7)
    assert data.fingerprint() == same.fingerprint()


@pytest.mark.parametrize("write", ONE_SOURCE)
def test_one_source_is_not_split_unasked(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    source = str(write(tmp_path))
    message = r"expected the splits train.*dev.*test.*found .*; --split-sizes 0\.1 0\.1 cuts"
    with pytest.raises(UserError, match=message) as caught:
        load_data([source])
    assert caught.value.code == ExitCode.DATA
    assert len(load_data([source], wanted=("train",)).splits["train"]) == 100


def test_another_seed_cuts_other_rows(tmp_path: Path) -> None:
    source = [str(write_one_file(tmp_path))]
    cuts = [load_data(source, split=TENTHS, seed=seed).splits["test"].texts for seed in (7, 7, 8)]
    assert cuts[0] == cuts[1] != cuts[2]


def test_what_is_cut_does_not_depend_on_what_is_wanted(tmp_path: Path) -> None:
    source = [str(write_one_file(tmp_path))]
    whole = load_data(source, split=TENTHS)
    for name in SPLITS:
        part = load_data(source, split=TENTHS, wanted=(name,))
        assert list(part.splits) == [name]
        assert part.splits[name].texts == whole.splits[name].texts


def leaks(data: Data, name: str, into: str) -> int:
    return int(seen_rows(data.splits[name].texts, data.splits[into].texts).sum())


def test_the_same_review_never_lands_in_two_splits(tmp_path: Path) -> None:
    path = tmp_path / "reviews.tsv"
    copies = [
        (f"{text}{'！' * (number % 3)}", label) for number, (text, label) in enumerate(REVIEWS)
    ]
    rows = "".join(f"{label}\t{text}\n" for text, label in REVIEWS + copies[:60])
    path.write_text("label\ttext\n" + rows, encoding="utf-8")
    data = load_data([str(path)], split=TENTHS)
    sizes = [len(split) for split in data.splits.values()]
    assert sizes == pytest.approx([128, 16, 16], abs=2)  # two copies stay together
    assert leaks(data, "train", "dev") == leaks(data, "train", "test") == 0
    assert leaks(data, "dev", "test") == 0


def test_only_the_splits_that_are_missing_are_cut(tmp_path: Path) -> None:
    write_only_train(tmp_path)
    dev = "".join(f"{label},{text}！\n" for text, label in REVIEWS[:20]) + "1,另一条\n"
    (tmp_path / "dev.csv").write_text("label,text\n" + dev, encoding="utf-8")
    data = load_data([str(tmp_path)], split=TENTHS)
    assert [len(split) for split in data.splits.values()] == [90, 21, 10]
    assert data.splits["dev"].texts[-1] == "另一条"
    assert leaks(data, "dev", "test") == 0  # what dev has already stays in train


def test_a_split_that_is_there_is_never_cut(folder: Path) -> None:
    assert (
        load_data([str(folder)], split=TENTHS).fingerprint()
        == load_data([str(folder)]).fingerprint()
    )


def test_nothing_can_be_cut_without_train(folder: Path) -> None:
    (folder / "train.tsv").unlink()
    with pytest.raises(UserError, match=r"expected the splits train.*found [^;]*$"):
        load_data([str(folder)], split=TENTHS)


def test_a_class_too_small_to_be_split_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("label,text\n" + "bad,x\nbad,y\nbad,z\ngood,u\ngood,v\n")
    with pytest.raises(UserError, match=r"different texts of label good .*found 2 in 2") as caught:
        load_data([str(path)], split=TENTHS)
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize("names", [("9 分", "10 分"), NEGATIVE_POSITIVE])
def test_labels_that_are_names_get_ids_in_natural_order_or_as_the_built_in_model_has_them(
    folder: Path, names: tuple[str, str]
) -> None:
    for name in SPLITS:
        rows = f"label,text\n{names[1]},好\n{names[0]},差\n"
        (folder / f"{name}.tsv").unlink()
        (folder / f"{name}.csv").write_text(rows, encoding="utf-8")
    data = load_data([str(folder)])
    assert data.labels.names == names
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
            "found the columns label = 1 .* body = .*--text-column",
        ),
        (
            _write("train.tsv", b"stars\ttext\n1\tx\n"),
            "found the columns stars = 1 .* text = .*--label-column",
        ),
        (
            _write("dev.tsv", b"label\ttext\n1\tx\n7\ty\n"),
            r"dev\.tsv: the labels 1, 7 may stand for .*--label-map '1=负向评价; 7=正向评价'",
        ),
        (_write("train.tsv", b"label\ttext\n1\tx\n"), "rows of two or more labels, found only 1"),
        (_write("train.tsv", b"label\ttext\n1\t\xff\xff\n"), "utf-8 fails in line 2.*--encoding"),
        (_write("dev.csv", b"label,text\n1,x\n"), "two sources for split dev"),
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
