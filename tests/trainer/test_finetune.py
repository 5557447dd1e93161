"""What fine-tuning trains, how fast, and that a kill changes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from transformers import BertConfig, BertModel

from models.classifier import Classifier
from models.console import ExitCode, UserError
from models.encoder import load_encoder
from models.run_directory import load_classifier, read_json, read_rows, read_run
from models.tokenizer import Tokenizer
from tests.shared import once
from tests.tiny import REVIEWS, split_reviews, write_encoder, write_reviews
from trainer.__main__ import main
from trainer.batches import batches
from trainer.data.dataset import load_data
from trainer.evaluate import evaluate_run
from trainer.features import predict_logits
from trainer.optimizer import choose_trained, parameter_groups, rate, targets_of
from trainer.precision import bf16_speedup, choose_precision
from trainer.settings import Precision, TrainingSettings
from trainer.training import train

# fp32: in bf16 what the training measures of dev and what the finished model scores differ a little
FAST: dict[str, Any] = {
    **{"pooling": "mean", "head_epochs": 5, "head_learning_rate": (1e-2,)},
    **{"head_weight_decay": (0.01,), "train": "all", "epochs": 3, "batch_size": 4},
    **{"learning_rate": 1e-3, "patience": 3, "precision": "fp32"},
}


def settings(encoder: Path, reviews: Path, output: Path, **options: Any) -> TrainingSettings:
    data = {"encoder": str(encoder), "data": (str(reviews),), "output": output}
    return TrainingSettings(**data | FAST | options)


@pytest.fixture
def classifier() -> Classifier:
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=8,
    )
    return Classifier(BertModel(config, add_pooling_layer=False), 8, 2, "cls")


def trained(classifier: Classifier) -> set[str]:
    return {name for name, weights in classifier.named_parameters() if weights.requires_grad}


def test_of_neutral_rows_a_model_learns_to_be_unsure(tmp_path: Path) -> None:
    encoder, reviews = write_encoder(tmp_path / "encoder"), write_reviews(tmp_path / "reviews")
    middling = ["一般般，说不上来", "就那样，没有感觉"]
    for name in ("train.tsv", "dev.tsv"):
        with (reviews / name).open("a", encoding="utf-8") as file:
            file.writelines(f"中评\t{text}\n" for text in middling * 6)
    asked = settings(encoder, reviews, tmp_path / "run", neutral="中评", epochs=12, patience=12)
    train(asked)
    run = read_run(tmp_path / "run")
    assert run.labels == ["负向评价", "正向评价"]
    assert len(read_rows(tmp_path / "run" / "dev.jsonl")) == len(split_reviews()["dev"])
    classifier, loaded = load_classifier(tmp_path / "run", run)
    tokenizer = Tokenizer(loaded.tokenizer, run.max_length)
    texts = [*middling, *(text for text, _ in REVIEWS)]
    sure = predict_logits(classifier, tokenizer, texts, title="").softmax(dim=1).amax(dim=1)
    assert sure[:2].max() < 0.6 < sure[2:].mean()
    scored = evaluate_run(tmp_path / "run", (), "dev")
    assert scored["rows"] == len(split_reviews()["dev"])


def test_neutral_rows_that_are_not_there_are_an_error(reviews: Path) -> None:
    with pytest.raises(UserError, match="expected rows of the label 中评 that --neutral names"):
        load_data([str(reviews)], neutral="中评")


def test_targets_are_the_labels_then_the_same_share_then_none() -> None:
    found = targets_of(np.array([1, 0]), 2, neutral=1, unlabelled=1, smoothing=0.2)
    expected = np.array([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [0, 0]])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_row_weighs_what_its_label_does_and_its_target_stays() -> None:
    weights = np.array([2.0, 0.5], dtype=np.float32)
    found = targets_of(np.array([1, 0]), 2, neutral=1, smoothing=0.2, class_weights=weights)
    expected = np.array([[0.05, 0.45], [1.8, 0.2], [0.5, 0.5]])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_last_n_trains_the_head_and_the_last_n_layers(classifier: Classifier) -> None:
    choose_trained(classifier, 2)
    names = trained(classifier)
    assert {"head.weight", "head.bias"} <= names
    layers = {name.split(".")[3] for name in names if ".layer." in name}
    assert layers == {"1", "2"}
    assert not any("embeddings" in name for name in names)


def test_all_trains_everything(classifier: Classifier) -> None:
    choose_trained(classifier, None)
    assert trained(classifier) == {name for name, _ in classifier.named_parameters()}


def test_more_layers_than_there_are_is_an_error(classifier: Classifier) -> None:
    with pytest.raises(UserError, match=r"last:4 asks for .* the encoder has 3") as caught:
        choose_trained(classifier, 4)
    assert caught.value.code == ExitCode.USAGE


def test_lower_layers_learn_slower_and_only_matrices_decay(classifier: Classifier) -> None:
    choose_trained(classifier, None)
    falling = TrainingSettings(learning_rate=1.0, layer_decay=0.5, weight_decay=0.1)
    groups = parameter_groups(classifier, falling)
    found = {id(p): (g["peak"], g["weight_decay"]) for g in groups for p in g["params"]}
    layers = classifier.encoder.encoder.layer
    assert found[id(classifier.head.weight)] == (1.0, 0.1)
    assert found[id(classifier.head.bias)] == (1.0, 0.0)
    assert found[id(layers[2].output.dense.weight)] == (1.0, 0.1)
    assert found[id(layers[0].output.dense.weight)] == (0.25, 0.1)
    assert found[id(layers[0].output.LayerNorm.weight)] == (0.25, 0.0)
    assert found[id(classifier.encoder.embeddings.word_embeddings.weight)] == (0.125, 0.1)
    assert len(found) == len(list(classifier.parameters()))


def test_a_batch_holds_texts_of_similar_length_and_every_row_comes_once() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, size=1003)
    found = batches(lengths, batch_size=10, seed=0, epoch=0)
    assert sorted(np.concatenate(found)) == list(range(1003))
    assert [len(batch) for batch in found] == [10] * 100 + [3]
    assert np.mean([np.ptp(lengths[batch]) for batch in found[:-1]]) < 20  # chance: some 400


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(batches(np.arange(100), 10, seed, epoch)).tolist()

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)


def test_the_learning_rate_rises_to_its_peak_and_falls() -> None:
    how = TrainingSettings(warmup=0.2)
    rates = [rate(step, 100, how) for step in range(100)]
    assert rates[:21] == pytest.approx(np.linspace(0, 1, 21))
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[60] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.02


@pytest.fixture(scope="module")
def tuned(encoder: Path, reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished fine-tuning of all layers."""

    def make(folder: Path) -> None:
        train(settings(encoder, reviews, folder / "tuned"))

    return once(tmp_path_factory, "fine-tuning", make) / "tuned"


