"""What the audit counts, on data whose faults are known, and what the remedies take away."""

import json
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from models.console import ExitCode, UserError
from models.labels import LabelSet
from trainer.data.audit import audit, class_weights, drop_contradictions, drop_leaks, say_audit
from trainer.data.dataset import Data, Split
from trainer.data.duplicates import seen_rows

KNOWN = "好差房间很早餐"


def wordpiece() -> str:
    """Return a tokenizer that knows the characters of `KNOWN`, and puts [CLS] and [SEP] around."""
    unknown, *_ = words = ["[UNK]", "[CLS]", "[SEP]", *KNOWN]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return str(tokenizer.to_str())


def split(*rows: tuple[str, int]) -> Split:
    return Split([text for text, _ in rows], np.array([label for _, label in rows], dtype=np.int64))


def data(**splits: Split) -> Data:
    return Data(LabelSet(["bad", "good"]), splits)


FAULTY = data(
    train=split(
        ("房间很好", 1),
        ("房间很好", 1),  # a copy to the letter
        ("房间，很好！", 0),  # the same review, and it contradicts
        ("早餐差", 0),
        ("早餐好", 1),
        (" ", 0),
        ("😊", 1),
        ("😡", 0),  # neither has a letter, and yet they are not the same
        ("😊", 1),
    ),
    dev=split(("早餐，差", 0), ("房间差", 0)),
    test=split(("房间很差", 0), ("很好", 1), ("很好", 0), ("好" * 50, 1)),
)


@pytest.fixture(scope="module")
def audited() -> dict[str, Any]:
    return audit(FAULTY, wordpiece(), max_length=6)


def test_rows_and_classes_are_counted(audited: dict[str, Any]) -> None:
    assert [found["rows"] for found in audited.values()] == [9, 2, 4]
    assert audited["train"]["per_class"] == {"bad": 4, "good": 5}
    assert audited["dev"]["per_class"] == {"bad": 2, "good": 0}


def test_copies_are_counted_to_the_letter_and_once_normalised(audited: dict[str, Any]) -> None:
    found = audited["train"]
    assert (found["duplicates"], found["duplicates_normalised"]) == (2, 3)


def test_contradictions_are_counted_by_text_and_by_row(audited: dict[str, Any]) -> None:
    found = {
        name: (part["contradictory_texts"], part["contradictory_rows"])
        for name, part in audited.items()
    }
    assert found == {"train": (1, 3), "dev": (0, 0), "test": (1, 2)}


def test_rows_that_stand_in_train_are_counted_as_the_scores_do(audited: dict[str, Any]) -> None:
    assert [found["in_train"] for found in audited.values()] == [None, 1, 0]
    textless = data(train=split(("😊", 1), ("好", 1)), test=split(("！", 1), ("！", 0), ("差", 0)))
    counted = audit(textless, wordpiece(), 6)["test"]["in_train"]
    seen = seen_rows(textless.splits["train"].texts, textless.splits["test"].texts)
    assert counted == seen.sum() == 0


def test_without_train_nothing_can_be_in_it() -> None:
    alone = data(test=FAULTY.splits["test"])
    assert audit(alone, wordpiece(), 6)["test"]["in_train"] is None


def test_blank_texts_are_counted(audited: dict[str, Any]) -> None:
    assert [found["blank"] for found in audited.values()] == [1, 0, 0]


def test_lengths_are_of_whole_texts_and_the_max_length_says_how_many_are_cut(
    audited: dict[str, Any],
) -> None:
    found = audited["test"]  # 4, 2, 2 and 50 characters, each between [CLS] and [SEP]
    assert found["lengths"] == {"p50": 4, "p90": 52, "p95": 52, "p99": 52, "max": 52}
    assert found["cut"] == 1
    assert audited["train"]["cut"] == 1  # "房间，很好！" has 8; 6 tokens are just not cut


def test_percentiles_are_lengths_that_so_many_texts_do_not_exceed() -> None:
    lengths = split(*(("好" * number, 1) for number in range(1, 101)))
    found = audit(data(train=lengths), wordpiece(), 350)["train"]["lengths"]
    assert found == {"p50": 52, "p90": 92, "p95": 97, "p99": 101, "max": 102}


