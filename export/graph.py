"""Merges encoder, head and softmax into one ONNX graph, and reads back what was written."""

import hashlib
import io
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from models.classifier import Classifier
from models.command import ExitCode, UserError
from models.i18n import tr

OPSETS = range(14, 21)
"""What torch's TorchScript exporter writes for a BERT; 20 is its last."""

_OUTPUTS = ["probabilities", "features"]


def fold_temperature(classifier: Classifier, temperature: float) -> None:
    """Make the classifier's logits z / T, in place: (W·x + b) / T = (W / T)·x + b / T.

    The softmax then gives calibrated probabilities, and the features stay as they are.
    """
    with torch.no_grad():
        classifier.head.weight.div_(temperature)
        classifier.head.bias.div_(temperature)


class SoftmaxClassifier(nn.Module):
    """What the graph computes: probabilities `[B, C]`, and the features `[B, H]` behind them."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return `(probabilities, features)`."""
        features = self.classifier.features(input_ids, attention_mask, token_type_ids)
        return self.classifier.head(features).softmax(dim=-1), features


def trace(classifier: Classifier, *, opset: int, token_types: bool) -> onnx.ModelProto:
    """Trace the classifier into an ONNX graph whose batch and sequence axes are dynamic.

    The TorchScript exporter is used because it writes any opset up to 20 itself. The newer one
    builds opset 18 and converts down, and where that fails it keeps 18 and only logs it.

    Args:
        classifier: in evaluation mode, float32, its attention loaded as "eager".
        opset: one of `OPSETS`.
        token_types: whether the encoder uses `token_type_ids`.
    """
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if token_types else [])]
    # Two texts of eight tokens, the second padded: a shape that no branch could special-case.
    mask = torch.ones(2, 8, dtype=torch.int64)
    mask[1, 5:] = 0
    ids = torch.ones_like(mask)
    example = (ids, mask, torch.zeros_like(mask)) if token_types else (ids, mask)
    axes = {name: {0: "batch", 1: "sequence"} for name in names}
    axes |= {name: {0: "batch"} for name in _OUTPUTS}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # deprecation of this exporter; sizes seen as constants
        torch.onnx.export(
            SoftmaxClassifier(classifier).eval(),
            example,
            buffer,  # type: ignore[arg-type] # this exporter writes to files and buffers
            opset_version=opset,
            input_names=names,
            output_names=_OUTPUTS,
            dynamic_axes=axes,
            dynamo=False,
        )
    model = onnx.load_model_from_string(buffer.getvalue())
    for node in model.graph.node:
        node.ClearField("doc_string")  # names files of the machine that traced it
    return model


def digest(model: onnx.ModelProto, tokenizer: str, labels: Sequence[str]) -> str:
    """Return the SHA-256 over weights (by name), tokenizer and labels."""
    sha = hashlib.sha256()
    for weights in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        sha.update(weights.name.encode())
        sha.update(np.ascontiguousarray(numpy_helper.to_array(weights)).tobytes())
    sha.update(tokenizer.encode())
    sha.update(json.dumps(list(labels), ensure_ascii=False).encode())
    return sha.hexdigest()


@dataclass(frozen=True)
class Census:
    """What a written file holds, read from the file.

    Attributes:
        opset: of the standard domain.
        domains: other operator domains.
        inputs: name and shape, e.g. "input_ids int64 [batch, sequence]".
        outputs: likewise.
        answer: the operator that gives `probabilities`.
        nodes: how many.
    """

    opset: int
    domains: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    answer: str
    nodes: int


def census(model: onnx.ModelProto) -> Census:
    """Read a model's signature and operators."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    return Census(
        opset=versions.pop("", 0) or versions.pop("ai.onnx", 0),
        domains=tuple(sorted(versions)),
        inputs=tuple(map(_signature, model.graph.input)),
        outputs=tuple(map(_signature, model.graph.output)),
        answer=makers.get("probabilities", ""),
        nodes=len(model.graph.node),
    )


def check_census(found: Census, *, opset: int, token_types: bool) -> None:
    """Compare what was written with what was asked for.

    Raises:
        UserError: CONFIG, naming the first difference.
    """
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if token_types else [])]
    expected = {
        "opset": opset,
        "inputs": tuple(f"{name} int64 [batch, sequence]" for name in inputs),
        "answer": "Softmax",
    }
    for name, value in expected.items():
        if getattr(found, name) != value:
            raise UserError(
                ExitCode.CONFIG,
                tr(
                    "the written graph is not what was asked for: expected {name} {expected}, "
                    "found {found}",
                    name=name,
                    expected=value,
                    found=getattr(found, name),
                ),
            )


def _signature(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    shape = ", ".join(axis.dim_param or str(axis.dim_value) for axis in tensor.shape.dim)
    return f"{value.name} {kind} [{shape}]"
