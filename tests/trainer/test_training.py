import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig

from models.classifier import Classifier
from models.console import ExitCode, UserError
from models.encoder import load_encoder
from models.run_directory import load_classifier, new_run, read_rows, read_run
from tests.tiny import REVIEWS, split_reviews
from trainer.data.sources import Reading
from trainer.evaluate import evaluate_run
from trainer.report.card import model_card
from trainer.settings import TrainingSettings
from trainer.training import effective, train


def settings(encoder: Path, reviews: Path, output: Path, **options: Any) -> TrainingSettings:
    return TrainingSettings(encoder=str(encoder), data=(str(reviews),), output=output, **options)


def test_a_run_holds_all_that_export_needs(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "run.json",
        "head.safetensors",
        "tokenizer.json",
        "metrics.json",
        "audit.json",
        "dev.jsonl",
        "test.jsonl",
        "train.jsonl",
        "suspects.csv",
        "MODEL_CARD.md",
        "learning-curve.png",
        "confusion.png",
        "reliability.png",
        "coverage.png",
    }
    head = load_file(run / "head.safetensors")
    assert {name: list(weights.shape) for name, weights in head.items()} == {
        "weight": [2, 32],
        "bias": [2],
    }
    assert (run.parent / "latest").resolve() == run


def test_nothing_of_the_encoder_trains(run: Path, encoder: Path) -> None:
    # The digest in the run is of the weights after training.
    assert read_run(run).encoder_digest == load_encoder(str(encoder)).digest()


def test_the_digest_sees_a_single_bit() -> None:
    from models.encoder import Encoder

    module = torch.nn.Linear(2, 2)
    module.config = BertConfig()
    encoder = Encoder(module, "{}", "x", None)
    before = encoder.digest()
    with torch.no_grad():
        module.weight.view(torch.int32)[0, 0] ^= 1
    assert encoder.digest() != before