def test_a_fine_tuned_run_carries_its_encoder_and_both_scores(tuned: Path, encoder: Path) -> None:
    run = read_run(tuned)
    assert load_encoder(str(tuned / "encoder")).digest() == run.encoder_digest
    assert load_encoder(str(encoder)).digest() != run.encoder_digest
    assert load_encoder(str(tuned / "encoder")).name == encoder.name  # for a run that goes on
    modes = {path.stat().st_mode for path in tuned.rglob("*") if path.is_file()}
    assert len(modes) == 1  # who may read one file of it, may read all
    metrics = read_json(tuned / "metrics.json")
    assert metrics["frozen"]["test"]["rows"] == metrics["test"]["rows"]
    assert [entry["epoch"] for entry in metrics["history"]] == [0, 1, 2, 3]
    best = max(metrics["history"], key=lambda entry: (entry["dev_macro_f1"], -entry["dev_loss"]))
    assert run.outcome["best_epoch"] == best["epoch"]
    assert round(best["dev_macro_f1"], 4) == metrics["dev"]["macro_f1"]
    assert "fine-tuned" in (tuned / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_no_epochs_of_the_head_fine_tune_at_once(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    output = tmp_path / "runs/at-once"
    measured = train(settings(encoder, reviews, output, head_epochs=0))
    assert "frozen" not in measured
    assert not (tmp_path / "runs/.features").exists()
    assert read_run(output).outcome["head_epoch"] is None
    assert "fine-tuned" in (output / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_nothing_of_an_unfinished_training_is_left(tuned: Path) -> None:
    assert not any((tuned.parent / ".checkpoints").iterdir())


def test_last_1_changes_the_last_layer_alone(encoder: Path, reviews: Path, tmp_path: Path) -> None:
    train(settings(encoder, reviews, tmp_path / "last", train="last:1", epochs=1, head_epochs=0))
    before = load_encoder(str(encoder)).module.state_dict()
    classifier, _ = load_classifier(tmp_path / "last", read_run(tmp_path / "last"))
    changed = {
        name
        for name, weights in classifier.encoder.state_dict().items()
        if not torch.equal(weights, before[name])
    }
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)


KILLED = {"at the end of an epoch": (1e9, "fp32"), "each step": (0, "fp32"), "auto": (0, "auto")}
"""Seconds between checkpoints, and precision, of the trainings that are killed."""

# Arguments: encoder, reviews, folder. Imports once, and forks each training, which kills itself in
# its ninth step.
CHILD = """
import os, signal, sys
from pathlib import Path
import torch
from models.classifier import Classifier
from tests.trainer.test_finetune import KILLED, settings
from trainer import checkpoint
from trainer.training import train

steps = 0
forward = Classifier.forward

def count(self, *arguments, **named):
    global steps
    steps += self.training
    if steps == 9:
        os.kill(os.getpid(), signal.SIGKILL)
    return forward(self, *arguments, **named)

Classifier.forward = count
torch.cpu.get_capabilities = dict  # for "auto", a processor without bf16
encoder, reviews, folder = map(Path, sys.argv[1:])
for name, (checkpoint.CHECKPOINT_SECONDS, precision) in KILLED.items():
    if not (child := os.fork()):
        train(settings(encoder, reviews, folder / name / "run", precision=precision))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
"""


@pytest.fixture(scope="module")
def killed(encoder: Path, reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of three trainings that were killed; each is of one test, which goes on in it."""

    def make(folder: Path) -> None:
        subprocess.run(
            [sys.executable, "-c", CHILD, str(encoder), str(reviews), str(folder)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
            check=True,
        )

    return once(tmp_path_factory, "killed", make)


@pytest.mark.parametrize(("name", "kept"), [("at the end of an epoch", 6), ("each step", 8)])
def test_a_training_killed_in_an_epoch_ends_with_the_same_bits(
    encoder: Path, reviews: Path, tuned: Path, killed: Path, name: str, kept: int
) -> None:
    output = killed / name / "run"
    # 24 rows in batches of 4: the ninth step is in the middle of the second epoch.
    assert not output.exists()
    (checkpoint,) = (output.parent / ".checkpoints").iterdir()
    with safe_open(checkpoint, "pt") as file:  # safetensors: nothing is pickled
        assert json.loads(file.metadata()["progress"])["step"] == kept
    train(settings(encoder, reviews, output))
    for part in ("head.safetensors", "encoder/model.safetensors", "metrics.json"):
        assert (output / part).read_bytes() == (tuned / part).read_bytes(), part


def test_the_learning_curve_goes_to_tensorboard_on_request(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    train(settings(encoder, reviews, tmp_path / "logged", epochs=1, tensorboard=True))
    (events,) = (tmp_path / "logged" / "tensorboard").glob("events.out.tfevents.*")
    written = events.read_bytes()
    assert b"train/loss" in written
    assert b"dev/macro_f1" in written


@pytest.mark.parametrize("asked", ["fp16", "bf16"])
def test_a_precision_that_the_device_lacks_is_an_error(
    asked: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert choose_precision("auto", torch.device("cpu")) == "fp32"
    with pytest.raises(UserError, match=f"--precision {asked}: this CPU does not") as caught:
        choose_precision(asked, torch.device("cpu"))
    assert caught.value.code == ExitCode.UNAVAILABLE


@pytest.mark.parametrize(("speedup", "chosen"), [(1.9, "bf16"), (0.6, "fp32")])
def test_bf16_is_taken_where_the_processor_has_it_and_is_faster_in_it(
    speedup: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr("trainer.precision.bf16_speedup", lambda: speedup)
    assert choose_precision("auto", torch.device("cpu")) == chosen
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"


def test_how_much_faster_bf16_is_is_measured() -> None:
    assert 0.001 < bf16_speedup() < 1000


def test_a_killed_training_goes_on_in_the_precision_that_it_began_with(
    encoder: Path,
    reviews: Path,
    tuned: Path,
    killed: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = killed / "auto" / "run"
    monkeypatch.setattr("trainer.loading.choose_precision", lambda *_: "bf16")
    train(settings(encoder, reviews, output, precision="auto"))
    assert read_run(output).settings["precision"] == "fp32"
    for name in ("head.safetensors", "encoder/model.safetensors"):
        assert (output / name).read_bytes() == (tuned / name).read_bytes(), name


def test_training_stops_when_dev_gets_no_better_and_the_best_epoch_stays(
    encoder: Path, reviews: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hasty = {"epochs": 9, "patience": 1, "learning_rate": 1.0, "warmup": 0.0}
    train(settings(encoder, reviews, tmp_path / "hasty", **hasty))
    assert "stopped early, after epoch" in capsys.readouterr().err
    _, *history = read_json(tmp_path / "hasty" / "metrics.json")["history"]
    scores = [(entry["dev_macro_f1"], -entry["dev_loss"]) for entry in history]
    assert len(scores) < 9
    assert scores[-1] < max(scores[:-1])
    assert scores.index(max(scores)) + 1 == len(scores) - 1


def test_a_fine_tuning_worse_than_the_head_it_began_with_is_not_kept(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    output = tmp_path / "worse"
    places = ["--encoder", str(encoder), "--data", str(reviews), "--output", str(output)]
    head = ["--pooling", "mean", "--head-epochs", "60", "--head-learning-rate", "0.01"]
    ruinous = ["--train", "all", "--epochs", "1", "--learning-rate", "3", "--warmup", "0"]
    done = CliRunner().invoke(main, [*places, *head, *ruinous])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("frozen encoder ")
    assert "fine-tuned" not in done.stdout
    measured = read_json(output / "metrics.json")
    frozen, tuned = measured["history"]
    assert frozen["dev_macro_f1"] > tuned["dev_macro_f1"]
    assert read_run(output).outcome["best_epoch"] == 0
    assert measured["dev"]["macro_f1"] == round(frozen["dev_macro_f1"], 4)
    assert measured["test"]["confusion"] == measured["frozen"]["test"]["confusion"]
    assert load_encoder(str(output / "encoder")).digest() == load_encoder(str(encoder)).digest()
    assert "the frozen encoder and its head are kept: no epoch was better" in done.stderr
    card = (output / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert ", frozen, mean pooling" in card
    assert "No epoch was better on dev than the frozen encoder and its head" in card


def test_a_training_that_diverges_says_so_and_leaves_no_checkpoint(
    encoder: Path, reviews: Path, tmp_path: Path
) -> None:
    wild = {"learning_rate": 1e38, "warmup": 0.0, "head_epochs": 0}
    with pytest.raises(UserError, match=r"the training diverged: after step .* a smaller"):
        train(settings(encoder, reviews, tmp_path / "wild", **wild))
    assert not any(tmp_path.rglob("*.safetensors"))


def test_an_encoder_of_another_build_can_only_have_its_head_trained(tmp_path: Path) -> None:
    loaded = load_encoder(str(write_encoder(tmp_path)))
    del loaded.module.encoder
    odd = Classifier(loaded.module, loaded.hidden, 2, "cls")
    with pytest.raises(UserError, match="BertModel has no layers where BERT has them"):
        choose_trained(odd, None)
