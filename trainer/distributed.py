"""The processes of one training, where `torchrun` or `accelerate launch` started several.

Each of them runs the same program on the same data. They share the encoder's pass over the texts
and the batches of fine-tuning; the first alone speaks and writes. A process that was started alone
is the first of one.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


def rank() -> int:
    """Return which of the processes this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


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
    # A process that dies is seen at once and ends all; one that is slow may be waited for.
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=timedelta(days=7))
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


def leave() -> None:
    """Leave the other processes; after this nobody can wait for this one."""
    if dist.is_initialized():
        dist.destroy_process_group()
