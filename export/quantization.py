"""int8: weights in a quarter of the space, and most of the multiplications in integers.

A matrix gets one scale per column, an embedding table one per row, both symmetric: w ≈ q · s with
s = max|w| / 127 (Jacob et al. 2018, section 2.1). What a matrix is multiplied with is quantised
while the model runs, **each token by itself**: x ≈ (q - 128) · s with s = max|x| / 127 over that
token's vector (Dettmers et al. 2022, section 2.1, "vector-wise"). So an answer does not depend on
the rest of the batch. ONNX Runtime's own dynamic quantisation, which optimum's ORTQuantizer calls,
has one scale for the whole batch: for the first built-in model it changed 3 to 6 % of the labels
on dev and moved probabilities by up to 0.3 with the batch, at three quarters of this one's speed.

A few channels of BERT's LayerNorms are tens of times larger than the others and eat the range of
all. `smooth` shifts and scales them for the matrices that read them, and changes those matrices so
that the product stays what it was (Xiao et al. 2023, section 4; the shift is Wei et al. 2023's).
"""

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MIN_SIZE = 1 << 14
"""Weights with fewer elements than this stay float32: they make nothing smaller."""

SMOOTHING = 0.5
"""How much of a channel's excess moves from the activations into the weights (Xiao et al.: α)."""

_ZERO = 128
_GELU_ZERO = 25
"""GELU is nowhere below -0.17: its output needs little of the range below zero."""

_CONSTANTS: dict[str, NDArray[np.generic]] = {
    "all": np.array([-1], np.int64),
    "index0": np.array(0, np.int64),
    "index1": np.array(1, np.int64),
    "axis": np.array([1], np.int64),
    "two": np.array([0, 1], np.int64),
    "one": np.array(1, np.float32),
    "least": np.array(1e-10, np.float32),
    "share": np.array(1 / 127, np.float32),
    "rest": np.array(1 / 254, np.float32),  # rounding leaves at most half a step
    "zero": np.array(_ZERO, np.uint8),
    "gelu.share": np.array(1 / (255 - _GELU_ZERO), np.float32),
    "gelu.least": np.array(0.17 / _GELU_ZERO, np.float32),
    "gelu.zero": np.array(_GELU_ZERO, np.uint8),
}

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Channels:
    """What flows into a matrix, by channel: float32 `[K]` each."""

    mean: Array
    peak: Array  # the largest |x - mean|


