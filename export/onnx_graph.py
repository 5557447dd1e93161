"""An ONNX graph that is taken apart, changed, and put together again."""

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import helper, numpy_helper

from models.arrays import Float32

MIN_SIZE = 1 << 14
"""Number of elements below which weights stay float32: they make nothing smaller."""


class GraphEditor:
    """A copy of a model whose nodes and weights can be changed.

    Attributes:
        model: the copy; its graph is out of date until `finish`.
        opset: version of the standard operators.
        nodes: the nodes in the order of execution.
        weights: the constants by name.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = copy.deepcopy(model)
        self.opset = next(entry.version for entry in model.opset_import if not entry.domain)
        self.weights = {tensor.name: tensor for tensor in self.model.graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        # The tracer writes equal constants once, and an Identity for each other use.
        aliases = {}
        for node in self.model.graph.node:
            if node.op_type == "Identity" and node.input[0] in self.weights:
                aliases[node.output[0]] = node.input[0]
            else:
                self.nodes.append(node)
        for node in self.nodes:
            node.input[:] = [aliases.get(name, name) for name in node.input]

    def finish(self) -> onnx.ModelProto:
        """Return the model, without the constants that nothing uses any more."""
        graph = self.model.graph
        used = {name for node in self.nodes for name in node.input}
        tensors = [tensor for name, tensor in self.weights.items() if name in used]
        del graph.node[:], graph.initializer[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(tensors)
        if any(node.domain for node in self.nodes):
            self.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        return self.model

    def is_large(self, name: str) -> bool:
        """Whether a name is that of weights with `MIN_SIZE` elements or more."""
        return name in self.weights and np.prod(self.weights[name].dims) >= MIN_SIZE

    def products(self) -> list[onnx.NodeProto]:
        """Return the products of what texts change with a large constant matrix on the right."""
        varying = {value.name for value in self.model.graph.input}
        products = []
        for node in self.nodes:
            if varying.isdisjoint(node.input):
                continue  # ONNX Runtime computes it once, when it opens the file
            varying.update(node.output)
            if node.op_type == "MatMul" and self.is_large(node.input[1]):
                products.append(node)
        return [node for node in products if len(self.weights[node.input[1]].dims) == 2]

    def additions(self) -> dict[str, onnx.NodeProto]:
        """Return the additions of a constant vector, by what alone it is added to."""
        readers = Counter(name for node in self.nodes for name in node.input)
        found: dict[str, onnx.NodeProto] = {}
        for node in self.nodes:
            if node.op_type != "Add":
                continue
            for other, vector in (node.input, reversed(node.input)):
                is_vector = vector in self.weights and len(self.weights[vector].dims) == 1
                if is_vector and readers[other] == 1:
                    found[other] = node
        return found

    def value(self, name: str) -> Float32:
        """Return the value of a constant."""
        array: Float32 = numpy_helper.to_array(self.weights[name])
        return array

    def put(self, name: str, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """Add a constant of one dimension or more, and return its name."""
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(value, dtype), name)
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node after the others, and return the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def gives(self, name: str) -> bool:
        """Whether a node has an output of this name."""
        return any(name in node.output for node in self.nodes)
