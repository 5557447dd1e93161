"""The processes of one training, where `torchrun` or `accelerate launch` started several.

Each of them runs the same program on the same data. They share the encoder's pass over the texts
and the batches of fine-tuning; the first alone speaks and writes. A process that was started alone
is the first of one.
"""

import os
from datetime import timedelta

import torch
import torch.distributed as dist


def number() -> int:
    """Return which of the processes this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """Return how many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this is the process that speaks and writes."""
    return number() == 0


def join(device: torch.device) -> torch.device:
    """Meet the other processes, if there are any, and return the device of this one."""
    if "LOCAL_RANK" not in os.environ:
        return device
    from accelerate import PartialState

    # A process that dies is seen at once and ends all; one that is slow may be waited for.
    state = PartialState(cpu=device.type == "cpu", timeout=timedelta(days=7))
    found: torch.device = state.device
    return found


def wait() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def agree(answer: bool) -> bool:
    """Return the first process's answer to a question, in every process."""
    if not dist.is_initialized():
        return answer
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    said = torch.tensor([answer], dtype=torch.uint8, device=device)
    dist.broadcast(said, src=0)
    return bool(said.item())


def part() -> None:
    """Leave the other processes; after this nobody can wait for this one."""
    if dist.is_initialized():
        dist.destroy_process_group()
