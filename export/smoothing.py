"""Smoothing: LayerNorms whose channels int8 can hold, in a graph with the same answers.

A few channels of BERT's LayerNorms are tens of times larger than the others and eat the range of
all. They are shifted and scaled for the matrices that read them, and those matrices are changed so
that the product stays what it was (Xiao et al. 2023, section 4; the shift is Wei et al. 2023's).
"""

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper

from export.onnx_graph import GraphEditor
from models.arrays import Float32
from models.tokenizer import Batch

SMOOTHING = 0.5
"""Share of a channel's excess that moves from the activations into the weights (Xiao et al.: α)."""


class Channels(NamedTuple):
    """What the channels of an activation are for some texts, `[K]` each.

    Attributes:
        mean: mean over the texts of the mean over their tokens.
        low: smallest value.
        high: largest value.
    """

    mean: Float32
    low: Float32
    high: Float32


def smooth(model: onnx.ModelProto, batches: Sequence[Batch]) -> onnx.ModelProto:
    """Return a model with the same answers whose matrices read evened-out LayerNorms.

    Args:
        model: the float32 graph.
        batches: its inputs for some texts, each text alone: they show how large each channel gets.
    """
    graph = GraphEditor(model)
    biases = graph.additions()
    readers = defaultdict(list)
    for product in graph.products():
        readers[product.input[0]].append(product)
    norms = []
    for node in graph.nodes:
        products = readers[node.output[0]]
        has_biases = all(product.output[0] in biases for product in products)
        if node.op_type == "LayerNormalization" and products and has_biases:
            norms.append(node)
    activations = record_activations(model, [norm.output[0] for norm in norms], batches)
    for norm in norms:
        mean, low, high = activations[norm.output[0]]
        peak = np.maximum(np.maximum(high - mean, mean - low), 1e-3)
        scale = np.maximum(peak / np.median(peak), 1e-2) ** SMOOTHING
        twin = _smoothed_twin(graph, norm, mean, scale)
        for product in readers[norm.output[0]]:
            _compensate(graph, product, biases[product.output[0]], mean, scale)
            product.input[0] = twin
    return graph.finish()


def _smoothed_twin(graph: GraphEditor, norm: onnx.NodeProto, mean: Float32, scale: Float32) -> str:
    """Add a LayerNorm with the weights (γ / s, (β - μ) / s), and return the name of its output.

    The residual connection keeps the original.
    """
    name = norm.output[0]
    gamma, beta = graph.value(norm.input[1]), graph.value(norm.input[2])
    twin = copy.deepcopy(norm)
    twin.name = f"{norm.name}.smooth"
    twin.output[0] = f"{name}.smooth"
    twin.input[1] = graph.put(f"{name}.gamma", gamma / scale)
    twin.input[2] = graph.put(f"{name}.beta", (beta - mean) / scale)
    graph.nodes.insert(graph.nodes.index(norm) + 1, twin)
    return str(twin.output[0])


def _compensate(
    graph: GraphEditor,
    product: onnx.NodeProto,
    addition: onnx.NodeProto,
    mean: Float32,
    scale: Float32,
) -> None:
    """Make W into s · W and b into b + μ · W, in new constants: others may share the old ones."""
    weights = graph.value(product.input[1])
    (bias,) = (name for name in addition.input if name in graph.weights)
    shifted = graph.value(bias) + mean @ weights
    addition.input[:] = [product.output[0], graph.put(f"{addition.name}.smooth", shifted)]
    product.input[1] = graph.put(f"{product.name}.smooth", weights * scale[:, None])


def record_activations(
    model: onnx.ModelProto, names: Sequence[str], batches: Sequence[Batch]
) -> dict[str, Channels]:
    """Run a model on some texts, each alone, and return what activations there are, by name."""
    import onnxruntime

    if not names:
        return {}
    recorded = copy.deepcopy(model)
    recorded.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(
        recorded.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: dict[str, list[Channels]] = defaultdict(list)
    for batch in batches:
        for name, values in zip(names, session.run(names, batch), strict=True):
            rows = values.reshape(-1, values.shape[-1])  # [T, K]
            found[name].append(Channels(rows.mean(axis=0), rows.min(axis=0), rows.max(axis=0)))
    recorded_channels = {}
    for name, of_texts in found.items():
        mean, low, high = (np.stack(values) for values in zip(*of_texts, strict=True))
        recorded_channels[name] = Channels(mean.mean(axis=0), low.min(axis=0), high.max(axis=0))
    return recorded_channels
