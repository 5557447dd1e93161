"""Traditional characters that are read as simplified ones."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from export.pipeline import ExportSettings, export
from models.encoder import load_encoder
from models.predictor import Predictor
from models.tokenizer import Tokenizer
from tests.tiny import REVIEWS, write_encoder, write_reviews
from tests.trainer.test_student import unigram
from trainer.settings import TrainingSettings
from trainer.student import prune_vocabulary
from trainer.traditional import charsmap, simplified
from trainer.training import train

# of one to four bytes, and of neighbouring ones, so that the trie branches everywhere
characters = st.one_of(
    st.characters(codec="utf-8", exclude_characters="\0"), st.sampled_from("東束来")
)


@given(st.dictionaries(characters, st.text(characters, max_size=3), min_size=1), st.text("東束来a"))
def test_a_map_of_characters_is_read_by_the_library_as_it_was_meant(
    replaced: dict[str, str], text: str
) -> None:
    normalizer = normalizers.Precompiled(charsmap(replaced))
    for character in {*replaced, *text}:
        assert normalizer.normalize_str(character) == replaced.get(character, character)
    assert normalizer.normalize_str(text) == "".join(replaced.get(c, c) for c in text)


@pytest.mark.parametrize("kind", ["WordPiece", "Unigram"])
def test_traditional_characters_become_the_pieces_of_simplified_ones(
    tmp_path: Path, kind: str
) -> None:
    encoder = (
        load_encoder(str(write_encoder(tmp_path))) if kind == "WordPiece" else unigram(tmp_path)
    )
    assert json.loads(encoder.tokenizer)["model"]["type"] == kind
    plain = Tokenizer(encoder.tokenizer, 64)
    reading = Tokenizer(simplified(encoder.tokenizer), 64)
    for ours, theirs in (("房间很脏，床单上有头发", "房間很髒，床單上有頭髮"), ("好 A1", "好 A1")):
        known = plain.encode([ours]).ids[0].tolist()
        assert reading.encode([ours]).ids[0].tolist() == known
        assert reading.encode([theirs]).ids[0].tolist() == known
        assert "".join(reading.pieces(theirs)) == theirs


def test_a_pruned_vocabulary_has_no_characters_that_are_never_read(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path, more="間髒")
    encoder = load_encoder(str(folder))
    texts = [text for text, _ in REVIEWS]
    whole = json.loads(prune_vocabulary(encoder, texts, texts).tokenizer)["model"]["vocab"]
    assert {"間", "髒"} <= set(whole)
    encoder = load_encoder(str(folder))
    encoder = encoder.with_tokenizer(simplified(encoder.tokenizer))
    cut = json.loads(prune_vocabulary(encoder, texts, texts).tokenizer)["model"]["vocab"]
    assert set(whole) - set(cut) == {"間", "髒"}


def test_a_model_that_was_trained_so_answers_both_alike(tmp_path: Path) -> None:
    data = write_reviews(tmp_path / "data")
    run = tmp_path / "runs/a"
    encoder = str(write_encoder(tmp_path / "encoder"))
    train(
        TrainingSettings(
            data=(str(data),), encoder=encoder, output=run, simplify=True, head_epochs=2
        )
    )
    assert "traditional characters read as simplified" in (run / "MODEL_CARD.md").read_text()
    export(ExportSettings(run, tmp_path / "a.onnx"))
    answers = Predictor.open(tmp_path / "a.onnx").predict(["房间很脏", "房間很髒", "房间很好"])
    assert answers.probabilities[0].tolist() == answers.probabilities[1].tolist()
    assert answers.probabilities[0].tolist() != answers.probabilities[2].tolist()
