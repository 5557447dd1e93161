"""Smoothing: LayerNorms whose channels int8 can hold, in a graph with the same answers.

A few channels of BERT's LayerNorms are tens of times larger than the others and eat the range of
all. They are shifted and scaled for the matrices that read them, and those matrices are changed so
that the product stays what it was (Xiao et al. 2023, section 4; the shift is Wei et al. 2023's).
"""

import copy
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from export.classifier import Batch
from export.onnx_graph import Array, GraphEditor

SMOOTHING = 0.5
"""Share of a channel's excess that moves from the activations into the weights (Xiao et al.: α)."""

Linear = tuple[onnx.NodeProto, onnx.NodeProto]
"""A product with a matrix, and the addition of its bias."""


def smooth(model: onnx.ModelProto, batches: Sequence[Batch]) -> onnx.ModelProto:
    """Return a model with the same answers whose matrices read evened-out LayerNorms.

    Args:
        model: the float32 graph.
        batches: its inputs for some texts, which show how large each channel gets.
    """
    graph = GraphEditor(model)
    readers = _linear_readers(graph)
    norms = []
    for node in graph.nodes:
        if node.op_type == "LayerNormalization" and node.output[0] in readers:
            norms.append(node)
    activations = record_activations(model, [norm.output[0] for norm in norms], batches)
    for norm in norms:
        name = norm.output[0]
        _smooth_norm(graph, norm, readers[name], *activations[name])
    return graph.finish()


def _linear_readers(graph: GraphEditor) -> dict[str, list[Linear]]:
    """Return the linear layers that read a name, where all products that read it have a bias."""
    biases: dict[str, onnx.NodeProto] = {}
    for node in graph.nodes:
        if node.op_type == "Add" and any(name in graph.weights for name in node.input):
            biases |= dict.fromkeys(node.input, node)
    readers: dict[str, list[Linear]] = {}
    without_bias = set()
    for product in graph.products():
        name, output = product.input[0], product.output[0]
        if output in biases:
            readers.setdefault(name, []).append((product, biases[output]))
        else:
            without_bias.add(name)
    return {name: layers for name, layers in readers.items() if name not in without_bias}


def _smooth_norm(
    graph: GraphEditor, norm: onnx.NodeProto, readers: list[Linear], mean: Array, peak: Array
) -> None:
    """Give the linear layers that read a LayerNorm a smoothed twin of it.

    The twin has other weights, (γ / s, (β - μ) / s); the residual connection keeps the original.
    Then W becomes s · W, and b becomes b + μ · W.
    """
    name = norm.output[0]
    scale = np.maximum(peak / np.median(peak), 1e-2) ** SMOOTHING
    twin = copy.deepcopy(norm)
    twin.name, twin.output[0] = f"{norm.name}.smooth", f"{name}.smooth"
    gamma, beta = graph.value(norm.input[1]), graph.value(norm.input[2])
    twin.input[1] = graph.put(f"{name}.gamma", gamma / scale)
    twin.input[2] = graph.put(f"{name}.beta", (beta - mean) / scale)
    graph.nodes.insert(graph.nodes.index(norm) + 1, twin)
    for product, addition in readers:
        weights = graph.value(product.input[1])
        (bias,) = (name for name in addition.input if name in graph.weights)
        # Constants are shared: none of them is changed in place.
        shifted = graph.put(f"{addition.name}.smooth", graph.value(bias) + mean @ weights)
        scaled = graph.put(f"{product.name}.smooth", weights * scale[:, None])
        addition.input[:] = [product.output[0], shifted]
        product.input[:] = [twin.output[0], scaled]


def record_activations(
    model: onnx.ModelProto, names: Sequence[str], batches: Sequence[Batch]
) -> dict[str, tuple[Array, Array]]:
    """Run a model, and return for each name its mean and largest |x - mean|, by channel `[K]`."""
    import onnxruntime

    if not names:
        return {}
    recorded = copy.deepcopy(model)
    recorded.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(
        recorded.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    texts = [session.run(names, batch) for batch in batches]
    found = {}
    for name, values in zip(names, zip(*texts, strict=True), strict=True):
        rows = [value.reshape(-1, value.shape[-1]) for value in values]  # [T, K] each
        mean = np.mean([row.mean(axis=0) for row in rows], axis=0)
        peak = np.max([np.abs(row - mean).max(axis=0) for row in rows], axis=0)
        found[name] = mean, np.maximum(peak, 1e-3)
    return found
