"""What finished runs say of texts: soft labels for a smaller model to learn from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.labels import LabelSet
from models.run_directory import load_classifier, read_run
from models.tokens import Tokenizer
from trainer.features import cached_features


@torch.inference_mode()
def soft_labels(
    teachers: Sequence[Path],
    texts: Sequence[str],
    labels: LabelSet,
    *,
    temperature: float,
    cache: Path,
    device: torch.device,
) -> NDArray[np.float32]:
    """Return the mean of the teachers' probabilities, `[texts, C]`.

    Args:
        teachers: run directories.
        texts: in any order.
        labels: the student's label set; the teachers must have the same, in the same order.
        temperature: the logits are divided by before the softmax (Hinton et al. 2015, section 2).
        cache: folder of the teachers' features, see `cached_features`.
        device: where the teachers run.

    Raises:
        UserError: as `read_run` and `load_classifier`; DATA, a teacher has other labels.
    """
    total = torch.zeros(len(texts), len(labels))
    for path in teachers:
        run = read_run(path)
        if run.labels != list(labels.names):
            raise UserError(
                ExitCode.DATA,
                "--teacher {path} has the labels {found}, the data has {expected}",
                path=path,
                found=", ".join(run.labels),
                expected=", ".join(labels.names),
            )
        classifier, encoder = load_classifier(path, run)
        features = cached_features(
            classifier.to(device),
            Tokenizer(encoder.tokenizer, run.max_length),
            texts,
            encoder_digest=run.encoder_digest,
            folder=cache,
            title=path.name,
        )
        total += (classifier.head.cpu()(features) / temperature).softmax(dim=1)
    answer: NDArray[np.float32] = (total / len(teachers)).numpy()
    return answer
