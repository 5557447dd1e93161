from pathlib import Path

import numpy as np
import pytest

from models import tokenizer as tokenizer_module
from models.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(encoder: Path) -> Tokenizer:
    return Tokenizer((encoder / "tokenizer.json").read_text(encoding="utf-8"), max_length=8)


def test_a_text_becomes_its_characters_between_cls_and_sep(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode(["房间", ""])
    assert tokens.lengths.tolist() == [4, 2]
    assert tokens.ids[0][0] == tokens.ids[1][0]  # [CLS]
    assert tokens.ids[0][-1] == tokens.ids[1][-1]  # [SEP]


def test_a_text_at_the_limit_is_whole_and_one_over_it_is_truncated(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode(["房" * 6, "房" * 7])
    assert tokens.lengths.tolist() == [8, 8]
    assert (tokens.read < 1).tolist() == [False, True]


def test_a_batch_is_padded_on_the_right_and_masked(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode(["房间", "", "脏"])
    batch = tokens.batch(np.array([1, 0]), tokenizer.pad_id)
    assert batch["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert batch["input_ids"][0, 2:].tolist() == [tokenizer.pad_id] * 2
    assert batch["input_ids"][1].tolist() == tokens.ids[0].tolist()
    assert not batch["token_type_ids"].any()


@pytest.mark.parametrize("windows", [False, True])
def test_texts_are_read_the_same_whatever_is_read_together(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, windows: bool
) -> None:
    texts = ["房间", "很" * 20, "", "脏" * 7, "好"]
    whole = tokenizer.encode(texts, windows=windows)
    monkeypatch.setattr(tokenizer_module, "_CHUNK", 2)
    parts = tokenizer.encode(texts, windows=windows)
    assert [row.tolist() for row in parts.ids] == [row.tolist() for row in whole.ids]
    assert parts.read.tolist() == whole.read.tolist()
    owners = [None if found.owner is None else found.owner.tolist() for found in (parts, whole)]
    assert owners[0] == owners[1]


def test_a_lone_surrogate_is_read_as_the_replacement_character(tokenizer: Tokenizer) -> None:
    surrogate, replacement = tokenizer.encode(["\ud800", "\N{REPLACEMENT CHARACTER}"]).ids
    assert surrogate.tolist() == replacement.tolist()


def test_berts_tokenizer_has_token_types(tokenizer: Tokenizer) -> None:
    assert tokenizer.has_token_types


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("房间ok!", ["房", "间", "ok", "!"]),
        ("  好  脏 ", ["  好  ", "脏"]),
        ("很" * 9, ["很"] * 6),  # the tokens that are read, without [CLS] and [SEP]
        (" ", []),
        ("\ud800好", ["\ud800好"]),  # BERT's tokenizers drop what cannot be read
    ],
)
def test_pieces_are_what_is_read_cut_between_tokens_but_not_in_a_word(
    tokenizer: Tokenizer, text: str, pieces: list[str]
) -> None:
    assert tokenizer.pieces(text) == pieces


def test_json_that_is_no_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a tokenizer\.json"):
        Tokenizer("{}", max_length=8)
