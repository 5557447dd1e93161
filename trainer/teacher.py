"""Soft labels: the answers of finished runs, for a smaller model to learn from."""

from collections.abc import Sequence
from pathlib import Path

import torch

from models.arrays import Float32
from models.console import data_error
from models.labels import LabelSet
from models.run_directory import load_classifier, read_run
from models.tokenizer import Tokenizer
from trainer.features import cached_features
from trainer.report.calibration import tempered


def check_teacher(path: Path, labels: LabelSet) -> None:
    """Raise UserError unless a run can teach a student with these labels.

    Raises:
        UserError: as `read_run`; DATA, it has other labels, or has them in another order.
    """
    run = read_run(path)
    if run.labels != list(labels.names):
        raise data_error(
            "--teacher {path} has the labels {found}, the data has {expected}",
            path=path,
            found=", ".join(run.labels),
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
        teachers: run directories, for which `check_teacher` raises nothing.
        texts: any texts.
        temperature: divides the logits before the softmax (Hinton et al. 2015, section 2).
        cache: folder of the teachers' features, see `cached_features`.
        device: where the teachers run.

    Raises:
        UserError: as `load_classifier`.
    """
    total = torch.zeros(())
    for path in teachers:
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
        logits = classifier.head.cpu()(features[run.pooling])
        total = total + tempered(logits, temperature)
    answer: Float32 = (total / len(teachers)).numpy()
    return answer
