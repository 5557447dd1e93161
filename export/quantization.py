"""int8: weights in a quarter of the space, and most of the multiplications in integers.

A matrix gets one scale per column, an embedding table one per row, both symmetric: w ≈ q · s with
s = max|w| / 127 (Jacob et al. 2018, section 2.1), or max|w| / 64: see `REDUCED`. What a matrix is
multiplied with is quantised while the model runs, **each token by itself**: x ≈ (q - 128) · s with
s = max|x| / 127 over that token's vector (Dettmers et al. 2022, section 2.1, "vector-wise"). So an
answer does not depend on the rest of the batch. ONNX Runtime's own dynamic quantisation, which
optimum's ORTQuantizer calls, has one scale for the whole batch: for the first built-in model it
changed 3 to 6 % of the labels on dev and moved probabilities by up to 0.3 with the batch, at three
quarters of this one's speed; MatMulNBits, with a scale for each 32 weights, kept 99.3 % at 1.3
times the speed of fp32.

A few channels of BERT's LayerNorms are tens of times larger than the others and eat the range of
all. `_smooth` shifts and scales them for the matrices that read them, and changes those matrices so
that the product stays what it was (Xiao et al. 2023, section 4; the shift is Wei et al. 2023's).
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.sources import Batch

MIN_SIZE = 1 << 14
"""Weights with fewer elements than this stay float32: they make nothing smaller."""

SMOOTHING = 0.5
"""How much of a channel's excess moves from the activations into the weights (Xiao et al.: α)."""

WEIGHTS_ONLY = "weights only"

REDUCED = 64
"""The largest int8 weight q of which 2 · 255 · q fits 16 bits, in which processors without VNNI add
two products: up to it they are exact and fast (ONNX Runtime calls such weights "reduce_range")."""


class Form(NamedTuple):
    """What an int8 graph multiplies in integers.

    Attributes:
        largest: of the int8 weights there; finer, if it is larger, but see `REDUCED`.
        floats: part of the names of the products that are none of it: there the weights are
            multiplied back by Cast and Mul, which ONNX Runtime does once, when it opens the file.
    """

    largest: int
    floats: str | None


FORMS = {
    "all products": Form(REDUCED, None),
    "all products, finer": Form(127, None),
    "feed-forward products": Form(127, "/attention/self/"),
    WEIGHTS_ONLY: Form(127, ""),
}
"""Of all products, queries, keys and values suffer most from rounding."""

Array = NDArray[np.float32]


