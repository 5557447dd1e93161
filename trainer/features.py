"""Runs the frozen encoder over texts, once: what it gives is kept on disk and mapped into memory.

The file is named by everything that it depends on (weights, tokenizer, pooling, max length, texts),
so a second training on the same data starts at once, and any change makes another file. It grows by
chunks; a run that was killed goes on with the chunk that it was at, and ends with the same bytes.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models.batching import plan
from models.classifier import Classifier
from models.tokens import Tokenizer, Tokens
from trainer import ranks
from trainer.report import progress

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
    where = np.array([place.setdefault(text, len(place)) for text in texts])
    tokens = tokenizer.encode(list(place))
    device = classifier.head.weight.device
    features = np.empty((len(place), classifier.head.in_features), dtype=np.float32)
    for rows in plan(tokens.lengths):
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
        texts: see `encode`.
        encoder_digest: of the encoder's weights and tokenizer.
        folder: made if it is not there. Another process that wants the same file waits for it.
        title: of the progress bar, which shows on a terminal only.
    """
    key = _key(encoder_digest, classifier.pooling, tokenizer.max_length, texts)
    path = folder / f"{key}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock") if ranks.is_first() else nullcontext():
        ranks.wait()
        if not path.exists():
            shape = (len(texts), classifier.head.in_features)
            _fill(classifier, tokenizer, texts, path, shape, title)
        ranks.wait()
    # copy-on-write: torch wants memory that could be written to, and the file stays as it is
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _key(encoder_digest: str, pooling: str, max_length: int, texts: Sequence[str]) -> str:
    sha = hashlib.sha256(f"{encoder_digest} {pooling} {max_length} {CHUNK}".encode())
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        sha.update(len(encoded).to_bytes(8, "little") + encoded)
    return sha.hexdigest()


def _fill(
    classifier: Classifier,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    path: Path,
    shape: tuple[int, int],
    title: str,
) -> None:
    """Write the chunks that are still missing, each process its share, and put the file in place.

    One byte per chunk says whether it is done: only when it is on disk may a later run rely on it.
    """
    draft, marks = path.with_suffix(".draft"), path.with_suffix(".done")
    if ranks.is_first() and not marks.exists():
        np.lib.format.open_memmap(draft, mode="w+", dtype=np.float32, shape=shape).flush()
        fresh = path.with_suffix(".new")
        fresh.write_bytes(bytes(-(-len(texts) // CHUNK)))
        fresh.rename(marks)
    ranks.wait()
    # Written, not mapped: what is mapped stays in memory as long as there is room.
    header = np.load(draft, mmap_mode="r").offset
    done = np.memmap(marks, dtype=np.uint8, mode="r+")
    left = np.flatnonzero(done == 0)
    ranks.wait()  # all have seen the same chunks left
    share = left[ranks.number() :: ranks.count()] * CHUNK
    rows = sum(len(texts[start : start + CHUNK]) for start in share)
    with progress(title, rows, "text") as bar, draft.open("r+b") as file:
        for start in share:
            features = encode(classifier, tokenizer, texts[start : start + CHUNK], bar)
            file.seek(header + start * features.itemsize * features.shape[1])
            file.write(features.tobytes())
            file.flush()
            os.fsync(file.fileno())
            done[start // CHUNK] = 1
            done.flush()
    ranks.wait()
    if ranks.is_first():
        marks.unlink()
        draft.rename(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel releases, whatever happens to this process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