class _Graph:
    """A copy of a model, indexed for surgery."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.graph = self.model.graph
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        # The tracer writes equal constants once, and an Identity for each other use.
        aliases = {
            node.output[0]: node.input[0]
            for node in self.graph.node
            if node.op_type == "Identity" and node.input[0] in self.weights
        }
        for node in self.graph.node:
            node.input[:] = [aliases.get(name, name) for name in node.input]
        for node in [node for node in self.graph.node if node.output[0] in aliases]:
            self.graph.node.remove(node)
        self.opset = next(entry.version for entry in model.opset_import if not entry.domain)

    def matrices(self) -> list[onnx.NodeProto]:
        """Return the MatMuls with a constant right side, in order."""
        return [
            node
            for node in self.graph.node
            if node.op_type == "MatMul"
            and len(self.weights.get(node.input[1], TensorProto()).dims) == 2
            and np.prod(self.weights[node.input[1]].dims) >= MIN_SIZE
        ]

    def value(self, name: str) -> Array:
        array: Array = numpy_helper.to_array(self.weights[name])
        return array

    def put(self, name: str, array: NDArray[np.generic]) -> str:
        """Add or replace a constant, and return its name."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
        if name in self.weights:
            self.weights[name].CopyFrom(tensor)
        else:
            self.graph.initializer.append(tensor)
            self.weights[name] = self.graph.initializer[-1]
        return name

    def adder(self, matmul: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the node that adds a constant to a product, where nothing else reads that."""
        users = [node for node in self.graph.node if matmul.output[0] in node.input]
        if len(users) != 1 or users[0].op_type != "Add":
            return None
        return users[0] if any(name in self.weights for name in users[0].input) else None

    def finish(self) -> onnx.ModelProto:
        """Drop the constants that nothing uses any more."""
        used = {name for node in self.graph.node for name in node.input}
        for tensor in [t for t in self.graph.initializer if t.name not in used]:
            self.graph.initializer.remove(tensor)
        return self.model


def inputs_of_matrices(model: onnx.ModelProto) -> list[str]:
    """Return the names of the activations that are multiplied with matrices."""
    return list(dict.fromkeys(node.input[0] for node in _Graph(model).matrices()))


def calibrate(
    model: onnx.ModelProto, batches: Iterable[dict[str, NDArray[np.int64]]]
) -> dict[str, Channels]:
    """Run a float32 model over batches of one text each, and watch what the matrices read."""
    import onnxruntime

    names = inputs_of_matrices(model)
    if not names:
        return {}
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    seen: dict[str, list[Array]] = defaultdict(list)
    for batch in batches:
        for name, values in zip(names, session.run(names, batch), strict=True):
            rows = values.reshape(-1, values.shape[-1])  # [T, K]
            seen[name].append(np.stack([rows.mean(axis=0), rows.min(axis=0), rows.max(axis=0)]))
    found = {}
    for name, texts in seen.items():
        means, least, most = np.stack(texts, axis=1)  # [texts, K] each
        mean = means.mean(axis=0)
        found[name] = Channels(mean, np.maximum(most.max(axis=0) - mean, mean - least.min(axis=0)))
    return found


def smooth(model: onnx.ModelProto, channels: Mapping[str, Channels]) -> onnx.ModelProto:
    """Return a model with the same answers whose matrices read evened-out LayerNorms.

    Each LayerNorm before a matrix gets a twin with other weights, (γ / s, (β - μ) / s), which only
    matrices read; the residual connection keeps the original. Then W becomes s · W, b becomes
    b + μ · W.

    Args:
        model: float32.
        channels: of each name of `inputs_of_matrices`.
    """
    surgery = _Graph(model)
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in surgery.matrices():
        readers[node.input[0]].append(node)
    for place, norm in reversed(list(enumerate(surgery.graph.node))):
        matmuls = readers.get(norm.output[0], [])
        adders = [adder for matmul in matmuls if (adder := surgery.adder(matmul))]
        if norm.op_type != "LayerNormalization" or not matmuls or len(adders) < len(matmuls):
            continue
        name = norm.output[0]
        mean, peak = channels[name].mean, np.maximum(channels[name].peak, 1e-3)
        scale = np.maximum(peak / np.median(peak), 1e-2) ** SMOOTHING
        twin = copy.deepcopy(norm)
        twin.name, twin.output[0] = f"{norm.name}.smooth", f"{name}.smooth"
        gamma, beta = surgery.value(norm.input[1]), surgery.value(norm.input[2])
        twin.input[1] = surgery.put(f"{name}.gamma", (gamma / scale).astype(np.float32))
        twin.input[2] = surgery.put(f"{name}.beta", ((beta - mean) / scale).astype(np.float32))
        for matmul, adder in zip(matmuls, adders, strict=True):
            weights = surgery.value(matmul.input[1])
            (bias,) = (name for name in adder.input if name in surgery.weights)
            shifted = (surgery.value(bias) + mean @ weights).astype(np.float32)
            del adder.input[:]  # constants are shared: change none of them in place
            adder.input.extend([matmul.output[0], surgery.put(f"{adder.name}.smooth", shifted)])
            scaled = (weights * scale[:, None]).astype(np.float32)
            matmul.input[1] = surgery.put(f"{matmul.name}.smooth", scaled)
            matmul.input[0] = twin.output[0]
        surgery.graph.node.insert(place + 1, twin)
    return surgery.finish()


def quantize(model: onnx.ModelProto, *, bits: int) -> onnx.ModelProto:
    """Return a copy of a float32 model with its matrices and embedding tables in int8.

    Args:
        model: float32.
        bits: of what is multiplied with the matrices. 8 is fastest. 16 multiplies twice, with the
            uint8 form and with that of what it left over: the rounding of the weights remains. 32
            leaves it in float32: the weights are multiplied back by Cast and Mul, which ONNX
            Runtime does once, when it opens the file.
    """
    surgery = _Graph(model)
    nodes: list[onnx.NodeProto] = []
    matrices = {node.name for node in surgery.matrices()}
    gelus = _gelus(surgery.graph)
    rows: set[str] = set()
    for name, constant in _CONSTANTS.items():
        surgery.put(f"int8.{name}", constant)
    for node in surgery.graph.node:
        table = surgery.weights.get(node.input[0]) if node.op_type == "Gather" else None
        if node.name in matrices and bits == 32:
            nodes += _weights_only(surgery, node)
        elif node.name in matrices:
            name, gelu = node.input[0], node.input[0] in gelus and bits == 8
            if name not in rows:
                rows.add(name)
                width = surgery.weights[node.input[1]].dims[0]
                nodes += _quantize_rows(surgery, name, width, gelu=gelu, rest=bits == 16)
            nodes += _multiply(surgery, node, gelu=gelu, rest=bits == 16)
        elif table is not None and len(table.dims) == 2 and np.prod(table.dims) >= MIN_SIZE:
            nodes += _look_up(surgery, node)
        else:
            nodes.append(node)
    del surgery.graph.node[:]
    surgery.graph.node.extend(nodes)
    if all(entry.domain != "com.microsoft" for entry in surgery.model.opset_import):
        surgery.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return surgery.finish()


def _gelus(graph: onnx.GraphProto) -> set[str]:
    """Return the outputs of GELU, 0.5 · x · (1 + erf(x / √2)), in the shape the tracer writes."""
    makers = {name: node for node in graph.node for name in node.output}
    found = set()
    for node in graph.node:
        if node.op_type == "Gelu":
            found.add(node.output[0])
        if node.op_type != "Mul":
            continue
        behind = [makers[name] for name in node.input if name in makers]
        behind += [makers[name] for maker in behind for name in maker.input if name in makers]
        behind += [makers[name] for maker in behind for name in maker.input if name in makers]
        if any(maker.op_type == "Erf" for maker in behind):
            found.add(node.output[0])
    return found


def _int8(weights: Array, axis: int) -> tuple[NDArray[np.int8], Array]:
    """Return the int8 values, and the scales with `axis` kept as 1."""
    scales = np.maximum(np.abs(weights).max(axis=axis, keepdims=True) / 127, 1e-12)
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def _weights_only(surgery: _Graph, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Make the matrix `[K, N]` from int8 values and a scale per column."""
    name = node.input[1]
    values, scales = _int8(surgery.value(name), axis=0)
    values_name = surgery.put(f"{name}.int8", values)
    scales_name = surgery.put(f"{name}.scale", scales)
    node.input[1] = f"{name}.product"
    return [
        helper.make_node("Cast", [values_name], [f"{name}.cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.cast", scales_name], [f"{name}.product"]),
        node,
    ]


def _quantize_rows(
    surgery: _Graph, name: str, width: int, *, gelu: bool, rest: bool
) -> list[onnx.NodeProto]:
    """Turn activations `[B, T, K]` into uint8 `[B·T, K]` with a scale for each row.

    Gives NAME.rows.uint8, NAME.rows.column (the scales, `[B·T, 1]`) and NAME.rows.shape (B, T, -1).
    """
    rows = f"{name}.rows"
    shape = surgery.put(f"int8.width{width}", np.array([-1, width], np.int64))

    def reduce(kind: str, output: str) -> onnx.NodeProto:  # opset 18 made the axes an input
        if surgery.opset >= 18:
            return helper.make_node(kind, [rows, "int8.axis"], [output], keepdims=0)
        return helper.make_node(kind, [rows], [output], axes=[1], keepdims=0)

    node = helper.make_node
    nodes = [node("Reshape", [name, shape], [rows]), reduce("ReduceMax", f"{rows}.max")]
    if gelu:
        nodes += [
            node("Mul", [f"{rows}.max", "int8.gelu.share"], [f"{rows}.range"]),
            node("Max", [f"{rows}.range", "int8.gelu.least"], [f"{rows}.scale"]),
        ]
    else:
        nodes += [
            reduce("ReduceMin", f"{rows}.min"),
            node("Neg", [f"{rows}.min"], [f"{rows}.low"]),
            node("Max", [f"{rows}.max", f"{rows}.low", "int8.least"], [f"{rows}.peak"]),
            node("Mul", [f"{rows}.peak", "int8.share"], [f"{rows}.scale"]),
        ]
    zero = helper.make_tensor("zero", TensorProto.UINT8, [1], [_GELU_ZERO if gelu else _ZERO])
    nodes += [
        node("Shape", [name], [f"{rows}.whole"]),
        node("Gather", [f"{rows}.whole", "int8.two"], [f"{rows}.batch"]),
        node("Concat", [f"{rows}.batch", "int8.all"], [f"{rows}.shape"], axis=0),
        node("Shape", [f"{rows}.scale"], [f"{rows}.count"]),
        node("ConstantOfShape", [f"{rows}.count"], [f"{rows}.zero"], value=zero),
        node("QuantizeLinear", [rows, f"{rows}.scale", f"{rows}.zero"], [f"{rows}.uint8"], axis=0),
        node("Unsqueeze", [f"{rows}.scale", "int8.axis"], [f"{rows}.column"]),
    ]
    if rest:  # [2·B·T, K]: below the rows, what rounding left over of them
        back = [f"{rows}.first", f"{rows}.scale", f"{rows}.zero"]
        left = [f"{rows}.left", f"{rows}.rest.scale", f"{rows}.zero"]
        nodes[-2].output[0] = back[0]
        nodes[-1].input[0] = f"{rows}.scales"
        nodes[-1:-1] = [
            node("DequantizeLinear", back, [f"{rows}.back"], axis=0),
            node("Sub", [rows, f"{rows}.back"], [f"{rows}.left"]),
            node("Mul", [f"{rows}.scale", "int8.rest"], [f"{rows}.rest.scale"]),
            node("QuantizeLinear", left, [f"{rows}.second"], axis=0),
            node("Concat", [f"{rows}.first", f"{rows}.second"], [f"{rows}.uint8"], axis=0),
            node("Concat", [f"{rows}.scale", f"{rows}.rest.scale"], [f"{rows}.scales"], axis=0),
        ]
    return nodes


def _multiply(
    surgery: _Graph, matmul: onnx.NodeProto, *, gelu: bool, rest: bool
) -> list[onnx.NodeProto]:
    """Multiply uint8 rows with an int8 matrix, and scale the product by column and by row."""
    rows, name, output = f"{matmul.input[0]}.rows", matmul.input[1], matmul.output[0]
    values, scales = _int8(surgery.value(name), axis=0)
    operands = [
        f"{rows}.uint8",
        surgery.put(f"{name}.int8", values),
        "int8.one",
        surgery.put(f"{name}.scale", scales[0]),
        "int8.gelu.zero" if gelu else "int8.zero",
    ]
    node = helper.make_node
    nodes = [
        node("MatMulIntegerToFloat", operands, [f"{output}.columns"], domain="com.microsoft"),
        node("Mul", [f"{output}.columns", f"{rows}.column"], [f"{output}.flat"]),
    ]
    if rest:
        shape = surgery.put(f"int8.pair{values.shape[1]}", np.array([2, -1, values.shape[1]]))
        nodes += [
            node("Reshape", [f"{output}.flat", shape], [f"{output}.pair"]),
            node("Gather", [f"{output}.pair", "int8.index0"], [f"{output}.first"]),
            node("Gather", [f"{output}.pair", "int8.index1"], [f"{output}.second"]),
            node("Add", [f"{output}.first", f"{output}.second"], [f"{output}.sum"]),
        ]
    # [B·T, N] → [B, T, N]
    return [*nodes, node("Reshape", [nodes[-1].output[0], f"{rows}.shape"], [output])]


def _look_up(surgery: _Graph, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Look rows of an embedding table up in int8, and multiply only those back."""
    name, output = node.input[0], node.output[0]
    values, scales = _int8(surgery.value(name), axis=1)
    values_name = surgery.put(f"{name}.int8", values)
    scales_name = surgery.put(f"{name}.scale", scales)
    return [
        helper.make_node("Gather", [values_name, node.input[1]], [f"{output}.int8"]),
        helper.make_node("Cast", [f"{output}.int8"], [f"{output}.cast"], to=TensorProto.FLOAT),
        helper.make_node("Gather", [scales_name, node.input[1]], [f"{output}.scale"]),
        helper.make_node("Mul", [f"{output}.cast", f"{output}.scale"], [output]),
    ]