def candidates(
    exact: onnx.ModelProto, batches: Sequence[Batch], keep: str | None
) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Yield int8 forms of a float32 model, named as in `FORMS`, from fast to careful.

    The order does not depend on a clock, so that the same run gives the same file.

    Args:
        exact: the float32 graph.
        batches: its inputs for some texts, each text alone: they show what the LayerNorms give.
        keep: see `quantize`.
    """
    smooth = _smooth(exact, batches)
    for name in FORMS:
        yield name, quantize(exact if name == WEIGHTS_ONLY else smooth, name, keep)


def quantize(model: onnx.ModelProto, form: str, keep: str | None) -> onnx.ModelProto:
    """Return a copy of a float32 model with its matrices and embedding tables in int8.

    Args:
        model: float32.
        form: of `FORMS`.
        keep: part of the names of products of a single row: integers would make them less exact and
            no faster.
    """
    graph = _Graph(model)
    largest, excepted = FORMS[form]
    floats = [part for part in (excepted, keep) if part is not None]
    matrices = {
        node.name for node in graph.matrices() if not any(part in node.name for part in floats)
    }
    old, graph.nodes = graph.nodes, []
    for node in old:
        weights = next((name for name in node.input if graph.is_large(name)), None)
        if node.name in matrices:
            graph.multiply(node, largest)
        elif node.op_type == "Gather" and weights == node.input[0]:
            graph.look_up(node)
        else:
            if node.op_type == "MatMul" and weights == node.input[1]:
                node.input[1] = graph.restore(weights)
            graph.nodes.append(node)
    return graph.finish()


class _Graph:
    """A copy of a model, taken apart for surgery.

    Attributes:
        nodes: in the order of execution.
        weights: the constants by name.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = copy.deepcopy(model)
        self.opset = next(entry.version for entry in model.opset_import if not entry.domain)
        self.weights = {tensor.name: tensor for tensor in self.model.graph.initializer}
        # The tracer writes equal constants once, and an Identity for each other use.
        alias = {
            node.output[0]: node.input[0]
            for node in self.model.graph.node
            if node.op_type == "Identity" and node.input[0] in self.weights
        }
        self.nodes = [node for node in self.model.graph.node if node.output[0] not in alias]
        for node in self.nodes:
            node.input[:] = [alias.get(name, name) for name in node.input]

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
        return name in self.weights and np.prod(self.weights[name].dims) >= MIN_SIZE

    def matrices(self) -> list[onnx.NodeProto]:
        """Return the products with a constant matrix on the right."""
        return [
            node
            for node in self.nodes
            if node.op_type == "MatMul"
            and self.is_large(node.input[1])
            and len(self.weights[node.input[1]].dims) == 2
        ]

    def value(self, name: str) -> Array:
        array: Array = numpy_helper.to_array(self.weights[name])
        return array

    def put(self, name: str, array: NDArray[np.generic]) -> str:
        """Add a constant, and return its name."""
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node, and return the name of what it gives."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def int8(self, name: str, axis: int, largest: int = 127) -> tuple[str, str]:
        """Add the int8 form of weights, with one scale along `axis`; return both names."""
        weights = self.value(name)
        scales = np.maximum(np.abs(weights).max(axis=axis, keepdims=True) / largest, 1e-12)
        values = self.put(f"{name}.int8", np.rint(weights / scales).astype(np.int8))
        return values, self.put(f"{name}.scale", scales.astype(np.float32))

    def restore(self, name: str) -> str:
        """Make weights `[..., K, N]` from int8 values and a scale per column, once."""
        product = f"{name}.product"
        if not any(product in node.output for node in self.nodes):
            values, scales = self.int8(name, axis=-2)
            floats = self.add("Cast", [values], f"{name}.cast", to=TensorProto.FLOAT)
            self.add("Mul", [floats, scales], product)
        return product

    def look_up(self, node: onnx.NodeProto) -> None:
        """Look rows of an embedding table up in int8, and multiply only those back."""
        name, output = node.input[0], node.output[0]
        values, scales = self.int8(name, axis=1)
        found = self.add("Gather", [values, node.input[1]], f"{output}.int8")
        floats = self.add("Cast", [found], f"{output}.cast", to=TensorProto.FLOAT)
        scale = self.add("Gather", [scales, node.input[1]], f"{output}.scale")
        self.add("Mul", [floats, scale], output)

    def multiply(self, node: onnx.NodeProto, largest: int) -> None:
        """Multiply uint8 rows with an int8 matrix, and scale the product by column and by row."""
        name, output = node.input[1], node.output[0]
        width, columns = self.weights[name].dims
        # The second matrix of the feed-forward part reads GELU, which is nowhere below -0.17. (Of
        # another activation more might be cut off; then the gate refuses it.)
        zero, least = (25, 0.17 * 230 / 25) if width > columns else (128, 1e-8)
        rows, row_scales, shape = self.rows(node.input[0], width, zero, least)
        values, scales = self.int8(name, axis=0, largest=largest)
        one = self.put("int8.one", np.array(1, np.float32))
        product = f"{output}.columns"
        flat = self.put(f"{name}.scales", self.value(scales)[0])
        operands = [rows, values, one, flat, self.put(f"int8.zero{zero}", np.array(zero, np.uint8))]
        self.add("MatMulIntegerToFloat", operands, product, domain="com.microsoft")
        product = self.add("Mul", [product, row_scales], f"{output}.flat")
        self.add("Reshape", [product, shape], output)  # [B·T, N] → [B, T, N]

    def rows(self, name: str, width: int, zero: int, least: float) -> tuple[str, str, str]:
        """Quantise activations `[B, T, K]`, once however many matrices read them.

        Returns:
            The names of: the uint8 rows `[B·T, K]`, their scales `[B·T, 1]`, and (B, T, -1).
        """
        rows = f"{name}.rows"
        found = f"{rows}.uint8", f"{rows}.column", f"{rows}.shape"
        if any(found[0] in node.output for node in self.nodes[::-1]):
            return found
        axis = self.put("int8.axis", np.array([1], np.int64))
        self.add("Reshape", [name, self.put(f"int8.width{width}", np.array([-1, width]))], rows)

        def reduce(kind: str, output: str) -> str:  # opset 18 made the axes an input
            if self.opset >= 18:
                return self.add(kind, [rows, axis], output, keepdims=0)
            return self.add(kind, [rows], output, axes=[1], keepdims=0)

        peaks = [self.put(f"int8.least{zero}", np.array(least, np.float32))]
        peaks.append(reduce("ReduceMax", f"{rows}.max"))
        if zero == 128:
            peaks.append(self.add("Neg", [reduce("ReduceMin", f"{rows}.min")], f"{rows}.low"))
        peak = self.add("Max", peaks, f"{rows}.peak")
        share = self.put(f"int8.share{zero}", np.array(1 / (255 - zero), np.float32))
        scale = self.add("Mul", [peak, share], f"{rows}.scale")
        count = self.add("Shape", [scale], f"{rows}.count")
        fill = helper.make_tensor("zero", TensorProto.UINT8, [1], [zero])
        zeros = self.add("ConstantOfShape", [count], f"{rows}.zero", value=fill)
        self.add("QuantizeLinear", [rows, scale, zeros], found[0], axis=0)
        self.add("Unsqueeze", [scale, axis], found[1])
        whole = self.add("Shape", [name], f"{rows}.whole")
        first = self.put("int8.two", np.array([0, 1]))
        batch = self.add("Gather", [whole, first], f"{rows}.batch")
        self.add("Concat", [batch, self.put("int8.rest", np.array([-1]))], found[2], axis=0)
        return found


