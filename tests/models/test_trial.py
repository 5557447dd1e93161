"""An encoder that no file can be made of is refused by name, before it is trained."""

from pathlib import Path

import pytest

from models import trial, vetting
from models.classifier import Classifier
from models.console import UserError
from models.encoder import load_encoder
from tests.architectures import LONGEST, write_architecture
from trainer.settings import TrainingSettings
from trainer.training import train


def check(folder: Path) -> None:
    encoder = load_encoder(str(folder))
    classifier = Classifier(encoder.module, encoder.hidden, 2, "cls").eval()
    trial.check_encoder(classifier, encoder, LONGEST)


def test_an_encoder_that_no_file_holds_is_refused(
    encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "MAX_BYTES", 10_000)
    with pytest.raises(UserError, match=r"BertModel cannot be exported: .* GB of weights"):
        check(encoder)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bart", "a BartModel cannot be exported: optimum knows no such encoder"),
        ("convbert", "a ConvBertModel cannot be exported: its answers depend on the padding"),
        ("nystromformer", "a NystromformerModel cannot be exported: shape"),
        ("qwen2", "a Qwen2Model cannot be exported: optimum knows no such encoder"),
    ],
)
def test_it_is_refused_before_the_training(
    reviews: Path, tmp_path: Path, kind: str, reason: str
) -> None:
    folder = write_architecture(tmp_path / kind, kind, head=False)
    output = tmp_path / "runs" / "x"
    given = {"encoder": str(folder), "data": (str(reviews),), "max_length": LONGEST}
    with pytest.raises(UserError, match=reason):
        train(TrainingSettings(**given, output=output))
    assert not output.parent.exists()


def test_an_encoder_without_positions_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    folder = write_architecture(tmp_path, "xlnet", head=False)
    with pytest.raises(UserError, match="is a XLNetModel: expected a BERT-like encoder, which has"):
        load_encoder(str(folder))


@pytest.mark.parametrize("kind", ["deberta-v2", "mobilebert", "squeezebert"])
def test_what_can_be_exported_is_taken(tmp_path: Path, kind: str) -> None:
    check(write_architecture(tmp_path, kind, head=False))


def test_operators_that_the_app_does_not_open_are_told(
    encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_tried", {})
    monkeypatch.setitem(vetting.OPERATORS, "", vetting.OPERATORS[""] - {"Softmax"})
    with pytest.raises(UserError, match="cannot be exported: it uses the operator :Softmax"):
        check(encoder)
    monkeypatch.setattr(trial, "_tried", {})
    monkeypatch.setattr(trial, "find_spec", lambda _name: None)  # a machine without the export
    check(encoder)
