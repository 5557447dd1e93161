"""The search for an int8 file: candidates from the fastest to the most careful."""

from collections.abc import Iterator, Sequence

import numpy as np
import onnx

from export.parity import spread
from export.quantization import calibrate, quantize, smooth
from models.run_directory import Row
from models.tokens import Tokenizer


def candidates(
    exact: onnx.ModelProto, tokenizer: Tokenizer, rows: Sequence[Row]
) -> Iterator[tuple[int, onnx.ModelProto]]:
    """Yield int8 forms of a model with the bits of their activations, the fastest first.

    The order does not depend on a clock, so that the same run gives the same file. Not among them,
    since on the first built-in model others were faster and closer: one scale for a whole batch
    (see `export.quantization`), and MatMulNBits with a scale for each 32 weights, which kept 99.3 %
    of the labels at 1.3 times the speed of fp32.

    Args:
        exact: the float32 graph.
        tokenizer: of the model.
        rows: of dev; some of their texts, without the labels, show what the LayerNorms give.
    """
    tokens = tokenizer.encode(spread(rows))
    names = [value.name for value in exact.graph.input]
    batches = []
    for row in range(len(tokens.ids)):
        batch = tokens.batch(np.array([row]), tokenizer.pad_id)
        batches.append({name: batch[name] for name in names})
    yield 8, quantize(smooth(exact, calibrate(exact, batches)), bits=8)
    yield 16, quantize(exact, bits=16)
    yield 32, quantize(exact, bits=32)
