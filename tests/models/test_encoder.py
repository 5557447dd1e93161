import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    CamembertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetModel,
    RobertaModel,
    XLMRobertaModel,
)

from models import hub
from models.classifier import Classifier
from models.console import ExitCode, UserError
from models.encoder import load_encoder, max_positions
from tests.tiny import write_encoder


def test_an_encoder_has_a_name_that_can_be_published(encoder: Path) -> None:
    loaded = load_encoder(str(encoder))
    assert loaded.name == encoder.name
    assert (loaded.hidden, max_positions(loaded.module)) == (32, 512)


def test_the_tokenizer_carries_no_truncation_or_padding_of_its_own(encoder: Path) -> None:
    document = json.loads(load_encoder(str(encoder)).tokenizer)
    assert (document["truncation"], document["padding"]) == (None, None)


def _cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _break_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def _remove_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink()


def _change_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))


def _remove_config(folder: Path) -> None:
    (folder / "config.json").unlink()


@pytest.mark.parametrize(
    "damage", [_cut_weights, _break_tokenizer, _remove_tokenizer, _change_shape, _remove_config]
)
def test_a_damaged_folder_is_no_encoder(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(write_encoder(tmp_path))
    with pytest.raises(UserError, match=r"is no encoder: expected config\.json") as caught:
        load_encoder(str(tmp_path))
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize("source", ["./nowhere", "/nowhere", "a/b/c"])
def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(source: str) -> None:
    with pytest.raises(UserError, match="no such encoder folder") as caught:
        load_encoder(source)
    assert caught.value.code == ExitCode.NO_INPUT


def test_a_mistyped_folder_is_none_of_the_hub_and_its_neighbour_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "encoders" / "bert-tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "urlopen", None)  # whoever asks the hub fails
    found = r"no such encoder folder: encoders/bert-tinny; there is encoders/bert-tiny$"
    with pytest.raises(UserError, match=found):
        load_encoder("encoders/bert-tinny")


def test_the_positions_of_roberta_and_its_kin_begin_after_the_padding_id() -> None:
    for kind in (RobertaModel, XLMRobertaModel, CamembertModel, MPNetModel):
        config = kind.config_class(
            vocab_size=8,
            hidden_size=4,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=4,
            max_position_embeddings=514,
            pad_token_id=1,
        )
        assert max_positions(kind(config)) == 512


def test_an_encoder_that_takes_no_token_types_gets_none(tmp_path: Path) -> None:
    write_encoder(tmp_path)
    config = DistilBertConfig(vocab_size=200, dim=32, n_layers=1, n_heads=4, hidden_dim=32)
    DistilBertModel(config).save_pretrained(tmp_path)
    encoder = load_encoder(str(tmp_path))
    classifier = Classifier(encoder.module, encoder.hidden, 2, "cls")
    ids = torch.ones(1, 3, dtype=torch.int64)
    assert classifier(ids, ids, ids).shape == (1, 2)
