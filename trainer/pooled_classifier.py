"""A text classifier as this project trains it, for transformers: saved beside its weights.

It imports nothing of ours, for `from_pretrained(…, trust_remote_code=True)` reads it from there.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class PooledConfig(PretrainedConfig):  # type: ignore[misc]
    """Configuration: that of the encoder, and the pooling, "cls" or "mean"."""

    model_type = "pooled-classifier"

    def __init__(
        self, encoder: dict[str, Any] | None = None, pooling: str = "mean", **others: Any
    ) -> None:
        super().__init__(**others)
        self.encoder = encoder or {}
        self.pooling = pooling


class PooledClassifier(PreTrainedModel):  # type: ignore[misc]
    """An encoder, one vector of each text, and one linear layer: no pooler, no tanh."""

    config_class = PooledConfig

    def __init__(self, config: PooledConfig) -> None:
        super().__init__(config)
        self.encoder = AutoModel.from_config(AutoConfig.for_model(**config.encoder))
        if hasattr(self.encoder, "pooler"):
            self.encoder.pooler = nn.Identity()  # SqueezeBERT calls it whether there is one or not
        self.classifier = nn.Linear(self.encoder.config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> SequenceClassifierOutput:
        """Return logits `[B, C]`, and the loss where there are labels `[B]`."""
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        output = self.encoder(input_ids, attention_mask=attention_mask, **inputs)
        hidden = output.last_hidden_state  # [B, T, H]
        vectors = hidden[:, 0]
        if self.config.pooling == "mean":
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            vectors = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        logits = self.classifier(vectors)
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)
