"""Programs beside which this one is timed: each as its documentation says, texts by length.

A peer is converted by its function in `CONVERTERS` into a folder; `ways` opens it there. Its ways
are sizes of a batch: 8 rows, or as many as have 512 tokens, padding included. transformers and
optimum are their pipelines, which form batches of 1, 8 or 32 rows in the order given.
"""

import json
import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_LENGTH = 350
CALIBRATED = 300
"""Texts that nncf sees (the default of its `subset_size`)."""

Labels = NDArray[np.int64]
Ways = dict[str, Callable[[Sequence[str]], Labels]]
Tokens = dict[str, NDArray[np.int64]]
Run = Callable[[list[Tokens]], list[NDArray[np.float32]]]
"""Returns the logits of each batch."""


def convert_openvino(folder: Path, _: Path, onnx_model: Path, __: Sequence[str]) -> None:
    """Write OpenVINO's form of the graph, fp32."""
    import openvino

    openvino.save_model(
        openvino.convert_model(onnx_model), folder / "model.xml", compress_to_fp16=False
    )


def convert_nncf(folder: Path, classifier: Path, onnx_model: Path, texts: Sequence[str]) -> None:
    """Write OpenVINO's form of the graph with int8 weights and activations, calibrated on texts."""
    import nncf
    import openvino

    model = openvino.convert_model(onnx_model)
    names = {port.any_name for port in model.inputs}
    encode = tokenizer_of(classifier)

    def inputs(text: str) -> Tokens:
        return _named(encode([text]), names)

    sample = nncf.Dataset(list(texts[:CALIBRATED]), inputs)
    quantized = nncf.quantize(model, sample, model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(quantized, folder / "model.xml")


def convert_optimized(folder: Path, classifier: Path, onnx_model: Path, _: Sequence[str]) -> None:
    """Write the graph as the optimiser of ONNX Runtime fuses it."""
    from onnxruntime.transformers.optimizer import optimize_model

    config = json.loads((classifier / "config.json").read_text(encoding="utf-8"))
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    fused = optimize_model(str(onnx_model), "bert", num_heads=heads, hidden_size=hidden)
    fused.save_model_to_file(str(folder / "model.onnx"))


def convert_ctranslate2(folder: Path, classifier: Path, _: Path, __: Sequence[str]) -> None:
    """Write CTranslate2's form of the encoder, and the head beside it."""
    import ctranslate2
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(classifier)
    encoder = folder / "encoder"
    model.base_model.save_pretrained(encoder)
    AutoTokenizer.from_pretrained(classifier).save_pretrained(encoder)
    ctranslate2.converters.TransformersConverter(str(encoder)).convert(str(folder / "converted"))
    head = model.classifier.state_dict()
    np.savez(folder / "head.npz", **{name: value.numpy() for name, value in head.items()})


CONVERTERS = {
    "ONNX Runtime, its optimiser": convert_optimized,
    "OpenVINO": convert_openvino,
    "OpenVINO, bf16 where there is": convert_openvino,
    "OpenVINO, nncf's int8": convert_nncf,
    "CTranslate2": convert_ctranslate2,
    "CTranslate2, int8": convert_ctranslate2,
}

PEERS = ("transformers", "optimum", *CONVERTERS)


def ways(program: str, model: Path, classifier: Path) -> Ways:
    """Open a peer.

    Args:
        program: one of `PEERS`.
        model: where its form is.
        classifier: the folder of transformers, which has the tokenizer.
    """
    if program in ("transformers", "optimum"):
        return _pipelines(program, model)
    if program.startswith("OpenVINO"):
        run = _openvino(model, "f32" if program == "OpenVINO" else None)
    elif program.startswith("CTranslate2"):
        run = _ctranslate2(model, "int8" if program.endswith("int8") else "float32")
    else:
        run = _onnxruntime(model)
    encode = tokenizer_of(classifier)
    found: Ways = {}
    for name, rows, tokens in (("8 rows", 8, 1 << 30), ("512 tokens", 64, 512)):
        found[name] = partial(_by_length, encode=encode, run=run, max_rows=rows, max_tokens=tokens)
    return found


def tokenizer_of(classifier: Path) -> Callable[[Sequence[str]], Tokens]:
    """Return what makes a padded batch of texts."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(classifier)

    def encode(texts: Sequence[str]) -> Tokens:
        made = tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="np"
        )
        return dict(made)

    return encode


def _named(batch: Tokens, names: Collection[str]) -> Tokens:
    """Return the inputs that a graph has."""
    return {name: ids for name, ids in batch.items() if name in names}


def _by_length(
    texts: Sequence[str],
    encode: Callable[[Sequence[str]], Tokens],
    run: Run,
    max_rows: int,
    max_tokens: int,
) -> Labels:
    """Answer texts in batches of similar length."""
    from models.batching import plan

    tokens = encode(texts)
    lengths = tokens["attention_mask"].sum(axis=1)
    planned = plan(lengths, max_tokens=max_tokens, max_rows=max_rows)
    batches = []
    for rows in planned:
        longest = lengths[rows].max()
        batches.append({name: ids[rows, :longest] for name, ids in tokens.items()})
    answers = np.empty(len(texts), dtype=np.int64)
    for rows, logits in zip(planned, run(batches), strict=True):
        answers[rows] = logits.argmax(axis=1)
    return answers


def _openvino(model: Path, precision: str | None) -> Run:
    """Compile for throughput, with as many requests in flight as it advises.

    Args:
        model: the folder.
        precision: precision of what is not int8; None is bf16 on processors that have it.
    """
    import openvino

    core = openvino.Core()
    hints = {"PERFORMANCE_HINT": "THROUGHPUT"}
    if precision:
        hints["INFERENCE_PRECISION_HINT"] = precision
    compiled = core.compile_model(model / "model.xml", "CPU", hints)
    names = {port.any_name for port in compiled.inputs}
    count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(count):
        free.put(compiled.create_infer_request())

    def one(batch: Tokens) -> NDArray[np.float32]:
        request = free.get()
        request.infer(_named(batch, names))
        answer: NDArray[np.float32] = request.get_output_tensor(0).data.copy()
        free.put(request)
        return answer

    def run(batches: list[Tokens]) -> list[NDArray[np.float32]]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, batches))

    return run


def _onnxruntime(model: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(model / "model.onnx")
    names = {port.name for port in session.get_inputs()}

    def run(batches: list[Tokens]) -> list[NDArray[np.float32]]:
        return [session.run(None, _named(batch, names))[0] for batch in batches]

    return run


def _ctranslate2(model: Path, precision: str) -> Run:
    """Run the encoder on a worker a core; the head is one product, in NumPy."""
    import ctranslate2

    cores = len(os.sched_getaffinity(0))
    encoder = ctranslate2.Encoder(
        str(model / "converted"), compute_type=precision, inter_threads=cores, intra_threads=1
    )
    head = np.load(model / "head.npz")

    def one(batch: Tokens) -> NDArray[np.float32]:
        rows = zip(batch["input_ids"], batch["attention_mask"].sum(axis=1), strict=True)
        ids = [row[:length].tolist() for row, length in rows]
        pooled = np.array(encoder.forward_batch(ids).pooler_output)
        return pooled @ head["weight"].T + head["bias"]

    def run(batches: list[Tokens]) -> list[NDArray[np.float32]]:
        with ThreadPoolExecutor(cores) as pool:
            return list(pool.map(one, batches))

    return run


def _pipelines(program: str, model: Path) -> Ways:
    """Return the `text-classification` pipeline at each batch size."""
    from transformers import AutoTokenizer, pipeline

    loaded: Any = str(model)
    if program == "optimum":
        from optimum.onnxruntime import ORTModelForSequenceClassification

        loaded = ORTModelForSequenceClassification.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    pipe = pipeline("text-classification", model=loaded, tokenizer=tokenizer)
    ids = pipe.model.config.label2id

    def ask(texts: Sequence[str], size: int) -> Labels:
        found = pipe(list(texts), batch_size=size, truncation=True, max_length=MAX_LENGTH)
        return np.array([ids[one["label"]] for one in found])

    return {str(size): partial(ask, size=size) for size in (1, 8, 32)}
