"""int8: weights in a quarter of the space, and most of the multiplications in integers.

A matrix gets one scale per column, an embedding table one per row, both symmetric: w ≈ q · s with
s = max|w| / 127 (Jacob et al. 2018, section 2.1), or max|w| / 64: see `REDUCED`. What a matrix is
multiplied with is quantised while the model runs, **each token by itself**: x ≈ (q - 128) · s with
s = max|x| / 127 over that token's vector (Dettmers et al. 2022, section 2.1, "vector-wise"); or, in
the fastest form, all by one scale that some texts tell (Jacob et al.). So an answer does not depend
on the rest of the batch. ONNX Runtime's own dynamic quantisation, which optimum's ORTQuantizer
calls, has one scale for the whole batch: for the first built-in model it changed 3 to 6 % of the
labels on dev and moved probabilities by up to 0.3 with the batch, at three quarters of this one's
speed; MatMulNBits, with a scale for each 32 weights, kept 99.3 % at 1.3 times the speed of fp32.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.onnx_graph import GraphEditor
from export.outliers import APART, set_apart
from export.smoothing import Channels, record_activations, smooth
from models.tokenizer import Batch

WEIGHTS_ONLY = "weights only"

REDUCED = 64
"""The largest int8 weight q of which 2 · 255 · q fits 16 bits, in which processors without VNNI add
two products: up to it they are exact and fast (ONNX Runtime calls such weights "reduce_range")."""

FEWEST = 100
"""Number of texts that tell a fixed scale; fewer do not show how large an activation gets."""


class Form(NamedTuple):
    """The part of an int8 graph that is multiplied in integers.

    Attributes:
        largest: largest int8 weight there; a larger one is finer, but see `REDUCED`.
        float_nodes: part of the names of the products that stay float32: there Cast and Mul restore
            the weights, which ONNX Runtime does once, when it opens the file.
        fixed: what a product reads has one scale, from some texts, and not one for each token.
    """

    largest: int
    float_nodes: str | None
    fixed: bool = False


FORMS = {
    "all products, fixed scales": Form(REDUCED, None, fixed=True),
    "all products, fixed scales, finer": Form(127, None, fixed=True),
    "all products": Form(REDUCED, None),
    "all products, finer": Form(127, None),
    "feed-forward products": Form(127, "/attention/self/"),
    WEIGHTS_ONLY: Form(127, ""),
}
"""Forms from fast to careful. Queries, keys and values suffer most from rounding."""


def candidates(
    model: onnx.ModelProto, batches: Sequence[Batch], short_layer: str | None
) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Yield int8 forms of a float32 model, named as in `FORMS`, from fast to careful.

    The order does not depend on a clock, so that the same run gives the same file.

    Args:
        model: the float32 graph.
        batches: its inputs for some texts, each text alone: they show what products read.
        short_layer: see `quantize`.
    """
    smoothed = smooth(model, batches)
    products = GraphEditor(smoothed).products()
    shares = len({product.input[1] for product in products}) < len(products)
    read: dict[str, Channels] = {}
    if len(batches) >= FEWEST:
        read = record_activations(smoothed, sorted({p.input[0] for p in products}), batches)
    # A matrix that layers share would have a copy for each.
    split = smoothed if shares or not read else set_apart(smoothed, read, short_layer)
    for form, (largest, _, fixed) in FORMS.items():
        if form == WEIGHTS_ONLY:
            yield form, quantize(model, form, short_layer, read)
        # To be exact without VNNI, ONNX Runtime rewrites larger weights, but not twice the same.
        elif (largest <= REDUCED or not shares) and (read or not fixed):
            yield form, quantize(split if fixed else smoothed, form, short_layer, read)


def quantize(
    model: onnx.ModelProto, form: str, short_layer: str | None, read: Mapping[str, Channels]
) -> onnx.ModelProto:
    """Return a copy of a float32 model with its matrices and embedding tables in int8.

    Args:
        model: the float32 graph.
        form: a key of `FORMS`.
        short_layer: part of the names of products of a single row, which integers would make less
            exact and no faster.
        read: what products multiply, by its name, for forms with fixed scales.
    """
    graph = _Int8Graph(model)
    largest, float_nodes, fixed = FORMS[form]
    in_integers = {node.name for node in graph.products()}
    for part in (float_nodes, short_layer, APART):
        if part is not None:
            in_integers = {name for name in in_integers if part not in name}
    additions = graph.additions()
    old, graph.nodes = graph.nodes, []
    for node in old:
        if graph.gives(node.output[0]):
            continue  # an addition that its product has done
        if node.name in in_integers and fixed:
            graph.multiply_and_add(node, largest, read[node.input[0]], additions)
        elif node.name in in_integers:
            graph.multiply(node, largest)
        elif node.op_type == "Gather" and graph.is_large(node.input[0]):
            graph.look_up(node)
        else:
            if node.op_type == "MatMul" and graph.is_large(node.input[1]):
                node.input[1] = graph.restore(node.input[1])
            graph.nodes.append(node)
    return graph.finish()


