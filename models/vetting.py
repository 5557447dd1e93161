"""Checks a model file from a stranger, in a process that may crash: `-m models.vetting FILE`.

The only part of the runtime side that imports onnx; `models.untrusted` starts it and never imports
it. Exits with 0, or prints what is wrong with the file and exits with `REFUSED`.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import TensorProto, numpy_helper

from models.console.command import UserError
from models.manifest import Manifest
from models.predictor import Predictor
from models.untrusted import MAX_BYTES, REFUSED, SECONDS

# fmt: off
OPERATORS = {
    "": {
        "Add", "And", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "CumSum",
        "DequantizeLinear", "Div", "Equal", "Erf", "Expand", "Flatten", "Gather",
        "GatherElements", "Gelu", "Gemm",
        "Greater", "GreaterOrEqual", "Identity", "LayerNormalization", "Less", "LessOrEqual",
        "MatMul", "Max", "Min", "Mul",
        "Neg", "Not", "Or", "Pow", "QuantizeLinear", "Range", "ReduceMax", "ReduceMean",
        "ReduceMin", "ReduceSum", "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax",
        "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze", "Where",
    },
    "com.microsoft": {
        "Attention", "BiasGelu", "FastGelu", "Gelu",
        "MatMulIntegerToFloat", "MultiHeadAttention", "SkipLayerNormalization",
    },
}
"""Operators of our exports, by domain; none loops, branches, draws at random or reads a file."""

FIELDS = {
    "ModelProto": {
        "graph", "ir_version", "metadata_props", "opset_import", "producer_name",
        "producer_version",
    },
    "GraphProto": {"initializer", "input", "name", "node", "output", "value_info"},
    "NodeProto": {"attribute", "domain", "input", "name", "op_type", "output"},
    "AttributeProto": {"f", "floats", "i", "ints", "name", "s", "t", "type"},
    "TensorProto": {
        "data_type", "dims", "float_data", "int32_data", "int64_data", "name", "raw_data",
    },
    "ValueInfoProto": {"name", "type"},
    "TypeProto": {"tensor_type"},
    "TypeProto.Tensor": {"elem_type", "shape"},
    "TensorShapeProto": {"dim"},
    "TensorShapeProto.Dimension": {"dim_param", "dim_value"},
    "OperatorSetIdProto": {"domain", "version"},
    "StringStringEntryProto": {"key", "value"},
}
"""Fields that an export may fill, by protobuf message.

All others are refused, whether or not a check here would know what they do: external data, sparse
tensors, functions, graphs inside a graph, training information.
"""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Inputs of the graph; a tokenizer without token types has no use for the last."""

OUTPUTS = ("probabilities", "features")

TOKENIZER_PARTS = {
    "BPE", "Unigram", "WordLevel", "WordPiece",  # models
    "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Prepend",
    "Replace", "Sequence", "Strip", "StripAccents",
    "BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Split", "Whitespace",
    "WhitespaceSplit",
    "BertProcessing", "RobertaProcessing", "TemplateProcessing",
    "BPEDecoder", "ByteFallback", "Fuse",
}
# fmt: on
"""Kinds of parts that a `tokenizer.json` may have."""

REGULAR_EXPRESSIONS = {" {2,}"}
"""Regular expressions of tokenizers: e5's, which folds spaces. Others may take exponential time."""


class RefusedError(Exception):
    """A file that is not opened; the message is the reason."""


def model_digest(model: onnx.ModelProto, tokenizer: str, labels: Sequence[str]) -> str:
    """Return the SHA-256 of the weights (by name), the tokenizer and the labels."""
    sha = hashlib.sha256()
    for weights in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        sha.update(weights.name.encode())
        sha.update(np.ascontiguousarray(numpy_helper.to_array(weights)).tobytes())
    sha.update(tokenizer.encode())
    sha.update(json.dumps(list(labels), ensure_ascii=False).encode())
    return sha.hexdigest()


def validate(path: Path) -> None:
    """Check everything that can be checked without running the graph.

    Raises:
        RefusedError: the first thing that is wrong.
        ManifestError: the metadata is not that of a model of this program.
    """
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except Exception as error:
        raise RefusedError("it is not an ONNX file") from error
    _check_fields(model)
    _check_operators(model)
    manifest = Manifest.from_metadata({entry.key: entry.value for entry in model.metadata_props})
    _check_signature(model.graph, len(manifest.labels))
    _check_tokenizer(manifest.tokenizer, _embedding_rows(model.graph))
    if model_digest(model, manifest.tokenizer, manifest.labels) != manifest.digest:
        raise RefusedError(
            "its weights, tokenizer or labels are not those that it was exported with"
        )


