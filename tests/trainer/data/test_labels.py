"""Labels as people write them: read as what they say, or refused with the way out."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from models.console import ExitCode, UserError
from trainer.data.dataset import Data, load_data
from trainer.data.sources import Reading

GOOD, BAD = "很好", "太差"


def write(folder: Path, name: str, *labels: str) -> None:
    """Write a split with a row for each label."""
    lines = [f"{label},{name}{number}\n" for number, label in enumerate(labels)]
    (folder / f"{name}.csv").write_text("label,text\n" + "".join(lines), encoding="utf-8")


def load(folder: Path, *wanted: str, label_map: str | None = None, skip: bool = False) -> Data:
    reading = Reading(label_map=label_map, skip_unlabelled=skip)
    return load_data([str(folder)], reading, wanted=wanted or ("train",))


def ids(data: Data, split: str = "train") -> list[int]:
    found: list[int] = data.splits[split].labels.tolist()
    return found


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("差评", "好评"),
        ("负面", "正面"),
        ("negative", "positive"),
        ("neg", "pos"),
        ("不满意", "满意"),
    ],
)
def test_words_train_negative_first_and_are_scored_on_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str, good: str
) -> None:
    write(tmp_path, "train", good, bad)
    write(tmp_path, "dev", "1", "0")
    data = load(tmp_path, "train", "dev")
    assert data.labels.names == (bad, good)
    assert ids(data) == ids(data, "dev") == [1, 0]
    assert f"dev.csv: labels 0 = {bad}, 1 = {good}" in capsys.readouterr().err


def test_0_and_1_in_a_column_of_negatives_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("是否差评,text\n0,很好\n1,太差\n", encoding="utf-8")
    reading = Reading(label_column="是否差评")
    with pytest.raises(UserError, match="--label-map '1=负向评价; 0=正向评价'"):
        load_data([str(tmp_path)], reading, wanted=("train",))
    reading = replace(reading, label_map="1=负向评价; 0=正向评价")
    assert ids(load_data([str(tmp_path)], reading, wanted=("train",))) == [1, 0]


def test_words_whose_order_nobody_knows_are_not_scored_on_numbers(tmp_path: Path) -> None:
    write(tmp_path, "train", "物流", "质量")
    write(tmp_path, "dev", "1", "0")
    with pytest.raises(UserError, match="--label-map '0=物流; 1=质量'") as caught:
        load(tmp_path, "train", "dev")
    assert caught.value.code == ExitCode.DATA
    data = load(tmp_path, "train", "dev", label_map="0=物流; 1=质量")
    assert ids(data, "dev") == [1, 0]
    named = load_data([str(tmp_path)], labels=["物流", "质量"], wanted=("dev",))
    assert ids(named, "dev") == [1, 0]


def test_numbers_train_and_words_are_scored(tmp_path: Path) -> None:
    write(tmp_path, "train", "1", "0")
    write(tmp_path, "dev", "好评", "差评")
    assert ids(load(tmp_path, "train", "dev"), "dev") == [1, 0]


def test_stars_can_be_made_two_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "train", "5", "1", "3", "4")
    assert load(tmp_path).labels.names == ("1", "3", "4", "5")
    data = load(tmp_path, label_map="1,2=差评; 4,5=好评; 3=")
    assert data.labels.names == ("差评", "好评")
    assert ids(data) == [1, 0, 1]
    assert "1 row left out by --label-map" in capsys.readouterr().err


def test_rows_without_a_label_stop_it_unless_they_are_to_be_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "train", "1.0", "", "0.0", "")
    with pytest.raises(UserError, match="2 rows without a label, the first in line 3; --skip-unl"):
        load(tmp_path)
    assert ids(load(tmp_path, skip=True)) == [1, 0]
    assert "2 rows without a label skipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            ("Negative", "negative", "positive", "Ｎegative", "negative"),
            "by case, width or spaces only: Negative × 1, negative × 2, Ｎegative × 1; "
            "--label-map 'Negative,Ｎegative=negative' makes",
        ),
        (
            ("0", "1", "差评", "好评"),
            "numbers beside words as labels: 0 × 1, 1 × 1, and 差评 × 1, 好评 × 1; "
            "--label-map '0=差评; 1=好评' says what they are",
        ),
        (("好评", "差评", "差评"), "labels with one row: 好评 × 1"),
    ],
)
def test_labels_that_look_wrong_are_said_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: tuple[str, ...], said: str
) -> None:
    write(tmp_path, "train", *labels)
    load(tmp_path)
    assert said in capsys.readouterr().err


def test_labels_that_are_joined_in_a_cell_are_refused_as_such(tmp_path: Path) -> None:
    write(tmp_path, "train", "好评", "差评", "好评#差评")
    with pytest.raises(UserError, match="several in one cell: 好评#差评; --label-map '好评#差评='"):
        load(tmp_path)
    write(tmp_path, "train", "服务#好", "服务#差", "价格#好")  # none stands alone
    assert ids(load(tmp_path)) == [1, 2, 0]


@pytest.mark.parametrize("sign", [";", "；", "，", "、", "|"])
def test_labels_in_a_list_are_refused_where_none_stands_alone(tmp_path: Path, sign: str) -> None:
    pairs = [("好评", "价格"), ("好评", "服务"), ("差评", "价格"), ("差评", "服务")]
    write(tmp_path, "train", *(f'"{sign.join(pair)}"' for pair in pairs))
    with pytest.raises(UserError, match="several in one cell: 好评") as caught:
        load(tmp_path)
    hint = re.search("--label-map '(.+=)'", str(caught.value))
    assert hint is not None
    with pytest.raises(UserError, match=r"several in one cell: 差评.服务"):
        load(tmp_path, label_map=hint[1])
    write(tmp_path, "train", "食品、饮料", "书、杂志", "食品、饮料")  # each is one name
    assert ids(load(tmp_path)) == [1, 0, 1]


@pytest.mark.parametrize("cell", ["[1, 0]", "['好评', '价格']"])
def test_a_list_that_was_written_as_a_text_is_refused(tmp_path: Path, cell: str) -> None:
    write(tmp_path, "train", "好评", f'"{cell}"')
    with pytest.raises(UserError, match="expected one label in label, found two"):
        load(tmp_path)


def test_a_label_without_a_row_in_train_is_remarked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "train", "好评", "差评", "差评")
    named = load_data([str(tmp_path)], labels=["差评", "中评", "好评"], wanted=("train",))
    assert named.remarks[-1] == "no row of train has the label 中评"
    assert "labels with one row: 好评" in named.remarks[0]
    said = capsys.readouterr().err
    assert all(remark in said for remark in named.remarks)


def test_totals_among_the_rows_are_said_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"评价{number},{number % 2}\n" for number in range(48)]
    rows[20:20] = ["小 计：,0\n", "Grand Total,1\n"]
    path = tmp_path / "all.csv"
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    load_data([str(path)], split=(0.1, 0.1))
    said = capsys.readouterr().err
    assert "a row looks like a total: 小 计：, 0; remove it" in said
    assert "a row looks like a total: Grand Total, 1; remove it" in said


def test_a_total_below_the_rows_is_said_before_the_split_fails_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"评价{number},{number % 2}\n" for number in range(48))
    path = tmp_path / "all.csv"
    path.write_text("text,label\n" + rows + "合计,48\n", encoding="utf-8")
    with pytest.raises(UserError, match="label 48"):
        load_data([str(path)], split=(0.1, 0.1))
    assert "a row looks like a total: 合计, 48; remove it" in capsys.readouterr().err
