"""Soft labels: the answers of finished models, for a smaller one to learn from."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.arrays import Float32
from models.console import data_error
from models.labels import LabelSet
from models.predictor import Predictor
from models.run_directory import load_classifier, read_run
from models.tokenizer import Tokenizer
from trainer import distributed
from trainer.console import progress
from trainer.features import CHUNK, cached_features
from trainer.report.calibration import tempered


def check_teacher(path: Path, labels: LabelSet) -> None:
    """Raise UserError unless a run or a model file can teach a student with these labels.

    Raises:
        UserError: as `read_run` or `Predictor.open`; DATA, it has other labels, or has them in
            another order.
    """
    found = Predictor.open(path).manifest.labels if path.is_file() else read_run(path).labels
    if tuple(found) != labels.names:
        raise data_error(
            "--teacher {path} has the labels {found}, the data has {expected}",
            path=path,
            found=", ".join(found),
            expected=", ".join(labels.names),
        )


@torch.inference_mode()
def soft_labels(
    teachers: Sequence[Path],
    texts: Sequence[str],
    *,
    temperature: float,
    cache: Path,
    device: torch.device,
) -> Float32:
    """Return the mean of the teachers' probabilities, `[texts, C]`.

    Args:
        teachers: run directories and model files, for which `check_teacher` raises nothing.
        texts: any texts.
        temperature: divides the logits before the softmax (Hinton et al. 2015, section 2).
        cache: folder of the teachers' features, see `cached_features`.
        device: where the teachers run.

    Raises:
        UserError: as `load_classifier`.
    """
    total = torch.zeros(())
    for path in teachers:
        if path.is_file():
            logits = _file_logits(path, texts)
        else:
            logits = _run_logits(path, texts, cache, device)
        total = total + tempered(logits, temperature)
    answer: Float32 = (total / len(teachers)).numpy()
    return answer


def _run_logits(path: Path, texts: Sequence[str], cache: Path, device: torch.device) -> Tensor:
    run = read_run(path)
    classifier, encoder = load_classifier(path, run)
    features = cached_features(
        classifier.to(device),
        Tokenizer(encoder.tokenizer, run.max_length),
        texts,
        [run.pooling],
        encoder_digest=encoder.digest(),
        folder=cache,
        title=path.name,
    )
    logits: Tensor = classifier.head.cpu()(features[run.pooling])
    return logits / run.temperature  # as in the graph of a model file


def _file_logits(path: Path, texts: Sequence[str]) -> Tensor:
    """Return the logs of a model file's probabilities, of which each process asks for its share."""
    predictor = Predictor.open(path)
    answers = torch.zeros(len(texts), len(predictor.manifest.labels))
    mine = answers[distributed.share()]  # a view
    share = texts[distributed.share()]
    with progress(path.name, len(share)) as advance:
        for start in range(0, len(share), CHUNK):
            some = share[start : start + CHUNK]
            given = predictor.predict(some).probabilities
            mine[start : start + CHUNK] = torch.from_numpy(given)
            advance(len(some))
    return distributed.all_reduce(answers).clamp_min(1e-12).log()  # 0 has no log
