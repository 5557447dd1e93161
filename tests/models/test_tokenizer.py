from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import tokenizer as tokenizer_module
from models.locations import BUILTIN
from models.predictor import Predictor
from models.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(encoder: Path) -> Tokenizer:
    return Tokenizer((encoder / "tokenizer.json").read_text(encoding="utf-8"), max_length=8)


@pytest.fixture(scope="module")
def builtin() -> Tokenizer:
    return Tokenizer(Predictor.open(BUILTIN, device="cpu").manifest.tokenizer, max_length=16)


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


@st.composite
def odd_texts(draw: st.DrawFn) -> str:
    atoms = ["房", "很", "a", "ab ", " ", "\n", "\u200b", "\u0301", "，", "1", "\ud800", "𠮷", "ß"]
    runs = st.tuples(st.sampled_from(atoms), st.sampled_from([1, 7, 150, 900]))
    return "".join(atom * count for atom, count in draw(st.lists(runs, max_size=6)))


@pytest.mark.parametrize("name", ["bert", "builtin"])
@given(texts=st.lists(odd_texts(), max_size=3))
def test_the_beginning_of_a_long_text_is_read_as_if_it_were_encoded_whole(
    tokenizer: Tokenizer, builtin: Tokenizer, name: str, texts: list[str]
) -> None:
    chosen = tokenizer if name == "bert" else builtin
    whole = chosen.encode(texts)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(tokenizer_module, "_PIECE", 256)
        cut = chosen.encode(texts)
        pieces = [chosen.pieces(text) for text in texts]
    assert [row.tolist() for row in cut.ids] == [row.tolist() for row in whole.ids]
    assert pieces == [chosen.pieces(text) for text in texts]
    assert (cut.read < 1).tolist() == (whole.read < 1).tolist()


@pytest.mark.parametrize("text", ["很" * 2000, "很，" * 1000, "ok " * 700, " " * 2000, "a" * 2000])
def test_the_share_that_was_read_of_a_long_text_is_that_of_all_its_tokens(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    whole = tokenizer.encode([text, "好"]).read.tolist()
    monkeypatch.setattr(tokenizer_module, "_PIECE", 256)
    assert tokenizer.encode([text, "好"]).read.tolist() == whole


def test_windows_of_a_long_text_cover_all_of_it(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "房间很脏好" * 240
    monkeypatch.setattr(tokenizer_module, "_PIECE", 256)
    tokens = tokenizer.encode(["好", text, " " * 2000], windows=True)
    assert tokens.read.tolist() == [1, 1, 1]
    assert tokens.owner is not None
    assert np.bincount(tokens.owner).tolist() == [1, len(tokens.ids) - 2, 1]
    fresh = 6 - 8 // 4  # tokens of a window that are in no window before it
    assert len(tokens.ids) - 2 >= len(text) / fresh
    assert len({tuple(row[1:3]) for row in tokens.ids[1:-1]}) == 5  # they begin at each character


def test_no_more_of_the_texts_than_asked_for_is_encoded_at_once(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(rust, name)

        def encode_batch_fast(self, texts: list[str]) -> object:
            encoded.append(sum(map(len, texts)))
            return rust.encode_batch_fast(texts)

    rust = tokenizer._rust
    monkeypatch.setattr(tokenizer, "_rust", Counting())
    monkeypatch.setattr(tokenizer_module, "_PIECE", 100)
    for windows in (False, True):
        tokenizer.encode(["很，" * 5000, *["好" * 60] * 9], windows=windows)
    assert max(encoded) <= 300  # what the text begins with, and twice as much
    assert sum(encoded) > 2 * 10_000
    monkeypatch.setattr(tokenizer_module, "_LONGEST_HEAD", 1000)
    cut = tokenizer.encode(["很" * 20_000, " " * 20_000, "很" * 7 + " " * 10_000])
    assert max(encoded) <= 3 * 1000
    assert cut.lengths.tolist() == [8, 2, 8]
    assert (cut.read < 1).tolist() == [True, False, True]


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


def test_threads_that_encode_at_once_do_not_disturb_each_other(tokenizer: Tokenizer) -> None:
    texts = ["很好" * 20] * 9
    with ThreadPoolExecutor(8) as pool:
        for windows, rows in ((False, 9), (True, 90)):
            encode = partial(tokenizer.encode, texts, windows=windows)
            encoded = [pool.submit(encode) for _ in range(24)]
            assert {len(tokens.result().ids) for tokens in encoded} == {rows}
