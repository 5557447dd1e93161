"""Merges encoder, head and softmax into one ONNX graph, and reads back what was written."""

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
import torch
from torch import nn

from models.console.command import ExitCode, UserError

_OUTPUTS = ["probabilities", "features"]


def trace(module: nn.Module, names: Sequence[str], *, opset: int) -> onnx.ModelProto:
    """Trace a classifier into an ONNX graph whose batch and sequence axes are dynamic.

    The TorchScript exporter is used because it writes any opset up to 20 itself. The newer one
    builds opset 18 and converts down, and where that fails it keeps 18 and only logs it.

    Args:
        module: gives `(probabilities, features)`; float32, in evaluation mode, with "eager"
            attention.
        names: names of its inputs, in order.
        opset: version of the operators, 14 to 20, this exporter's last.
    """
    # Two texts of eight tokens, the second padded: a shape that no branch could special-case.
    mask = torch.ones(2, 8, dtype=torch.int64)
    mask[1, 5:] = 0
    ids = torch.ones_like(mask)
    example = (ids, mask, torch.zeros_like(mask))[: len(names)]
    axes = {name: {0: "batch", 1: "sequence"} for name in names}
    axes |= {name: {0: "batch"} for name in _OUTPUTS}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        # It warns that it is deprecated, and of sizes that become constants, which are meant to.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            buffer,  # type: ignore[arg-type] # this exporter writes to files and buffers
            opset_version=opset,
            input_names=list(names),
            output_names=_OUTPUTS,
            dynamic_axes=axes,
            dynamo=False,
        )
    model = onnx.load_model_from_string(buffer.getvalue())
    for node in model.graph.node:
        node.ClearField("doc_string")  # it names files of this machine
    return model


def fuse(model: onnx.ModelProto, *, heads: int, hidden: int, fp16: bool) -> onnx.ModelProto:
    """Fuse attention, GELU and normalisation into operators that CUDA has kernels for.

    Only for CUDA: on CPUs the fused graph was slower than what ONNX Runtime makes of the plain one
    when it opens it (its SkipLayerNormalization took ten times an Add and a LayerNormalization).
    onnxruntime's own optimizer, which optimum's ORTOptimizer calls with an ORTModel of optimum's
    making, that would have neither our softmax nor our features. Level 0 leaves the rest to the
    session, which knows the machine. The raw mask is right wherever the padding stands.

    Args:
        model: the float32 graph.
        heads: number of attention heads.
        hidden: size of the encoder's vectors.
        fp16: convert to float16, except the head, the softmax, inputs and outputs.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    options.use_raw_attention_mask(True)
    options.enable_embed_layer_norm = False  # one node fewer, and none to find the token table by
    optimized = optimize_model(
        model, "bert", heads, hidden, optimization_options=options, opt_level=0, use_gpu=True
    )
    if fp16:
        optimized.convert_float_to_float16(
            keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, "Gemm", "Softmax"]
        )
        optimized.topological_sort()
    fused: onnx.ModelProto = optimized.model
    if all(entry.domain != "com.microsoft" for entry in fused.opset_import):
        fused.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
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
                raise UserError(
                    ExitCode.CONFIG,
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