def test_the_encoder_reads_each_text_once_however_many_epochs(
    encoder: Path, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    hidden_states = Classifier.hidden_states

    def count(self: Classifier, input_ids: Tensor, *rest: Any, **named: Any) -> Tensor:
        rows.append(len(input_ids))
        return hidden_states(self, input_ids, *rest, **named)

    monkeypatch.setattr(Classifier, "hidden_states", count)
    monkeypatch.setattr("trainer.loading.check_encoder", lambda *_: None)  # which reads a few
    train(settings(encoder, reviews, tmp_path / "x", head_epochs=30))
    assert sum(rows) == len({text for split in split_reviews().values() for text, _ in split})


def test_the_metrics_are_those_of_the_saved_probabilities(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    rows = read_rows(run / "test.jsonl")
    right = sum(row.probabilities.index(max(row.probabilities)) == row.label for row in rows)
    assert metrics["test"]["rows"] == len(rows)
    assert metrics["test"]["accuracy"] == round(right / len(rows), 4)


def test_evaluating_a_run_gives_the_score_it_recorded(run: Path, reviews: Path) -> None:
    recorded = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"]
    scores = evaluate_run(run, (str(reviews),), "test")
    assert scores["confusion"] == recorded["confusion"]


def test_evaluating_without_data_reads_that_of_the_training_as_it_was_read(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    rows = (reviews / "train.tsv").read_text(encoding="utf-8").splitlines()[1:]
    lines = [f"{text},{label},nothing" for label, text in (row.split("\t") for row in rows)]
    table.write_text("\n".join(["评语,label,text", *lines, ""]), encoding="utf-8")
    train(
        TrainingSettings(
            encoder=str(encoder),
            data=(str(table),),
            text_column="评语",
            split_sizes=(0.2, 0.2),
            output=tmp_path / "a",
        )
    )
    recorded = json.loads((tmp_path / "a/metrics.json").read_text(encoding="utf-8"))["test"]
    for data in ((), (str(table),)):
        assert evaluate_run(tmp_path / "a", data, "test")["confusion"] == recorded["confusion"]
    other = table.rename(tmp_path / "other.csv")  # another table is the split, and all of it
    scores = evaluate_run(tmp_path / "a", (str(other),), "test", Reading(text_column="评语"))
    assert scores["rows"] == len(rows)


def test_the_same_seed_gives_the_same_run(encoder: Path, reviews: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(settings(encoder, reviews, tmp_path / name))
    first, again = tmp_path / "a", tmp_path / "b"
    assert (first / "head.safetensors").read_bytes() == (again / "head.safetensors").read_bytes()
    assert (first / "metrics.json").read_bytes() == (again / "metrics.json").read_bytes()


def test_the_card_says_what_the_run_measured(run: Path) -> None:
    card = (run / "MODEL_CARD.md").read_text(encoding="utf-8")
    accuracy = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"]["accuracy"]
    assert f"{accuracy:.2%}" in card
    assert read_run(run).data_fingerprint in card
    assert str(run.parent) not in card


def test_the_card_says_a_setting_of_zero_and_not_what_was_not_chosen(run: Path) -> None:
    known = read_run(run)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    del metrics["history"]
    settings = known.settings | {"seed": 0, "drop_leaks": False, "layers": None}
    card = model_card("a", replace(known, settings=settings), metrics)
    assert "| seed | 0 |" in card
    assert "drop leaks" not in card and "| layers |" not in card


def test_what_a_killed_training_left_does_not_stop_the_next(tmp_path: Path) -> None:
    (tmp_path / f".a.{os.getpid()}").mkdir()
    (tmp_path / f".latest.{os.getpid()}").symlink_to("nothing")
    with new_run(tmp_path / "a") as folder:
        (folder / "run.json").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "latest"]


def test_a_run_is_not_overwritten_unless_told_and_only_a_run_is(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.doc").touch()
    for force in (False, True):
        with pytest.raises(UserError, match="exists") as caught:
            train(settings(encoder, reviews, tmp_path / "x", force=force))
        assert caught.value.code == ExitCode.CANNOT_CREATE
    assert (tmp_path / "x" / "thesis.doc").exists()
    train(settings(encoder, reviews, tmp_path / "y", head_epochs=1))
    train(settings(encoder, reviews, tmp_path / "y", head_epochs=2, force=True))
    assert read_run(tmp_path / "y").settings["head_epochs"] == 2


def test_a_training_that_fails_leaves_nothing(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        train(settings(encoder, tmp_path / "no data", tmp_path / "runs" / "x"))
    assert not (tmp_path / "runs").exists()


def test_a_max_length_over_what_the_encoder_reads_is_refused(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        UserError, match=r"--max-length 513 is more than the app and .* read: 512"
    ) as caught:
        train(settings(encoder, reviews, tmp_path / "x", max_length=513))
    assert caught.value.code == ExitCode.USAGE


def test_labels_that_the_app_would_not_open_are_refused_before_the_training(
    encoder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "train.csv"
    rows = [f"第{number}条,{('Good', 'bad', 'good')[number % 3]}" for number in range(30)]
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    with pytest.raises(UserError, match="'Good' and 'good' look the same; --label-map") as caught:
        train(settings(encoder, data, tmp_path / "x", split_sizes=(0.1, 0.1)))
    assert caught.value.code == ExitCode.DATA


def test_a_split_that_is_cut_otherwise_by_now_is_not_scored(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.tsv"
    shutil.copy(reviews / "train.tsv", data)
    train(settings(encoder, data, tmp_path / "x", split_sizes=(0.2, 0.2), head_epochs=1))
    with data.open("a", encoding="utf-8") as file:
        file.writelines(f"{number % 2}\t新的一条{number}\n" for number in range(9))
    with pytest.raises(UserError, match=r"test of .*data\.tsv is not what it was in the training"):
        evaluate_run(tmp_path / "x", (), "test")


def test_an_option_that_is_idle_is_as_by_default() -> None:
    given = TrainingSettings(train="head", epochs=9, unlabelled=(Path("x"),), tensorboard=True)
    assert effective(given).choices() == TrainingSettings(output=given.output).choices()
    assert (effective(given).unlabelled, effective(given).tensorboard) == ((), False)


def test_a_folder_that_is_no_encoder_is_refused(reviews: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"is no encoder: expected config\.json") as caught:
        train(settings(tmp_path / "empty", reviews, tmp_path / "x"))
    assert caught.value.code == ExitCode.DATA


def test_an_encoder_that_lacks_weights_is_refused(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    config = json.loads((encoder / "config.json").read_text())
    for path in encoder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(UserError, match=r"lacks 16 weights that its config\.json asks for"):
        train(settings(tmp_path, reviews, tmp_path / "x"))


@pytest.fixture(scope="module")
def more_heads(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights and tokenizer, read with eight heads instead of four."""
    folder = tmp_path_factory.mktemp("heads") / "encoder"
    shutil.copytree(encoder, folder)
    change(folder / "config.json", num_attention_heads=8)
    return folder


def change(path: Path, **fields: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | fields), encoding="utf-8")


def test_an_encoder_is_another_by_its_configuration_alone(
    run: Path, encoder: Path, more_heads: Path
) -> None:
    first, other = load_encoder(str(encoder)), load_encoder(str(more_heads))
    assert first.digests()[1] == other.digests()[1]
    assert first.digest() != other.digest()
    with pytest.raises(UserError, match=r"its weights, tokenizer or config\.json differ"):
        load_classifier(run, read_run(run), str(more_heads))


def test_what_changes_no_answer_makes_no_other_encoder(encoder: Path, tmp_path: Path) -> None:
    shutil.copytree(encoder, tmp_path / "a")
    change(tmp_path / "a/config.json", transformers_version="9", architectures=["X"], dtype=None)
    assert load_encoder(str(tmp_path / "a")).digest() == load_encoder(str(encoder)).digest()


def test_a_run_of_before_the_configuration_counted_is_held_against_its_answers(
    run: Path, encoder: Path, more_heads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old"
    shutil.copytree(run, old)
    change(old / "run.json", encoder_digest=load_encoder(str(encoder)).digests()[1])
    load_classifier(old, read_run(old))
    assert "has no digest of config.json: its answers are compared" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"does not answer as when it was trained") as caught:
        load_classifier(old, read_run(old), str(more_heads))
    assert caught.value.code == ExitCode.DATA


def test_encoders_of_two_configurations_share_no_features(
    more_heads: Path, encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    for name, folder in (("a", encoder), ("b", more_heads)):
        train(settings(folder, reviews, tmp_path / name, head_epochs=1))
    files = [path.name for path in (tmp_path / ".features").glob("*.npy")]
    assert len(files) == 2 * 3 * 2  # encoders, splits, poolings


def test_a_run_does_not_load_with_another_encoder(run: Path, tmp_path: Path) -> None:
    from tests.tiny import write_encoder

    other = write_encoder(tmp_path / "other", seed=1)
    with pytest.raises(UserError, match=r"is not the encoder that .* was trained on"):
        load_classifier(run, read_run(run), str(other))


@pytest.mark.parametrize(
    ("content", "code"), [(None, ExitCode.NO_INPUT), ("{", ExitCode.DATA), ("{}", ExitCode.DATA)]
)
def test_a_folder_that_is_no_run_is_refused(
    tmp_path: Path, content: str | None, code: ExitCode
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=r"run\.json") as caught:
        read_run(tmp_path)
    assert caught.value.code == code


def test_half_a_surrogate_pair_costs_no_training(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    rows = [*REVIEWS, ("太差了\ud83d", 0)]
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    data = tmp_path / "data"
    shutil.copytree(reviews, data)
    for split in ("train", "dev"):
        (data / f"{split}.tsv").unlink()
        (data / f"{split}.jsonl").write_text("\n".join(lines))
    options: dict[str, Any] = {"prune_vocab": True, "output": tmp_path / "run"}
    train(TrainingSettings(encoder=str(encoder), data=(str(data),), head_epochs=2, **options))
    assert read_rows(tmp_path / "run" / "dev.jsonl")[-1].text == "太差了\ufffd"


def test_the_link_to_the_newest_run_is_no_name_for_a_run(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="latest is the name of the link to the newest run"):
        train(
            TrainingSettings(encoder=str(encoder), data=(str(reviews),), output=tmp_path / "latest")
        )


def test_layers_that_are_not_there_are_refused_before_the_encoder_runs(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"train": "last:9", "output": tmp_path / "run"}
    with pytest.raises(UserError, match="last:9 asks for layers that are not there"):
        train(TrainingSettings(encoder=str(encoder), data=(str(reviews),), **options))
    assert not (tmp_path / ".features").exists()
