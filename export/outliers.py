"""Outliers: the few neurons of a feed-forward part that stay float32 where all have one scale.

After GELU a few neurons are several times as large as all others. One scale that holds them leaves
few of the 256 steps to the rest; so they get a small product of their own (Dettmers et al. 2022,
section 3.2, for neurons that are known before: the rest of the graph is as it was).
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper

from export.onnx_graph import GraphEditor
from export.smoothing import Channels

OUTLIERS = 8
"""Number of neurons: on a frozen encoder 8 leave 0.30 of the error of their product, 32 0.25."""

APART = "/apart"
"""Part of the names of the products of outliers."""


def set_apart(
    model: onnx.ModelProto, read: Mapping[str, Channels], short_layer: str | None
) -> onnx.ModelProto:
    """Return a model with the same answers whose outliers have products of their own.

    Args:
        model: the float32 graph.
        read: what products multiply, by its name.
        short_layer: part of the names of products that stay float32 as they are.
    """
    graph = GraphEditor(model)
    biases = graph.additions()
    for product in graph.products():
        values, matrix = product.input
        width, columns = graph.weights[matrix].dims
        if width <= columns:
            continue  # only the second matrix of a feed-forward part reads GELU
        if short_layer is not None and short_layer in product.name:
            continue
        neurons = np.sort(np.argsort(read[values].high)[-OUTLIERS:])
        weights = graph.value(matrix).copy()
        few = graph.put(f"{matrix}{APART}", weights[neurons])
        weights[neurons] = 0
        product.input[1] = graph.put(f"{matrix}.rest", weights)
        last = biases.get(product.output[0], product)
        whole = last.output[0]
        last.output[0] = f"{whole}.rest"
        indices = graph.put(f"{matrix}.outliers", neurons, np.int64)
        found, part, name = f"{whole}.outliers", f"{whole}{APART}", f"{product.name}{APART}"
        place = graph.nodes.index(last) + 1
        graph.nodes[place:place] = [
            helper.make_node("Gather", [values, indices], [found], axis=-1),
            helper.make_node("MatMul", [found, few], [part], name),
            helper.make_node("Add", [last.output[0], part], [whole]),
        ]
    return graph.finish()