def _check_fields(message: Message) -> None:
    """Refuse a message that holds, however deep, a field that is not one of `FIELDS`."""
    kind = message.DESCRIPTOR.full_name.removeprefix("onnx.")
    if len(UnknownFieldSet(message)):
        raise RefusedError(f"its {kind} holds a field that ONNX does not define")
    for field, value in message.ListFields():
        if field.name not in FIELDS[kind]:
            raise RefusedError(f"its {kind} holds {field.name}, which no export has")
        if field.message_type is None:  # a number or a string
            continue
        for inner in value if field.is_repeated else [value]:
            _check_fields(inner)


def _check_operators(model: onnx.ModelProto) -> None:
    for entry in model.opset_import:
        if entry.domain not in OPERATORS:
            raise RefusedError(f"it uses the operator domain {entry.domain[:60]!r}")
    for node in model.graph.node:
        if node.op_type not in OPERATORS.get(node.domain, ()):
            raise RefusedError(f"it uses the operator {node.domain[:60]}:{node.op_type[:60]}")


def _check_signature(graph: onnx.GraphProto, labels: int) -> None:
    """Check names and types of inputs and outputs, and the number of labels."""
    names = tuple(value.name for value in graph.input)
    if names not in (INPUTS, INPUTS[:2]):
        raise RefusedError(f"its inputs are {names!r:.200}")
    names = tuple(value.name for value in graph.output)
    if names != OUTPUTS:
        raise RefusedError(f"its outputs are {names!r:.200}")
    for value in graph.input:
        _check_matrix(value, TensorProto.INT64)
    for value in graph.output:
        _check_matrix(value, TensorProto.FLOAT)
    columns = graph.output[0].type.tensor_type.shape.dim[1]
    if columns.dim_value != labels:
        raise RefusedError(f"it names {labels} labels, and its graph has another number")


def _check_matrix(value: onnx.ValueInfoProto, kind: int) -> None:
    tensor = value.type.tensor_type
    if tensor.elem_type != kind or len(tensor.shape.dim) != 2:
        raise RefusedError(f"{value.name} has another type or shape than ours")


def _embedding_rows(graph: onnx.GraphProto) -> int:
    """Return how many rows the table has that tokens are looked up in; of several, the smallest."""
    sizes = {tensor.name: tensor.dims[0] for tensor in graph.initializer if tensor.dims}
    tables = []
    for node in graph.node:
        reads_tokens = node.op_type == "Gather" and node.input[1:] == ["input_ids"]
        if reads_tokens and node.input[0] in sizes:
            tables.append(sizes[node.input[0]])
    if not tables:
        raise RefusedError("it looks its tokens up in no table")
    return int(min(tables))


def _check_tokenizer(text: str, rows: int) -> None:
    """Check a `tokenizer.json` part by part, before the library that trusts it reads it.

    Args:
        text: the JSON.
        rows: number of token ids that the model knows.
    """
    try:
        document = json.loads(text)
        model = document["model"]
        vocabulary = model.pop("vocab")
        model.pop("merges", None)
        ids = [token["id"] for token in document["added_tokens"]]
        ids += vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
        highest = max(ids)
        parts = list(_named_parts(document))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise RefusedError(f"its tokenizer is not a tokenizer.json: {error!r:.200}") from error
    for name, value in parts:
        if name == "type" and str(value) not in TOKENIZER_PARTS:
            raise RefusedError(f"its tokenizer has a part of the kind {value!r:.100}")
        if name == "Regex" and str(value) not in REGULAR_EXPRESSIONS:
            raise RefusedError(f"its tokenizer has the regular expression {value!r:.100}")
    if highest >= rows:
        raise RefusedError(f"its tokenizer has ids up to {highest}, and its table {rows} rows")


def _named_parts(value: Any) -> Iterator[tuple[str, object]]:
    """Yield every entry called "type" or "Regex", however deep: the library knows parts by them."""
    if isinstance(value, list):
        for inner in value:
            yield from _named_parts(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in ("type", "Regex"):
                yield key, inner
            yield from _named_parts(inner)


def _limit_resources() -> None:
    """Bound the time and memory of this process, and let it leave no core dump."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (8 * MAX_BYTES, 8 * MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(path: Path) -> int:
    """Check a file, then open it and let it answer one text, where a crash harms nobody."""
    _limit_resources()
    try:
        validate(path)
        total = Predictor.open_unchecked(path).predict(["好"]).probabilities.sum()
        if not np.isclose(total, 1, atol=1e-3):
            raise RefusedError(f"its probabilities sum to {total:.3g}")
    except (RefusedError, UserError, ValueError) as error:
        sys.stdout.write(str(error))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.exit(main(Path(sys.argv[1])))
