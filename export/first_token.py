"""The last layer of an encoder, computed for the one token that the classifier reads."""

from typing import Any

from torch import Tensor, nn

BERT_LIKE = ("bert", "camembert", "electra", "ernie", "roberta", "xlm-roberta")
"""Model types whose layers transformers builds alike, as `FirstTokenLayer` needs them. MacBERT, RBT
and the Chinese RoBERTa-wwm models say "bert"."""


class FirstTokenLayer(nn.Module):
    """The last layer of a BERT-like encoder, for the first token alone.

    The classifier sees nothing else of that layer, so one query is asked, and one row goes through
    the feed-forward part: `[B, T, H]` becomes `[B, 1, H]`, with the numbers that the whole layer
    would give for it. With a single query nothing needs keys and values either: q·(Wₖh + bₖ) is
    (Wₖᵀq)·h plus a constant that softmax removes, and Σ wᵢ(Wᵥhᵢ + bᵥ) is Wᵥ(Σ wᵢhᵢ) + bᵥ.

    Args:
        layer: the whole layer, by transformers.
        heads: number of attention heads.
        as_tuple: whether the encoder of this transformers expects a tuple.
    """

    def __init__(self, layer: Any, heads: int, *, as_tuple: bool) -> None:
        super().__init__()
        self.layer = layer
        self.as_tuple = as_tuple
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
        """Return `[B, 1, H]`, in a tuple where one is expected.

        Args:
            hidden: `[B, T, H]`.
            attention_mask: what is added to the scores, `[B, 1, 1 or T, T]`.
        """
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
        output: Tensor = self.layer.output(self.layer.intermediate(attended), attended)
        return (output,) if self.as_tuple else output
