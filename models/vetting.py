"""Checks a model file from a stranger, in a process that may crash: `-m models.vetting FILE`.

The only part of the runtime side that imports onnx; `models.untrusted` starts it and never imports
it. Exits with 0, or prints what is wrong with the file and exits with `REFUSED`.
"""

import hashlib
import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import TensorProto, numpy_helper

from models.arrays import Int64
from models.console import UserError
from models.manifest import Manifest
from models.predictor import Predictor
from models.tokenizer import Batch
from models.untrusted import REFUSED, Limits, RefusedError
from models.vetting_tokenizer import check_tokenizer

_OPERATORS = """
Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape Conv Cos CumSum DequantizeLinear Div
Equal Erf Expand Flatten Gather GatherElements Gelu Gemm Greater GreaterOrEqual Identity
LayerNormalization Less LessOrEqual Log MatMul Max Min Mul Neg Not Or Pad Pow QuantizeLinear Range
ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Shape Sigmoid Sign Sin Slice Softmax Split
Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze Where
"""
_FUSED = """
Attention BiasGelu FastGelu Gelu MatMulIntegerToFloat MultiHeadAttention SkipLayerNormalization
"""

OPERATORS = {"": set(_OPERATORS.split()), "com.microsoft": set(_FUSED.split())}
"""Operators of our exports, by domain; none loops, branches, draws at random or reads a file."""

_FIELDS = {
    "ModelProto": "graph ir_version metadata_props opset_import producer_name producer_version",
    "GraphProto": "initializer input name node output value_info",
    "NodeProto": "attribute domain input name op_type output",
    "AttributeProto": "f floats i ints name s t type",
    "TensorProto": "data_type dims float_data int32_data int64_data name raw_data",
    "ValueInfoProto": "name type",
    "TypeProto": "tensor_type",
    "TypeProto.Tensor": "elem_type shape",
    "TensorShapeProto": "dim",
    "TensorShapeProto.Dimension": "dim_param dim_value",
    "OperatorSetIdProto": "domain version",
    "StringStringEntryProto": "key value",
}

FIELDS = {message: set(names.split()) for message, names in _FIELDS.items()}
"""Fields that an export may fill, by protobuf message.

All others are refused, whether or not a check here would know what they do: external data, sparse
tensors, functions, graphs inside a graph, training information.
"""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Inputs of the graph; a tokenizer without token types has no use for the last."""

OUTPUTS = ("probabilities", "features")

MAX_LABELS = 256
MAX_LENGTH = 4096
TRIED = 5 * 10**10
"""Size of the file times token ids that are tried: all of a small model, some of a large one."""

# Characters of no width that are letters or marks by category; others are Cc or Cf.
_NO_WIDTH = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


def model_digest(model: onnx.ModelProto, tokenizer: str, labels: Sequence[str]) -> str:
    """Return the SHA-256 of the weights (by name), the tokenizer and the labels."""
    sha = hashlib.sha256()
    for weights in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        sha.update(weights.name.encode())
        sha.update(np.ascontiguousarray(numpy_helper.to_array(weights)).tobytes())
    sha.update(tokenizer.encode())
    sha.update(json.dumps(list(labels), ensure_ascii=False).encode())
    return sha.hexdigest()


def validate(path: Path) -> list[str]:
    """Check everything that can be checked without running the graph; return the vocabulary.

    Raises:
        RefusedError: the first thing that is wrong.
        ManifestError: the metadata is not that of a model of this program.
    """
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except Exception as error:
        raise RefusedError("it is not an ONNX file") from error
    _check_fields(model)
    check_operators(model)
    manifest = Manifest.from_metadata({entry.key: entry.value for entry in model.metadata_props})
    check_labels(manifest.labels)
    if manifest.max_length > MAX_LENGTH:
        raise RefusedError(f"it reads {manifest.max_length} tokens, and {MAX_LENGTH} are the most")
    _check_signature(model.graph, len(manifest.labels))
    _check_finite(model.graph)
    vocabulary = check_tokenizer(manifest.tokenizer, _embedding_rows(model.graph))
    if model_digest(model, manifest.tokenizer, manifest.labels) != manifest.digest:
        raise RefusedError(
            "its weights, tokenizer or labels are not those that it was exported with"
        )
    return vocabulary


def check_labels(labels: Sequence[str]) -> None:
    """Raise RefusedError for more labels than a person chooses from, or two that look the same."""
    if len(labels) > MAX_LABELS:
        raise RefusedError(f"it has {len(labels)} labels, and {MAX_LABELS} are the most")
    seen: dict[str, str] = {}
    for label in labels:
        look = _look(label)
        if not look:
            raise RefusedError(f"its label {label[:60]!r} is empty")
        if look in seen:
            raise RefusedError(f"its labels {seen[look][:60]!r} and {label[:60]!r} look the same")
        seen[look] = label


def _look(label: str) -> str:
    """Return what people see of a label: without width, case, and characters of no width."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    seen = ""
    for character in folded:
        if unicodedata.category(character) not in ("Cc", "Cf"):
            seen += character
    return _NO_WIDTH.sub("", seen).strip()


def _check_finite(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        is_table = weights.ndim > 1 and weights.dtype.kind == "f"  # a mask's constant may be -inf
        if is_table and not np.isfinite(weights).all():
            raise RefusedError(f"its weights {tensor.name[:60]!r} hold NaN or infinity")


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


def check_operators(model: onnx.ModelProto) -> None:
    """Raise RefusedError for an operator that is not one of `OPERATORS`."""
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


def _try(predictor: Predictor, vocabulary: Sequence[str], size: int) -> None:
    """Let a model answer what it may be asked; raise UserError where it does not.

    Texts go through the tokenizer: none, short ones in a padded batch, one that is too long. Tokens
    go through the graph: alone, in as many rows as a batch has, and as long as a text may be.

    Args:
        predictor: the model.
        vocabulary: pieces that the texts are made of.
        size: of the file, bytes.
    """
    longest = predictor.manifest.max_length
    step = 1 + len(vocabulary) // (2 * longest)
    pieces = "".join(vocabulary[::step])[: 8 * longest]
    too_long = pieces + "好" * longest
    predictor.predict(["", "好", pieces[:8], pieces[:20], too_long])
    count = min(len(vocabulary), max(TRIED // size, 1))
    ids = np.linspace(0, len(vocabulary) - 1, count, dtype=np.int64)
    for length in (1, longest):
        predictor.run(_batch(np.resize(ids, (1, length))))
    rows = np.resize(ids, (1 + count // 8, 8))
    for start in range(0, len(rows), 64):
        predictor.run(_batch(rows[start : start + 64]))


def _batch(ids: Int64) -> Batch:
    """Return the inputs of rows of tokens, none of them padding."""
    return {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
    }


def _limit_resources(limits: Limits) -> None:
    """Bound the time and memory of this process, and let it leave no core dump."""
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, most))  # a signal that has a name
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(path: Path, limits: Limits) -> int:
    """Check a file, then open it and let it answer, where a crash harms nobody."""
    _limit_resources(limits)
    try:
        vocabulary = validate(path)
        predictor = Predictor.open_unchecked(path, threads=1)
        _try(predictor, vocabulary, path.stat().st_size)
    except MemoryError:
        sys.stdout.write(f"opening it takes more than {limits.memory >> 20} MiB of memory")
        return REFUSED
    except (RefusedError, UserError, ValueError) as error:
        reason = error.__cause__ if isinstance(error, UserError) else None
        sys.stdout.write(str(reason or error))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.exit(main(Path(sys.argv[1]), Limits(*map(int, sys.argv[2:]))))
