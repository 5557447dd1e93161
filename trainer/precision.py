"""The device and the precision of the arithmetic."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F

from models.console import unavailable_error
from models.cores import available_cores
from trainer import distributed
from trainer.dropout import CheapDropout
from trainer.settings import Precision

WORTH_BF16 = 1.3
"""Smallest speed-up of matrix products at which bf16 pays on a CPU: the casts around them cost."""


def choose_device(wanted: str) -> torch.device:
    """Return the device: "auto" takes CUDA where torch finds it.

    Also keeps torch's threads to the cores that this process may really use.

    Raises:
        UserError: UNAVAILABLE, CUDA was asked for and torch does not find it.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise unavailable_error(
            "device cuda was asked for, but torch finds no CUDA device; use --device cpu",
        )
    torch.set_num_threads(min(torch.get_num_threads(), available_cores()))
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def choose_precision(wanted: Precision, device: torch.device) -> Precision:
    """Return the precision: "auto" takes bf16 where it is faster, else fp16 on a GPU, else fp32.

    Raises:
        UserError: UNAVAILABLE, the device does not compute in the precision that is wanted.
    """
    on_cuda = device.type == "cuda"
    if on_cuda:
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        has_bf16 = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    if wanted == "auto":
        if has_bf16 and (on_cuda or bf16_speedup() >= WORTH_BF16):
            return "bf16"
        return "fp16" if on_cuda and not has_bf16 else "fp32"
    if (wanted == "bf16" and not has_bf16) or (wanted == "fp16" and not on_cuda):
        raise unavailable_error(
            "--precision {precision}: this {device} does not compute in it; "
            "leave it to auto or use fp32",
            precision=wanted,
            device=device.type.upper(),
        )
    return wanted


def bf16_speedup() -> float:
    """Return how many times faster this CPU multiplies matrices in bf16 than in fp32.

    Having the instructions says little: with AVX-512 BF16, some AMD processors are at 1.9, an Intel
    one without AMX at 0.6. All processes of a training return the same, the mean of what they find.
    """
    matrices = torch.ones(768, 768), torch.ones(768, 768, dtype=torch.bfloat16)
    seconds = [math.inf, math.inf]
    for _ in range(8):
        for number, matrix in enumerate(matrices):
            started = time.perf_counter()
            F.linear(matrix, matrix)
            seconds[number] = min(seconds[number], time.perf_counter() - started)
    speedup = torch.tensor(seconds[0] / seconds[1])
    return distributed.all_reduce(speedup).item() / distributed.world_size()


@contextmanager
def arithmetic(device: torch.device, precision: Precision) -> Iterator[None]:
    """Compute a forward pass in a precision, and on a CPU with a dropout that costs little."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    with torch.autocast(device.type, dtype, enabled=precision != "fp32"):
        if device.type == "cpu":
            with CheapDropout():
                yield
        else:
            yield
