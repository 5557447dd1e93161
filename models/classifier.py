"""The classifier: a BERT encoder, one vector per text, one linear layer.

B = texts in the batch, T = tokens of the longest, H = hidden size, C = labels.
"""

import inspect
from typing import Literal

import torch
from torch import Tensor, nn

from models.arrays import Rows
from models.tokenizer import Tokenizer, Tokens

Pooling = Literal["cls", "mean"]


def pool(hidden: Tensor, attention_mask: Tensor, pooling: Pooling) -> Tensor:
    """Reduce the last hidden states to one vector per text.

    Args:
        hidden: `[B, T, H]`.
        attention_mask: 1 for a token, 0 for padding, `[B, T]`.
        pooling: "cls" takes the first token's vector, as BERT was trained for (Devlin et al. 2019,
            section 3.1); "mean" averages all tokens (Reimers & Gurevych 2019, section 3), which is
            better for a frozen encoder.

    Returns:
        `[B, H]`.
    """
    if pooling == "cls":
        return hidden[:, 0]
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)  # [B, T, 1]
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)  # a text has two special tokens at least


def inputs(
    tokenizer: Tokenizer,
    tokens: Tokens,
    rows: Rows,
    device: torch.device | None = None,
) -> dict[str, Tensor]:
    """Return the encoder's inputs for some rows: `[rows, longest]`, padded on the right."""
    batch = tokens.batch(rows, tokenizer.pad_id)
    if not tokenizer.has_token_types:
        del batch["token_type_ids"]
    return {name: torch.from_numpy(ids).to(device) for name, ids in batch.items()}


class Classifier(nn.Module):
    """Encoder, pooling, and a head of `H × C + C` parameters.

    Attributes:
        encoder: a transformers encoder, without its pooler.
        reads_types: the encoder has token types.
        head: `Linear(H, C)`; for bert-base-chinese and two labels 1,538 parameters.
    """

    def __init__(self, encoder: nn.Module, hidden: int, labels: int, pooling: Pooling) -> None:
        super().__init__()
        self.encoder = encoder
        self.reads_types = "token_type_ids" in inspect.signature(encoder.forward).parameters
        self.pooling: Pooling = pooling
        self.head = nn.Linear(hidden, labels)

    def hidden_states(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Return the last hidden states, `[B, T, H]` for inputs `[B, T]`."""
        types = {}
        if token_type_ids is not None and self.reads_types:
            types["token_type_ids"] = token_type_ids
        output = self.encoder(input_ids, attention_mask=attention_mask, **types)
        hidden: Tensor = output.last_hidden_state
        return hidden

    def features(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Return what the head sees: `[B, H]` for inputs `[B, T]`."""
        hidden = self.hidden_states(input_ids, attention_mask, token_type_ids)
        return pool(hidden, attention_mask, self.pooling)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Return logits `[B, C]`. Softmax belongs to the loss in training, to the graph in use."""
        logits: Tensor = self.head(self.features(input_ids, attention_mask, token_type_ids))
        return logits
