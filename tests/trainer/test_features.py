"""Features are computed once: across epochs, runs and kills."""

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.classifier import Classifier, Pooling
from models.console import UserError
from models.encoder import Encoder, load_encoder
from models.tokenizer import Tokenizer
from tests.forks import ROOT
from tests.tiny import REVIEWS, write_encoder
from trainer import features as features_module
from trainer.features import cached_features, encode_all

TEXTS = [text for text, _ in REVIEWS]
POOLINGS: list[Pooling] = ["cls", "mean"]


@pytest.fixture(scope="module")
def loaded(encoder: Path) -> Encoder:
    return load_encoder(str(encoder))


pytestmark = pytest.mark.usefixtures("chunked")


@pytest.fixture
def chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of ten texts, so that 48 texts make five."""
    monkeypatch.setattr(features_module, "CHUNK", 10)


def cached(loaded: Encoder, folder: Path, texts: list[str], **changed: Any) -> Tensor:
    options: dict[str, Any] = {"pooling": "mean", "max_length": 350, "digest": "d"} | changed
    classifier = Classifier(loaded.module, loaded.hidden, 2, options["pooling"]).eval()
    return cached_features(
        classifier,
        Tokenizer(loaded.tokenizer, options["max_length"]),
        texts,
        [options["pooling"]],
        encoder_digest=options["digest"],
        folder=folder,
        title="",
    )[options["pooling"]]


class Counter:
    """Counts the texts that go through the encoder, and kills the process at a call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kill_at: int = -1) -> None:
        self.rows = 0
        self._calls = 0
        hidden_states = Classifier.hidden_states

        def count(classifier: Classifier, input_ids: Tensor, *rest: Any, **named: Any) -> Tensor:
            self._calls += 1
            if self._calls == kill_at:
                raise KeyboardInterrupt
            self.rows += len(input_ids)
            return hidden_states(classifier, input_ids, *rest, **named)

        monkeypatch.setattr(Classifier, "hidden_states", count)


def test_cached_features_are_those_of_the_encoder(loaded: Encoder, tmp_path: Path) -> None:
    classifier = Classifier(loaded.module, loaded.hidden, 2, "mean").eval()
    direct = encode_all(classifier, Tokenizer(loaded.tokenizer, 350), TEXTS, title="")
    torch.testing.assert_close(cached(loaded, tmp_path, TEXTS), direct, atol=1e-5, rtol=0)


