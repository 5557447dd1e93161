"""Fuses a graph for CUDA, and reads back what was written."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from models.console import config_error


def fuse(model: onnx.ModelProto, config: Any, *, fp16: bool) -> onnx.ModelProto:
    """Fuse attention, GELU and normalisation into operators that CUDA has kernels for.

    Only for CUDA: on CPUs the fused graph was slower than what ONNX Runtime makes of the plain one
    when it opens it (its SkipLayerNormalization took ten times an Add and a LayerNormalization).
    Level 0 leaves the rest to the session, which knows the machine. The raw mask is right wherever
    the padding stands.

    Args:
        model: the float32 graph.
        config: configuration of the encoder, by transformers.
        fp16: convert to float16, except the head, the softmax, inputs and outputs.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST
    from onnxruntime.transformers.onnx_model import OnnxModel
    from optimum.onnxruntime import OptimizationConfig, ORTOptimizer
    from transformers import BertConfig

    options = OptimizationConfig(
        optimization_level=0, optimize_for_gpu=True, use_raw_attention_mask=True
    )
    # It looks for BERT's attention in all encoders, but knows few of them by name.
    bert = BertConfig(
        hidden_size=config.hidden_size, num_attention_heads=config.num_attention_heads
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        ORTOptimizer([path], bert).optimize(options, folder, file_suffix=None)
        optimized = OnnxModel(onnx.load(path))
    if fp16:
        optimized.convert_float_to_float16(
            keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, "Gemm", "Softmax"]
        )
        optimized.topological_sort()
    fused: onnx.ModelProto = optimized.model
    return fused


@dataclass(frozen=True)
class GraphSummary:
    """Signature and operators of a graph.

    Attributes:
        opset: version of the standard operators.
        domains: domains of other operators.
        inputs: names, types and shapes, e.g. "input_ids int64 [batch, sequence]".
        outputs: names, types and shapes.
        last_operator: the operator that gives `probabilities`.
        nodes: number of nodes.
        operators: number of nodes by operator.
    """

    opset: int
    domains: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last_operator: str
    nodes: int
    operators: Counter[str]

    def check(self, **expected: object) -> None:
        """Compare the graph with what was asked for.

        Args:
            expected: values of attributes, or numbers of nodes by operator.

        Raises:
            UserError: CONFIG, naming the first difference.
        """
        for name, value in expected.items():
            found = getattr(self, name, self.operators[name])
            if found != value:
                raise config_error(
                    "the written graph is not what was asked for: expected {name} {expected}, "
                    "found {found}",
                    name=name,
                    expected=value,
                    found=found,
                )


def summarise(model: onnx.ModelProto) -> GraphSummary:
    """Summarise the graph of a model."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    return GraphSummary(
        opset=versions.pop("", 0) or versions.pop("ai.onnx", 0),
        domains=tuple(sorted(versions)),
        inputs=tuple(map(_signature, model.graph.input)),
        outputs=tuple(map(_signature, model.graph.output)),
        last_operator=makers.get("probabilities", ""),
        nodes=len(model.graph.node),
        operators=Counter(node.op_type for node in model.graph.node),
    )


def _signature(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    shape = ", ".join(axis.dim_param or str(axis.dim_value) for axis in tensor.shape.dim)
    return f"{value.name} {kind} [{shape}]"
