"""Soft labels: the answers of finished runs, for a smaller model to learn from."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.console import ExitCode, UserError
from models.labels import LabelSet
from models.run_directory import Run, load_classifier, read_run
from models.tokenizer import Tokenizer
from trainer.features import cached_features


class Teacher(NamedTuple):
    """A finished run that has the student's labels."""

    path: Path
    run: Run


def read_teacher(path: Path, labels: LabelSet) -> Teacher:
    """Read the description of a run.

    Args:
        path: the run directory.
        labels: labels of the student; the teacher must have the same, in the same order.

    Raises:
        UserError: as `read_run`; DATA, the teacher has other labels.
    """
    run = read_run(path)
    if run.labels != list(labels.names):
        raise UserError(
            ExitCode.DATA,
            "--teacher {path} has the labels {found}, the data has {expected}",
            path=path,
            found=", ".join(run.labels),
            expected=", ".join(labels.names),
        )
    return Teacher(path, run)


@torch.inference_mode()
def soft_labels(
    teachers: Sequence[Teacher],
    texts: Sequence[str],
    *,
    temperature: float,
    cache: Path,
    device: torch.device,
) -> NDArray[np.float32]:
    """Return the mean of the teachers' probabilities, `[texts, C]`.

    Args:
        teachers: runs with the same labels.
        texts: any texts.
        temperature: divides the logits before the softmax (Hinton et al. 2015, section 2).
        cache: folder of the teachers' features, see `cached_features`.
        device: where the teachers run.

    Raises:
        UserError: as `load_classifier`.
    """
    total = torch.zeros(len(texts), len(teachers[0].run.labels))
    for path, run in teachers:
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
        total += (classifier.head.cpu()(features[run.pooling]) / temperature).softmax(dim=1)
    answer: NDArray[np.float32] = (total / len(teachers)).numpy()
    return answer