def test_both_poolings_come_from_one_pass_and_are_those_of_each_alone(
    loaded: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {
        pooling: cached(loaded, tmp_path / "a", TEXTS, pooling=pooling) for pooling in POOLINGS
    }
    counter = Counter(monkeypatch)
    classifier = Classifier(loaded.module, loaded.hidden, 2, "cls").eval()
    tokenizer = Tokenizer(loaded.tokenizer, 350)
    named: dict[str, Any] = {"encoder_digest": "d", "folder": tmp_path / "b", "title": ""}
    both = cached_features(classifier, tokenizer, TEXTS, POOLINGS, **named)
    assert counter.rows == len(TEXTS)
    for pooling in POOLINGS:
        assert torch.equal(both[pooling], alone[pooling])
    again = cached(loaded, tmp_path / "b", TEXTS, pooling="mean")  # the same file
    assert counter.rows == len(TEXTS) and torch.equal(again, both["mean"])


def test_a_second_time_the_encoder_does_not_run(
    loaded: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached(loaded, tmp_path, TEXTS)
    counter = Counter(monkeypatch)
    assert torch.equal(cached(loaded, tmp_path, TEXTS), first)
    assert counter.rows == 0


@pytest.mark.parametrize(
    "changed", [{"pooling": "cls"}, {"max_length": 8}, {"digest": "e"}, {"texts": TEXTS[:-1]}]
)
def test_whatever_the_features_depend_on_makes_another_file(
    loaded: Encoder, tmp_path: Path, changed: dict[str, Any]
) -> None:
    cached(loaded, tmp_path, TEXTS)
    cached(loaded, tmp_path, changed.pop("texts", TEXTS), **changed)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_a_killed_run_goes_on_with_its_chunk_and_ends_with_the_same_bytes(
    loaded: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cached(loaded, tmp_path / "whole", TEXTS)
    with monkeypatch.context() as patch:
        Counter(patch, kill_at=4)
        with pytest.raises(KeyboardInterrupt):
            cached(loaded, tmp_path / "killed", TEXTS)
    counter = Counter(monkeypatch)
    assert torch.equal(cached(loaded, tmp_path / "killed", TEXTS), whole)
    assert 0 < counter.rows < len(TEXTS)
    (first,) = (tmp_path / "whole").glob("*.npy")
    (second,) = (tmp_path / "killed").glob("*.npy")
    assert first.read_bytes() == second.read_bytes()
    assert {path.suffix for path in (tmp_path / "killed").iterdir()} == {".npy", ".lock"}


def test_only_a_training_that_wants_the_same_features_waits_and_says_so(
    loaded: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached(loaded, tmp_path, TEXTS[:3])
    (path,) = tmp_path.glob("*.lock")
    lock = path.open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        lock.close()  # the other training ends

    monkeypatch.setattr(features_module, "say", hear)
    cached(loaded, tmp_path, TEXTS[3:6])
    assert said == []
    assert torch.equal(cached(loaded, tmp_path, TEXTS[:3]), first)
    assert said == ["another training computes the same features: waiting for it"]


def test_a_damaged_file_of_features_is_said_with_its_remedy(
    loaded: Encoder, tmp_path: Path
) -> None:
    cached(loaded, tmp_path, TEXTS)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match=rf"{path.name} is damaged: remove it"):
        cached(loaded, tmp_path, TEXTS)


def test_an_edit_of_the_features_does_not_reach_the_file(loaded: Encoder, tmp_path: Path) -> None:
    mapped = cached(loaded, tmp_path, TEXTS)
    before = mapped[0].clone()
    mapped[0] = 0
    assert torch.equal(cached(loaded, tmp_path, TEXTS)[0], before)


MEASURE = """
import sys, threading
from pathlib import Path
import torch
from models.classifier import Classifier
from models.encoder import load_encoder
from models.tokenizer import Tokenizer
from trainer.features import cached_features
from trainer.head import Fold, HeadTrainer, LabelledFeatures
from trainer.settings import TrainingSettings

encoder, cache = load_encoder(sys.argv[1]), Path(sys.argv[2])
classifier = Classifier(encoder.module, encoder.hidden, 2, "cls").eval()
sizes = []

def look():
    status = Path("/proc/self/status").read_text()
    sizes.append(int(status.split("RssAnon:")[1].split()[0]))

def watch():
    while not finished.wait(0.005):
        look()

def looking(function):
    def call(*arguments, **named):
        look()  # at each batch, too: a busy machine may leave the thread that watches no time
        return function(*arguments, **named)
    return call

Classifier.hidden_states = looking(Classifier.hidden_states)
torch.autograd.grad = looking(torch.autograd.grad)

def peak(count):
    sizes.clear()
    texts = [f"{number}" for number in range(count)]
    tokenizer = Tokenizer(encoder.tokenizer, 8)
    named = {"encoder_digest": "", "folder": cache, "title": ""}
    features = cached_features(classifier, tokenizer, texts, ["cls"], **named)
    rows = LabelledFeatures(features["cls"], torch.arange(len(texts)) % 2)
    few = {"head_learning_rate": (1e-3,), "head_weight_decay": (0.1,)}
    settings = TrainingSettings(head_epochs=1, batch_size=1024, **few)
    HeadTrainer(2, settings).search({"cls": [Fold(rows, rows.take(torch.arange(100)))]})

    look()
    return max(sizes)

finished = threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
peak(1_500)  # so that whatever is made once is made
small, large = peak(2_000), peak(20_000)
finished.set()
watcher.join()
print(large - small)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_holds_a_chunk_and_not_the_features(tmp_path: Path) -> None:
    # Without layers: what they take is a matter of one batch, and most of the time.
    encoder = write_encoder(tmp_path / "encoder", layers=0, hidden=512)

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(encoder), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    features = 18_000 * 512 * 4 // 1024  # what ten times the rows would cost if it were held
    # On a busy machine, freed memory of 10 MB and more is given back later.
    assert int(done.stdout) < features * 2 / 3
