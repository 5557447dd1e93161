"""Tries whether what is made of an encoder can be exported, before it is trained."""

import copy
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Float32
from models.classifier import Classifier, inputs
from models.console import UserError, tr
from models.encoder import Encoder, configuration, unexportable
from models.tokenizer import Tokenizer
from models.untrusted import MAX_BYTES, RefusedError
from models.vetting import check_operators

OPSET = 17

MAX_BY_PADDING = 1e-3
"""Largest difference in a feature by torch, of the largest feature, between a text alone and among
longer ones."""

_tried: dict[str, str] = {}  # configuration → what is wrong with it, or ""

TEXTS = (
    "",
    "好",
    "差。",
    "还行",
    "真香！",
    "😀👍🏻❤️",
    "OK, not bad at all.",
    "房間很乾淨，服務也周到，下次還會再來。",
)
"""Texts of several lengths and scripts, as long as the shortest model reads."""


def check_encoder(classifier: Classifier, encoder: Encoder, max_length: int) -> None:
    """Refuse an encoder that fails at a text, whose answers depend on padding, or has no graph.

    Raises:
        UserError: as `check_size` and `check_padding`; CONFIG, no graph of it can be traced that
            the app opens.
    """
    check_size(encoder.module)
    tokenizer = Tokenizer(encoder.tokenizer, max_length)

    @torch.inference_mode()
    def features(texts: Sequence[str]) -> Float32:
        batch = inputs(tokenizer, tokenizer.encode(texts), np.arange(len(texts)))
        vectors: Float32 = classifier.features(**batch).numpy()
        return vectors

    check_padding(features, encoder.module)
    if find_spec("optimum") is None:
        return  # it comes with the export, which may be on another machine
    key = configuration(encoder.module.config)
    if key not in _tried:
        _tried[key] = _problem_of(encoder, tokenizer.has_token_types)
    if _tried[key]:
        raise unexportable(encoder.module, _tried[key])


def check_size(encoder: nn.Module) -> None:
    """Raise UserError CONFIG for more weights than one ONNX file holds in fp32."""
    size = 4 * sum(weight.numel() for weight in encoder.parameters())
    if size > MAX_BYTES:
        reason = tr("{size:.1f} GB of weights, and an ONNX file holds 2 GB", size=size / 1e9)
        raise unexportable(encoder, reason)


def check_padding(features: Callable[[Sequence[str]], Float32], encoder: Any) -> None:
    """Refuse a classifier whose answers depend on the padding beside a text, as ConvBERT's do.

    Args:
        features: returns the features of some texts, padded, `[texts, H]`.
        encoder: the encoder behind them, by transformers.

    Raises:
        UserError: CONFIG, the features of a text alone and among longer ones differ, it fails at a
            text, or optimum does not know it.
    """
    try:
        alone = np.concatenate([features([text]) for text in TEXTS])
        together = features(TEXTS)
        if not np.abs(alone - together).max() <= MAX_BY_PADDING * np.abs(alone).max():
            raise ValueError(tr("its answers depend on the padding beside a text"))
    except Exception as error:  # of the code of any encoder
        raise unexportable(encoder, str(error)) from error


class _Traced(nn.Module):
    """A classifier with the two outputs of the graph."""

    def __init__(self, classifier: Classifier, config: Any) -> None:
        super().__init__()
        self.classifier, self.config = classifier, config

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        features = self.classifier.features(input_ids, attention_mask, token_type_ids)
        return self.classifier.head(features).softmax(dim=-1), features


def _problem_of(encoder: Encoder, has_types: bool) -> str:
    """Return why two random layers of an encoder become no graph that the app opens, or ""."""
    from transformers import AutoModel

    from models.tracing import inputs_of, trace

    config = copy.deepcopy(encoder.module.config)
    names = [name for name in inputs_of(config) if has_types or name != "token_type_ids"]
    if not names:
        return tr("optimum knows no such encoder")
    config.num_hidden_layers = min(config.num_hidden_layers, 2)
    config.vocab_size = min(config.vocab_size, 64 + (config.pad_token_id or 0))
    with torch.random.fork_rng(devices=[]):
        module = AutoModel.from_config(config, attn_implementation="eager")
        traced = _Traced(Classifier(module, encoder.hidden, 2, "cls"), config).eval()
    try:
        check_operators(trace(traced, module, names, opset=OPSET))
    except RefusedError as error:
        return str(error)
    except UserError as error:  # which names the encoder, as this will
        return str(error.__cause__)
    return ""