def test_many_texts_give_the_counts_of_their_chunks_together() -> None:
    many = split(*[("好", 1)] * 1500, *[("好差☃", 0)] * 1500)
    found = audit(data(train=many), wordpiece(), 4)["train"]
    assert found["lengths"] == {"p50": 3, "p90": 5, "p95": 5, "p99": 5, "max": 5}
    assert found["cut"] == 1500
    assert found["unknown"] == pytest.approx(1 / 4)


def test_unknown_tokens_are_a_share_of_those_that_are_not_special(audited: dict[str, Any]) -> None:
    assert audited["dev"]["unknown"] == pytest.approx(1 / 7)  # the comma


def unigram() -> str:
    pieces = [("好", -1.0), ("<unk>", -5.0), ("差", -1.0)]
    return str(Tokenizer(models.Unigram(pieces, unk_id=1)).to_str())


def byte_level() -> str:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return str(tokenizer.to_str())


@pytest.mark.parametrize(
    ("tokenizer", "unknown"), [(wordpiece(), 1 / 3), (unigram(), 1 / 3), (byte_level(), 0)]
)
def test_each_kind_of_tokenizer_says_what_it_calls_unknown(tokenizer: str, unknown: float) -> None:
    few = data(train=split(("好☃", 1), ("差", 0), ("", 0)))
    assert audit(few, tokenizer, 6)["train"]["unknown"] == pytest.approx(unknown)


def test_an_audit_can_be_saved(audited: dict[str, Any]) -> None:
    assert json.loads(json.dumps(audited)) == audited


def test_the_table_has_a_column_per_split(
    audited: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    say_audit(audited, 6)
    header, rows, *others = capsys.readouterr().err.splitlines()
    assert header.split() == ["train", "dev", "test"]
    assert rows.split() == ["rows", "9", "2", "4"]
    (leaks,) = [line for line in others if line.startswith("also in train")]
    assert leaks.split()[3:] == ["-", "1", "(50.0%)", "0", "(0.0%)"]


def test_the_table_of_many_classes_stays_short(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"class {number}" for number in range(100)]
    many = Data(LabelSet(names), {"train": split(*((name, i) for i, name in enumerate(names)))})
    say_audit(audit(many, wordpiece(), 6), 6)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 20
    assert any(line.strip() == "…" for line in lines)


def test_a_label_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = Data(LabelSet(["\x1b[2J", "good"]), {"train": split(("好", 1), ("差", 0))})
    say_audit(audit(hostile, wordpiece(), 6), 6)
    said = capsys.readouterr().err
    assert "[2J" in said
    assert "\x1b" not in said


def test_contradictions_are_dropped_from_train_with_all_their_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mended = drop_contradictions(FAULTY)
    assert "3 rows of train with contradictory labels dropped" in capsys.readouterr().err
    assert mended.splits["train"].texts == ["早餐差", "早餐好", " ", "😊", "😡", "😊"]
    assert mended.splits["train"].labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert mended.splits["test"] is FAULTY.splits["test"]
    assert len(drop_contradictions(mended).splits["train"]) == 6
    assert len(FAULTY.splits["train"]) == 9


def test_leaks_are_dropped_from_train_and_dev_and_test_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mended = drop_leaks(FAULTY)
    assert "1 row of train that stood in dev or test dropped" in capsys.readouterr().err
    assert "早餐差" not in mended.splits["train"].texts
    assert mended.splits["dev"] is FAULTY.splits["dev"]
    for name in ("dev", "test"):
        assert not seen_rows(mended.splits["train"].texts, mended.splits[name].texts).any()


def test_a_remedy_that_would_leave_a_label_without_rows_is_an_error() -> None:
    contradictory = data(train=split(("好", 1), ("好", 0), ("差", 0)), dev=split(("好", 1)))
    for remedy, rows in ((drop_contradictions, 2), (drop_leaks, 2)):
        with pytest.raises(UserError, match=f"dropping {rows} rows .* none of label good") as no:
            remedy(contradictory)
        assert no.value.code == ExitCode.DATA


def test_weights_make_each_class_count_the_same() -> None:
    weights = class_weights(data(train=split(("a", 0), ("b", 0), ("c", 0), ("d", 1))))
    assert weights.tolist() == pytest.approx([2 / 3, 2])  # a mean of 1 over the four rows


def test_a_class_without_rows_has_no_weight() -> None:
    with pytest.raises(UserError, match=r"--class-weights: .* none of label good") as no:
        class_weights(data(train=split(("a", 0))))
    assert no.value.code == ExitCode.DATA
