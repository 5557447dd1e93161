"""Runs the frozen encoder over texts, once: what it gives is kept on disk and mapped into memory.

The file is named by everything that it depends on (weights, tokenizer, pooling, max length, texts),
so a second training on the same data starts at once, and any change makes another file. It is made
of chunks; a run that was killed goes on with its chunk, and ends with the same bytes.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models.batching import MAX_TOKENS, plan
from models.classifier import Classifier
from models.console.command import ExitCode, UserError
from models.tokenizer import Tokenizer, Tokens
from trainer import distributed
from trainer.narration import progress

CHUNK = 1024
"""Texts that are encoded and written together: what a kill can cost, and what memory holds."""


def inputs(
    tokenizer: Tokenizer, tokens: Tokens, rows: NDArray[np.intp], device: torch.device
) -> dict[str, Tensor]:
    """Return some rows as the encoder takes them: `[rows, longest]`, padded on the right."""
    batch = tokens.batch(rows, tokenizer.pad_id)
    if not tokenizer.has_token_types:
        del batch["token_type_ids"]
    return {name: torch.from_numpy(ids).to(device) for name, ids in batch.items()}


@torch.inference_mode()
def encode(
    classifier: Classifier, tokenizer: Tokenizer, texts: Sequence[str], bar: "tqdm[None]"
) -> NDArray[np.float32]:
    """Return the vector that the head sees for each text, `[texts, H]`.

    Equal texts are encoded once. No gradient exists here, so nothing of the encoder can train.

    Args:
        classifier: in evaluation mode: dropout in a frozen encoder would make noise of features.
        tokenizer: cuts the texts to the model's max length.
        texts: in any order.
        bar: is moved by the number of texts.
    """
    place: dict[str, int] = {}
    where = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.intp)
    tokens = tokenizer.encode(list(place))
    features = np.empty((len(place), classifier.head.in_features), dtype=np.float32)
    device = classifier.head.weight.device
    for rows in plan(tokens.lengths, max_tokens=MAX_TOKENS[device.type]):
        batch = inputs(tokenizer, tokens, rows, device)
        features[rows] = classifier.features(**batch).cpu().numpy()
        bar.update(len(rows))
    bar.update(len(texts) - len(place))
    answer: NDArray[np.float32] = features[where]
    return answer


def encode_all(
    classifier: Classifier, tokenizer: Tokenizer, texts: Sequence[str], *, title: str
) -> Tensor:
    """Return the features of all texts, `[texts, H]`, in memory and on no disk."""
    with progress(title, len(texts), "text") as bar:
        return torch.from_numpy(encode(classifier, tokenizer, texts, bar))


def cached_features(
    classifier: Classifier,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    encoder_digest: str,
    folder: Path,
    title: str,
) -> Tensor:
    """Return the features of all texts, `[texts, H]`, mapped from a file in `folder`.

    Args:
        classifier: see `encode`.
        tokenizer: see `encode`.
        texts: see `encode`. Several processes share out their chunks.
        encoder_digest: of the encoder's weights and tokenizer.
        folder: made if it is not there. Another training that wants the same file waits for it.
        title: of the progress bar, which shows on a terminal only.

    Raises:
        UserError: DATA, the file is damaged.
    """
    key = f"{encoder_digest} {classifier.pooling} {tokenizer.max_length} {CHUNK}"
    sha = hashlib.sha256(key.encode())
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        sha.update(len(encoded).to_bytes(8, "little") + encoded)
    path = folder / f"{sha.hexdigest()}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        if distributed.is_first():
            fcntl.flock(lock, fcntl.LOCK_EX)  # which the kernel takes back, whatever happens here
        distributed.barrier()
        if not path.exists():
            _fill(classifier, tokenizer, texts, path, title)
        distributed.barrier()
    # copy-on-write: torch wants memory that could be written to, and the file stays as it is
    try:
        return torch.from_numpy(np.load(path, mmap_mode="c"))
    except ValueError as error:
        raise UserError(
            ExitCode.DATA,
            "{path} is damaged: remove it, and the same command computes the features again",
            path=path,
        ) from error


def _fill(
    classifier: Classifier, tokenizer: Tokenizer, texts: Sequence[str], path: Path, title: str
) -> None:
    """Write the chunks that are still missing, each process its share, and put them together."""
    parts, draft = path.with_suffix(".parts"), path.with_suffix(".draft")
    parts.mkdir(exist_ok=True)
    chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    left = [number for number in range(len(chunks)) if not (parts / f"{number}.npy").exists()]
    distributed.barrier()  # all have seen the same chunks left
    share = left[distributed.rank() :: distributed.world_size()]
    with progress(title, sum(len(chunks[number]) for number in share), "text") as bar:
        for number in share:
            np.save(
                parts / f"draft{distributed.rank()}",
                encode(classifier, tokenizer, chunks[number], bar),
            )
            (parts / f"draft{distributed.rank()}.npy").rename(parts / f"{number}.npy")
    distributed.barrier()
    if distributed.is_first():
        shape = len(texts), classifier.head.in_features
        whole = np.lib.format.open_memmap(draft, mode="w+", dtype=np.float32, shape=shape)
        for number, chunk in enumerate(chunks):
            start = number * CHUNK
            whole[start : start + len(chunk)] = np.load(parts / f"{number}.npy")
        whole.flush()
        draft.rename(path)
        shutil.rmtree(parts)
