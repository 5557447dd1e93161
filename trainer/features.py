"""Runs the frozen encoder over texts once; its vectors stay on disk and are mapped into memory.

The file is named by everything that it depends on (weights, tokenizer, pooling, max length, texts),
so a second training on the same data starts at once, and any change makes another file. It is made
of chunks; a run that was killed goes on with its chunk, and ends with the same bytes.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from torch import Tensor

from models.arrays import Float32
from models.batching import MAX_TOKENS, distinct, plan
from models.classifier import Classifier, Pooling, inputs, pool
from models.console import data_error
from models.console.narration import Advance
from models.files import draft_of
from models.tokenizer import Tokenizer
from trainer import distributed
from trainer.console import progress, say

CHUNK = 1024
"""Number of texts that are encoded and written together: the cost of a kill, and of memory."""


@torch.inference_mode()
def encode(
    classifier: Classifier,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    poolings: Sequence[Pooling],
    advance: Advance,
) -> Float32:
    """Return vectors of each text, one for each pooling: `[poolings, texts, H]`.

    Equal texts are encoded once. No gradient exists here, so nothing of the encoder can train.

    Args:
        classifier: in evaluation mode: dropout in a frozen encoder would make noise of features.
        tokenizer: cuts the texts to the model's max length.
        texts: any texts, in any order.
        poolings: what to make of the hidden states, which one pass gives.
        advance: moves the progress bar by a number of texts.
    """
    different, where = distinct(texts)
    tokens = tokenizer.encode(different)
    shape = (len(poolings), len(different), classifier.head.in_features)
    features = np.empty(shape, dtype=np.float32)
    device = classifier.head.weight.device
    for rows in plan(tokens.lengths, max_tokens=MAX_TOKENS[device.type]):
        batch = inputs(tokenizer, tokens, rows, device)
        hidden = classifier.hidden_states(**batch)
        for vectors, pooling in zip(features, poolings, strict=True):
            vectors[rows] = pool(hidden, batch["attention_mask"], pooling).cpu().numpy()
        advance(len(rows))
    advance(len(texts) - len(different))
    repeated: Float32 = features[:, where]
    return repeated


def encode_all(
    classifier: Classifier, tokenizer: Tokenizer, texts: Sequence[str], *, title: str
) -> Tensor:
    """Return the features of all texts, `[texts, H]`, in memory and on no disk."""
    with progress(title, len(texts)) as advance:
        (features,) = encode(classifier, tokenizer, texts, [classifier.pooling], advance)
    return torch.from_numpy(features)


@torch.no_grad()
def predict_logits(
    classifier: Classifier, tokenizer: Tokenizer, texts: Sequence[str], *, title: str
) -> Tensor:
    """Return the logits of all texts, `[texts, C]`, of which each process computes its share."""
    logits = torch.zeros(len(texts), classifier.head.out_features)
    share = distributed.share()
    features = encode_all(classifier, tokenizer, texts[share], title=title)
    logits[share] = classifier.head(features.to(classifier.head.weight.device)).cpu()
    return distributed.all_reduce(logits)


def cached_features(
    classifier: Classifier,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    poolings: Sequence[Pooling],
    *,
    encoder_digest: str,
    folder: Path,
    title: str,
) -> dict[Pooling, Tensor]:
    """Return the features of all texts by each pooling, `[texts, H]`, mapped from files.

    Args:
        classifier: see `encode`.
        tokenizer: see `encode`.
        texts: see `encode`; several processes share out their chunks.
        poolings: see `encode`.
        encoder_digest: digest of the encoder's weights and tokenizer.
        folder: holds the files; made if it is not there. Another training that wants vectors of
            the same texts by the same encoder waits for it.
        title: title of the progress bar.

    Raises:
        UserError: DATA, the file is damaged, or other processes have other texts.
    """
    tail = f"{tokenizer.max_length} {CHUNK}"
    paths = {}
    for pooling in poolings:
        paths[pooling] = folder / f"{_digest(f'{encoder_digest} {pooling} {tail}', texts)}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    shared = _digest(f"{encoder_digest} {tail}", texts)
    distributed.require_same(shared)
    with (folder / f"{shared}.lock").open("w") as lock:
        if distributed.is_first():
            _wait_for(lock)
        distributed.barrier()
        found = [distributed.first_sees(path) for path in paths.values()]
        if not all(found):
            _fill(classifier, tokenizer, texts, paths, title)
        distributed.barrier()
    return {pooling: _mapped(path) for pooling, path in paths.items()}


def _wait_for(lock: TextIO) -> None:
    """Take a lock, which the kernel takes back whatever happens here."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another training computes the same features: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _digest(key: str, texts: Sequence[str]) -> str:
    """Return the SHA-256 of a key and texts."""
    sha = hashlib.sha256(key.encode())
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        sha.update(len(encoded).to_bytes(8, "little") + encoded)
    return sha.hexdigest()


def _mapped(path: Path) -> Tensor:
    try:
        # copy-on-write: torch wants memory that could be written to, and the file stays as it is
        return torch.from_numpy(np.load(path, mmap_mode="c"))
    except ValueError as error:
        raise data_error(
            "{path} is damaged: remove it, and the same command computes the features again",
            path=path,
        ) from error


def _fill(
    classifier: Classifier,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    paths: Mapping[Pooling, Path],
    title: str,
) -> None:
    """Write the chunks that are still missing, each process its share, and put them together."""
    parts = next(iter(paths.values())).with_suffix(f".{'+'.join(paths)}.parts")
    parts.mkdir(exist_ok=True)
    chunks = {}  # file → its texts
    for start in range(0, len(texts), CHUNK):
        chunks[parts / f"{start}.npy"] = texts[start : start + CHUNK]
    there = set(parts.iterdir())  # asked for by name, NFS would go on to say that it is not there
    present = distributed.of_first([file in there for file in chunks])
    missing = [file for file, found in zip(chunks, present, strict=True) if not found]
    share = missing[distributed.share()]
    with progress(title, sum(len(chunks[file]) for file in share)) as advance:
        for file in share:
            with draft_of(file) as draft:
                np.save(draft, encode(classifier, tokenizer, chunks[file], [*paths], advance))
    distributed.barrier()
    if distributed.is_first():
        shape = (len(texts), classifier.head.in_features)
        for number, path in enumerate(paths.values()):
            # not by a map into memory, in which a full disk is a crash
            with draft_of(path) as draft, draft.open("wb") as whole:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(whole, header)
                for file in chunks:
                    whole.write(np.load(file, mmap_mode="r")[number].tobytes())
        shutil.rmtree(parts)
