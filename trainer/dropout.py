"""Dropout that costs a CPU little.

With torch's own, a quarter of a training step of BERT goes into dropout on a CPU (12 layers of 384
channels, 2 cores): a number is drawn for each element, and kept as a float for the backward pass.
Eight random bits tell as well whether an element stays, and a byte keeps the answer.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class CheapDropout(TorchFunctionMode):
    """Replaces torch's dropout, and its attention with dropout, by those of this module."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.dropout:
            return dropout(*args, **kwargs)
        if func is F.scaled_dot_product_attention and kwargs.get("dropout_p"):
            return attention(*args, **kwargs)
        return func(*args, **kwargs)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Do `torch.nn.functional.dropout`, with `p` rounded to a multiple of 1/256, not in place.

    The random numbers are torch's, and the same however many threads there are.
    """
    del inplace  # it saves memory, and promises nothing
    return _Dropout.apply(input, p) if training and p else input


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Do `torch.nn.functional.scaled_dot_product_attention`, with the dropout of this module.

    Args:
        query: `[..., T, D]`.
        key: `[..., T, D]`.
        value: `[..., T, D]`.
        attn_mask: True, or an addend of 0, where a query reads a key, `[..., T, T]`.
        dropout_p: share of the attention that is dropped.
        is_causal: whether a query reads no key after its own; then there is no `attn_mask`.
        scale: factor of the scores; None is 1 / √D.
    """
    if is_causal:
        attn_mask = query.new_ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
    scores = query * (scale or query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill_(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        scores = scores.add_(attn_mask)
    return dropout(scores.softmax(-1), dropout_p) @ value


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, p: float) -> Tensor:
        # Eight decisions in each number of 64 bits, all of which are random in this range alone.
        words = torch.empty(-(-input.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        drawn = words.view(torch.uint8)[: input.numel()].view(input.shape)
        dropped = min(max(round(p * 256), 1), 255)
        kept = drawn >= dropped
        ctx.save_for_backward(kept)
        ctx.scale = 256 / (256 - dropped)
        return (input * kept).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (kept,) = ctx.saved_tensors
        return (gradient * kept).mul_(ctx.scale), None
