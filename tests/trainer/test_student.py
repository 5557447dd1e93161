"""A smaller encoder: some of the layers, the pieces that are used."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer as RustTokenizer
from tokenizers import models as tokenizer_models
from tokenizers import pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from models.classifier import Classifier
from models.console import ExitCode, UserError
from models.encoder import Encoder, load_encoder
from models.run_directory import load_classifier, read_json, read_run
from models.tokenizer import Tokenizer
from tests.tiny import REVIEWS, write_encoder
from trainer.features import encode_all
from trainer.settings import TrainingSettings
from trainer.student import keep_layers, prune_vocabulary
from trainer.training import train

TEXTS = [text for text, _ in REVIEWS]


def load(folder: Path, layers: int = 4) -> Encoder:
    return load_encoder(str(write_encoder(folder, layers=layers)))


def test_the_layers_that_are_kept_are_those_of_the_encoder(tmp_path: Path) -> None:
    encoder = load(tmp_path)
    before = [layer.output.dense.weight.clone() for layer in encoder.module.encoder.layer]
    keep_layers(encoder, (0, 3))
    after = [layer.output.dense.weight for layer in encoder.module.encoder.layer]
    assert len(after) == 2
    assert torch.equal(after[0], before[0])
    assert torch.equal(after[1], before[3])
    encoder.save(tmp_path / "cut")
    again = load_encoder(str(tmp_path / "cut"))
    assert again.digest() == encoder.digest()


@pytest.mark.parametrize("layers", [(0, 4), (2, 1), (1, 1)])
def test_layers_that_are_not_there_or_do_not_ascend_are_an_error(
    tmp_path: Path, layers: tuple[int, ...]
) -> None:
    with pytest.raises(UserError, match=r"--layers .* ascending numbers from 0 to 3") as caught:
        keep_layers(load(tmp_path), layers)
    assert caught.value.code == ExitCode.USAGE


def answers(encoder: Encoder, texts: list[str]) -> torch.Tensor:
    torch.manual_seed(0)
    classifier = Classifier(encoder.module, encoder.hidden, 2, "mean").eval()
    return encode_all(classifier, Tokenizer(encoder.tokenizer, 350), texts, title="")


def test_a_pruned_encoder_answers_as_before_on_the_texts_it_was_pruned_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = load(tmp_path)
    texts = [*TEXTS, "一个ab12句子", "完全不认识的字"]
    before = answers(encoder, texts)
    pruned = prune_vocabulary(encoder, texts, TEXTS[:3])
    # the subwords ##a … ##z are single, so nothing else can go here
    said = "100.0% of the texts of dev and test become the same pieces, +0.00% pieces in all"
    assert said in capsys.readouterr().err
    assert torch.equal(answers(pruned, texts), before)
    pruned.save(tmp_path / "pruned")
    again = load_encoder(str(tmp_path / "pruned"))
    assert again.digest() == pruned.digest()
    assert torch.equal(answers(again, texts), before)


def unigram(folder: Path) -> Encoder:
    """An encoder with a SentencePiece-like tokenizer, special tokens in the middle of the ids."""
    characters = sorted({*"".join(TEXTS)})
    words = [text[:2] for text in TEXTS] + ["unused", "alsounused"]
    scored = [("<pad>", 0.0), *((c, -5.0) for c in characters), ("<unk>", 0.0), ("<s>", 0.0)]
    scored += [("</s>", 0.0), *((word, -4.0) for word in dict.fromkeys(words))]
    unknown = len(characters) + 1
    raw = RustTokenizer(tokenizer_models.Unigram(scored, unk_id=unknown, byte_fallback=False))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.add_special_tokens(["<pad>", "<unk>", "<s>", "</s>"])
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", unknown + 1), ("</s>", unknown + 2)]
    )
    write_encoder(folder, layers=1)
    special = {"pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=512, **special).save_pretrained(
        folder
    )
    for name in ("vocab.txt", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    encoder = load_encoder(str(folder))
    encoder.module.resize_token_embeddings(len(scored))
    return encoder


def test_of_a_unigram_vocabulary_the_unused_pieces_go_and_all_ids_follow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = unigram(tmp_path)
    before, whole = answers(encoder, TEXTS), encoder.module.config.vocab_size
    pruned = prune_vocabulary(encoder, TEXTS, [*TEXTS, "unused"])
    pieces = {piece for piece, _ in json.loads(pruned.tokenizer)["model"]["vocab"]}
    assert not pieces & {"unused", "alsounused"}
    assert pieces >= {*"".join(TEXTS)}, "every single character stays"
    same = len(TEXTS) / (len(TEXTS) + 1)
    assert f"{len(pieces)} of {whole} pieces; {same:.1%} of the texts" in capsys.readouterr().err
    assert pruned.module.get_input_embeddings().num_embeddings == len(pieces)
    assert torch.equal(answers(pruned, TEXTS), before)


def test_a_tokenizer_of_another_kind_is_named(tmp_path: Path) -> None:
    encoder = load(tmp_path)
    other = RustTokenizer(tokenizer_models.BPE({"a": 0}, []))
    with pytest.raises(UserError, match=r"expected a WordPiece or Unigram tokenizer, .* has BPE"):
        prune_vocabulary(encoder.with_tokenizer(other.to_str()), TEXTS, TEXTS)


def test_a_run_of_a_cut_encoder_carries_it_even_if_only_the_head_was_trained(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    output = tmp_path / "cut"
    train(
        TrainingSettings(
            encoder=str(encoder),
            data=(str(reviews),),
            output=output,
            layers=(1,),
            prune_vocab=True,
            head_epochs=2,
        )
    )
    run = read_run(output)
    classifier, _ = load_classifier(output, run)
    assert len(classifier.encoder.encoder.layer) == 1
    assert read_json(output / "run.json")["settings"]["layers"] == [1]
    card = (output / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "cut to its layers 1, its vocabulary pruned, frozen" in card
