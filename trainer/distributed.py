"""The processes of one training, where `torchrun` or `accelerate launch` started several.

Each of them runs the same program on the same data, in a folder that all see. They share the
encoder's pass over the texts and the batches of fine-tuning; the first alone speaks and writes, and
looks what is on the disk, for a network folder may show the others an older state. A process that
was started alone is the first of one.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.console import data_error, unavailable_error, usage_error

TIMEOUT = timedelta(hours=2)
"""How long a process waits for one that is slow, or whose machine vanished without a word."""


def rank() -> int:
    """Return which of the processes this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def share() -> slice:
    """Return which of some things are for this process: every so many, from its rank on.

    All of them, where it has not joined the others: what one process does alone, as to score a run.
    """
    return slice(rank(), None, world_size()) if dist.is_initialized() else slice(None)


def is_first() -> bool:
    """Whether this is the process that speaks and writes."""
    return rank() == 0


def join(device: torch.device) -> torch.device:
    """Wait for the other processes, if there are any, and return the device of this one."""
    if world_size() == 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=TIMEOUT)
    return device


def barrier() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def parallel(module: nn.Module) -> nn.Module:
    """Return a module whose gradients are the mean over the processes, if there are several."""
    return DistributedDataParallel(module) if world_size() > 1 else module


def exchange(module: nn.Module, *, now: bool) -> AbstractContextManager[None]:
    """Keep the gradients of a body in this process, unless they are to be exchanged now."""
    if isinstance(module, DistributedDataParallel) and not now:
        return module.no_sync()
    return nullcontext()


def all_reduce(share: Tensor) -> Tensor:
    """Return the sum of the shares of all processes, in each of them, on the share's device."""
    if not dist.is_initialized():
        return share
    total = share.cuda() if dist.get_backend() == "nccl" else share.cpu()
    dist.all_reduce(total)
    return total.to(share.device)


def of_first(numbers: Sequence[int]) -> list[int]:
    """Return the numbers of the first process, in each of them."""
    mine = torch.tensor(numbers, dtype=torch.int64)
    told: list[int] = all_reduce(mine if is_first() else torch.zeros_like(mine)).tolist()
    return told


def first_sees(path: Path) -> bool:
    """Whether something is at a path, in the eyes of the first process."""
    return of_first([is_first() and path.exists()]) == [1]


def require_same(digest: str) -> None:
    """Raise UserError DATA unless all processes have the same digest of what they train."""
    number = int(digest[:15], 16)
    if _somewhere(of_first([number]) != [number]):
        raise data_error(
            "the processes of this training have different data, encoders, options or "
            "checkpoints: give all the same",
        )


def require_shared(folder: Path) -> None:
    """Raise UserError USAGE unless all processes see the folder of the first."""
    if world_size() == 1:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (number,) = of_first([secrets.randbits(60)])
    mark = folder / f".shared.{number}"  # a name that nobody can have looked for before
    if is_first():
        mark.touch()
    barrier()
    unseen = _somewhere(not mark.exists())
    if is_first():
        mark.unlink()
    if unseen:
        raise usage_error(
            "the folder of --output must be one that all machines of the training see: {folder} of "
            "the first is not that of the others",
            folder=folder.absolute(),
        )


def _somewhere(problem: bool) -> bool:
    """Whether there is a problem in one of the processes, which all are to end for."""
    return all_reduce(torch.tensor(int(problem))).item() > 0


@contextmanager
def together() -> Iterator[None]:
    """Say so where the training ends because another process did, or cannot be reached.

    Raises:
        UserError: UNAVAILABLE.
    """
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        raise unavailable_error(
            "another process of this training ended, or cannot be reached; the same command goes "
            "on: {reason}",
            reason=str(error).splitlines()[0],
        ) from error


def leave() -> None:
    """Leave the other processes; after this nobody can wait for this one."""
    if dist.is_initialized():
        dist.destroy_process_group()
