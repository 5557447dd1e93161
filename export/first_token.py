"""The last layer of an encoder, computed for the one token that the classifier reads."""

from typing import Any

import torch
from torch import Tensor, nn

from models.tracing import example
from models.vetting import INPUTS

_PARTS = """
attention.self.query attention.self.key attention.self.value
attention.output.dense attention.output.LayerNorm
intermediate.dense output.dense output.LayerNorm
"""

PARTS = set(_PARTS.split())
"""The parts of BERT's layer that have weights."""


@torch.inference_mode()
def shorten(classifier: nn.Module, encoder: Any) -> str | None:
    """Let the last layer of an encoder be traced for the first token alone, if no other is read.

    A layer with the parts of BERT's may still use them in another way, as RoFormer's, and a
    classifier may read all tokens: what the head sees of an example decides.

    Args:
        classifier: gives `(probabilities, features)`.
        encoder: the encoder in it, by transformers.

    Returns:
        Part of the names of the layer's nodes; None where the layer stays as it is.
    """
    layers = getattr(getattr(encoder, "encoder", None), "layer", None) or [nn.Identity()]
    whole = layers[-1]
    parts = {name.rpartition(".")[0] for name, _ in whole.named_parameters()}
    if parts != PARTS:
        return None
    batch = example(INPUTS[:2])
    _, expected = classifier(**batch)
    layers[-1] = short = FirstTokenLayer(whole, encoder.config.num_attention_heads)
    _, features = classifier(**batch)
    short.only_traced = True
    if torch.allclose(features, expected, rtol=1e-4, atol=1e-5):
        return f"/layer.{len(layers) - 1}/"
    layers[-1] = whole
    return None


class FirstTokenLayer(nn.Module):
    """The last layer of a BERT-like encoder, traced for the first token alone.

    The classifier sees nothing else of that layer, so one query is asked, and one row goes through
    the feed-forward part: `[B, T, H]` becomes `[B, 1, H]`, with the numbers that the whole layer
    would give for it. With a single query nothing needs keys and values either: q·(Wₖh + bₖ) is
    (Wₖᵀq)·h plus a constant that softmax removes, and Σ wᵢ(Wᵥhᵢ + bᵥ) is Wᵥ(Σ wᵢhᵢ) + bᵥ.

    Args:
        layer: the whole layer, by transformers.
        heads: number of attention heads.

    Attributes:
        only_traced: the whole layer answers, unless a graph is made.
    """

    def __init__(self, layer: Any, heads: int) -> None:
        super().__init__()
        self.layer = layer
        self.only_traced = False
        attention = layer.attention.self
        hidden = attention.query.out_features
        size = hidden // heads
        self.keys: Tensor  # [heads, size, H]
        self.values: Tensor  # [heads, H, size]
        keys = attention.key.weight.detach().view(heads, size, hidden) * size**-0.5
        values = attention.value.weight.detach().view(heads, size, hidden).transpose(1, 2)
        self.register_buffer("keys", keys)
        self.register_buffer("values", values.contiguous())

    def forward(self, hidden: Tensor, attention_mask: Tensor, *_: Any, **__: Any) -> Any:
        """Return `[B, 1, H]`.

        Args:
            hidden: `[B, T, H]`.
            attention_mask: what is added to the scores, `[B, 1, 1 or T, T]`.
        """
        if self.only_traced and not torch.onnx.is_in_onnx_export():
            return self.layer(hidden, attention_mask)
        heads, size, _hidden = self.keys.shape
        attention = self.layer.attention.self
        first = hidden[:, :1]
        # Products of this shape are summed in the same order whatever else is in the batch.
        query = attention.query(first).reshape(-1, heads, 1, size)
        asked = (query @ self.keys).reshape(-1, heads, hidden.shape[2])  # [B, heads, H]
        scores = (hidden @ asked.transpose(1, 2)).transpose(1, 2)  # [B, heads, T]
        weights = (scores + attention_mask[:, 0, :1]).softmax(dim=-1)
        mixed = weights @ hidden  # [B, heads, H]
        context = (mixed.unsqueeze(2) @ self.values).reshape(first.shape)  # [B, 1, H]
        attended = self.layer.attention.output(context + attention.value.bias, first)
        return (self.layer.output(self.layer.intermediate(attended), attended),)