def _smooth(model: onnx.ModelProto, batches: Sequence[Batch]) -> onnx.ModelProto:
    """Return a model with the same answers whose matrices read evened-out LayerNorms.

    Each LayerNorm before a matrix gets a twin with other weights, (γ / s, (β - μ) / s), which only
    matrices read; the residual connection keeps the original. Then W becomes s · W, b becomes
    b + μ · W.
    """
    graph = _Graph(model)
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.matrices():
        readers[node.input[0]].append(node)
    adders = {
        name: node
        for node in graph.nodes
        if node.op_type == "Add" and any(name in graph.weights for name in node.input)
        for name in node.input
    }
    norms = [
        node
        for node in graph.nodes
        if node.op_type == "LayerNormalization" and node.output[0] in readers
        if all(matmul.output[0] in adders for matmul in readers[node.output[0]])
    ]
    channels = _watch(model, [norm.output[0] for norm in norms], batches)
    for norm in norms:
        name = norm.output[0]
        mean, peak = channels[name]
        scale = np.maximum(peak / np.median(peak), 1e-2) ** SMOOTHING
        twin = copy.deepcopy(norm)
        twin.name, twin.output[0] = f"{norm.name}.smooth", f"{name}.smooth"
        gamma, beta = graph.value(norm.input[1]), graph.value(norm.input[2])
        twin.input[1] = graph.put(f"{name}.gamma", gamma / scale)
        twin.input[2] = graph.put(f"{name}.beta", (beta - mean) / scale)
        graph.nodes.insert(graph.nodes.index(norm) + 1, twin)
        for matmul in readers[name]:
            weights, adder = graph.value(matmul.input[1]), adders[matmul.output[0]]
            (bias,) = (name for name in adder.input if name in graph.weights)
            # Constants are shared: none of them is changed in place.
            shifted = graph.put(f"{adder.name}.smooth", graph.value(bias) + mean @ weights)
            adder.input[:] = [matmul.output[0], shifted]
            matmul.input[:] = [
                twin.output[0],
                graph.put(f"{matmul.name}.smooth", weights * scale[:, None]),
            ]
    return graph.finish()


def _watch(
    model: onnx.ModelProto, names: Sequence[str], batches: Sequence[Batch]
) -> Mapping[str, tuple[Array, Array]]:
    """Run a model, and return by channel what stood under some names: mean, largest |x - mean|."""
    import onnxruntime

    if not names:
        return {}
    watched = copy.deepcopy(model)
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    texts = [session.run(names, batch) for batch in batches]
    found = {}
    for name, values in zip(names, zip(*texts, strict=True), strict=True):
        rows = [value.reshape(-1, value.shape[-1]) for value in values]  # [T, K] each
        mean = np.mean([row.mean(axis=0) for row in rows], axis=0)
        peak = np.max([np.abs(row - mean).max(axis=0) for row in rows], axis=0)
        found[name] = mean, np.maximum(peak, 1e-3)
    return found