class _Int8Graph(GraphEditor):
    """A graph whose nodes are replaced by others that read int8 weights."""

    def int8(self, name: str, axis: int, largest: int = 127) -> tuple[str, str]:
        """Add the int8 form of weights, with one scale along `axis`; return both names."""
        weights = self.value(name)
        scales = np.maximum(np.abs(weights).max(axis=axis, keepdims=True) / largest, 1e-12)
        values = self.put(f"{name}.int8.{largest}", np.rint(weights / scales), np.int8)
        return values, self.put(f"{name}.scale.{largest}", scales)

    def restore(self, name: str) -> str:
        """Make weights `[..., K, N]` from int8 values and a scale per column, once."""
        product = f"{name}.product"
        if not self.gives(product):
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

    def multiply_and_add(
        self,
        node: onnx.NodeProto,
        largest: int,
        read: Channels,
        additions: Mapping[str, onnx.NodeProto],
    ) -> None:
        """Multiply uint8 activations, all of one scale, with an int8 matrix, and add its bias."""
        name, matrix, output = node.input[0], node.input[1], node.output[0]
        used = self.value(matrix).any(axis=1)  # not those of outliers
        low = float(read.low[used].min(initial=0.0))
        high = float(read.high[used].max(initial=1e-8))
        scale = self.put(f"{name}.scale", (high - low) / 255)
        zero = self.put(f"{name}.zero", round(-255 * low / (high - low)), np.uint8)
        rows = f"{name}.uint8"
        if not self.gives(rows):
            self.add("QuantizeLinear", [name, scale, zero], rows)
        values, scales = self.int8(matrix, axis=0, largest=largest)
        flat = self.put(f"{matrix}.scales", self.value(scales)[0])
        factors = [rows, values, scale, flat, zero]
        if addition := additions.get(output):
            (bias,) = (name for name in addition.input if name in self.weights)
            factors += ["", bias]
            output = addition.output[0]
        self.add("MatMulIntegerToFloat", factors, output, domain="com.microsoft")

    def multiply(self, node: onnx.NodeProto, largest: int) -> None:
        """Multiply uint8 rows with an int8 matrix, and scale the product by column and by row."""
        name, output = node.input[1], node.output[0]
        width, columns = self.weights[name].dims
        zero, least = 128, 1e-8
        if width > columns:
            # The second matrix of the feed-forward part reads GELU, which is nowhere below -0.17.
            # (Of another activation more might be cut off; then the gate refuses it.)
            zero, least = 25, 0.17 * 230 / 25
        rows, row_scales, shape = self.quantize_rows(node.input[0], width, zero, least)
        values, scales = self.int8(name, axis=0, largest=largest)
        one = self.put("int8.one", 1)
        flat = self.put(f"{name}.scales", self.value(scales)[0])
        zeros = self.put(f"int8.zero{zero}", zero, np.uint8)
        product = self.add(
            "MatMulIntegerToFloat",
            [rows, values, one, flat, zeros],
            f"{output}.columns",
            domain="com.microsoft",
        )
        product = self.add("Mul", [product, row_scales], f"{output}.flat")
        self.add("Reshape", [product, shape], output)  # [B·T, N] → [B, T, N]

    def quantize_rows(self, name: str, width: int, zero: int, least: float) -> tuple[str, str, str]:
        """Quantise activations `[B, T, K]`, once however many matrices read them.

        Args:
            name: name of the activations.
            width: K.
            zero: uint8 value of 0.
            least: smallest peak of a row that its scale is made from.

        Returns:
            The names of: the uint8 rows `[B·T, K]`, their scales `[B·T, 1]`, and (B, T, -1).
        """
        rows = f"{name}.rows"
        found = f"{rows}.uint8", f"{rows}.column", f"{rows}.shape"
        if self.gives(found[0]):
            return found
        axis = self.put("int8.axis", [1], np.int64)
        self.add("Reshape", [name, self.put(f"int8.width{width}", [-1, width], np.int64)], rows)
        peaks = [self.put(f"int8.least{zero}", least)]
        peaks.append(self.reduce("ReduceMax", rows, f"{rows}.max"))
        if zero == 128:  # negative values are as large as positive ones
            low = self.reduce("ReduceMin", rows, f"{rows}.min")
            peaks.append(self.add("Neg", [low], f"{rows}.low"))
        peak = self.add("Max", peaks, f"{rows}.peak")
        share = self.put(f"int8.share{zero}", 1 / (255 - zero))
        scale = self.add("Mul", [peak, share], f"{rows}.scale")
        count = self.add("Shape", [scale], f"{rows}.count")
        fill = helper.make_tensor("zero", TensorProto.UINT8, [1], [zero])
        zeros = self.add("ConstantOfShape", [count], f"{rows}.zero", value=fill)
        self.add("QuantizeLinear", [rows, scale, zeros], found[0], axis=0)
        self.add("Unsqueeze", [scale, axis], found[1])
        whole = self.add("Shape", [name], f"{rows}.whole")
        first = self.put("int8.two", [0, 1], np.int64)
        batch = self.add("Gather", [whole, first], f"{rows}.batch")
        self.add("Concat", [batch, self.put("int8.rest", [-1], np.int64)], found[2], axis=0)
        return found

    def reduce(self, kind: str, rows: str, output: str) -> str:
        """Reduce each row to one number; opset 18 made the axes an input."""
        if self.opset >= 18:
            return self.add(kind, [rows, "int8.axis"], output, keepdims=0)
        return self.add(kind, [rows], output, axes=[1], keepdims=0)
