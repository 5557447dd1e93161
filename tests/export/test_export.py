"""The exported file against torch, and what happens when it would not agree."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import RobertaConfig, RobertaModel

from export import parity, pipeline, quantization
from export.hf_source import _labelled
from export.parity import PROBES, Agreement
from export.pipeline import ExportSettings, export
from export.quantization import FEWEST, FORMS, REDUCED, WEIGHTS_ONLY, candidates
from export.sources import load_source
from models import vetting
from models.console import ExitCode, UserError, config_error
from models.cores import instructions
from models.manifest import PREFIX, Manifest
from models.predictor import Predictor
from models.run_directory import load_classifier, read_json, read_rows, read_run, write_rows
from models.tokenizer import Tokenizer
from models.tracing import trace
from tests.shared import once
from tests.tiny import REVIEWS, split_reviews, write_encoder
from trainer.settings import TrainingSettings
from trainer.training import train

TEXTS = [*PROBES, *(text for text, _ in REVIEWS)]


def settings(run: Path, output: Path, **options: Any) -> ExportSettings:
    return ExportSettings(
        **{"run": run, "output": output, "opset": 17, "precision": "fp32"} | options
    )


def expected(run: Path) -> np.ndarray:
    source = load_source(run)
    return np.concatenate([source.answer(batch) for batch in source.alone(TEXTS)])


@pytest.mark.parametrize("opset", [14, 17, 20])
def test_the_file_has_the_opset_that_was_asked_for(run: Path, tmp_path: Path, opset: int) -> None:
    done = export(settings(run, tmp_path / "a.onnx", opset=opset))
    written = onnx.load(tmp_path / "a.onnx")
    assert {entry.domain: entry.version for entry in written.opset_import} == {"": opset}
    assert done.summary.opset == opset
    np.testing.assert_allclose(
        Predictor.open(tmp_path / "a.onnx").predict(TEXTS).probabilities, expected(run), atol=1e-5
    )


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_both_poolings_answer_as_torch_does(
    encoder: Path, reviews: Path, tmp_path: Path, pooling: Any
) -> None:
    run = tmp_path / "run"
    train(TrainingSettings(encoder=str(encoder), data=(str(reviews),), output=run, pooling=pooling))
    export(settings(run, tmp_path / "a.onnx"))
    found = Predictor.open(tmp_path / "a.onnx").predict(TEXTS)
    np.testing.assert_allclose(found.probabilities, expected(run), atol=1e-5)
    assert Manifest.from_metadata(_metadata(tmp_path / "a.onnx")).pooling == pooling


def test_the_inputs_are_dynamic_and_the_last_node_is_softmax(model: Path) -> None:
    graph = onnx.load(model).graph
    axes = {
        value.name: [axis.dim_param for axis in value.type.tensor_type.shape.dim]
        for value in graph.input
    }
    names = ["input_ids", "attention_mask", "token_type_ids"]
    assert axes == {name: ["batch", "sequence"] for name in names}
    (maker,) = [node for node in graph.node if "probabilities" in node.output]
    assert maker.op_type == "Softmax"


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_temperature_of_the_run_is_in_the_probabilities_and_not_in_the_features(
    run: Path, model: Path, tmp_path: Path, temperature: float
) -> None:
    import onnxruntime

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    document = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    before, document["temperature"] = document["temperature"], temperature
    (copy / "run.json").write_text(json.dumps(document), encoding="utf-8")
    rows = read_rows(copy / "dev.jsonl")
    powers = torch.tensor([row.probabilities for row in rows]) ** (before / temperature)
    answers = powers / powers.sum(dim=1, keepdim=True)
    labels = np.array([row.label for row in rows])
    write_rows(copy / "dev.jsonl", [row.text for row in rows], labels, answers)
    export(settings(copy, tmp_path / "a.onnx"))
    found = Predictor.open(tmp_path / "a.onnx").predict(TEXTS).probabilities
    np.testing.assert_allclose(found, expected(copy), atol=1e-5)
    assert not np.allclose(found, expected(run), atol=1e-3)

    encoder = load_classifier(run, read_run(run))[1]
    tokenizer = Tokenizer(encoder.tokenizer, 350)
    batch = tokenizer.encode(["房间很干净"]).batch(np.array([0]), tokenizer.pad_id)
    (one,), (other,) = (
        onnxruntime.InferenceSession(path).run(["features"], batch)
        for path in (model, tmp_path / "a.onnx")
    )
    np.testing.assert_array_equal(one, other)


def test_the_file_gives_the_probabilities_and_the_threshold_that_the_run_recorded(
    model: Path, run: Path
) -> None:
    rows = read_rows(run / "dev.jsonl")
    found = Predictor.open(model).predict([row.text for row in rows]).probabilities
    np.testing.assert_allclose(found, [row.probabilities for row in rows], atol=1e-5)
    scores = read_json(run / "metrics.json")["dev"]["review"]
    levels = Manifest.from_metadata(_metadata(model)).review
    assert [asdict(level) for level in levels] == scores


def test_features_are_what_the_head_sees(model: Path, run: Path) -> None:
    import onnxruntime

    classifier, encoder = load_classifier(run, read_run(run))
    tokenizer = Tokenizer(encoder.tokenizer, 350)
    batch = tokenizer.encode(["房间很干净"]).batch(np.array([0]), tokenizer.pad_id)
    (features,) = onnxruntime.InferenceSession(model).run(["features"], batch)
    with torch.inference_mode():
        seen = classifier.features(**{name: torch.from_numpy(ids) for name, ids in batch.items()})
    np.testing.assert_allclose(features, seen.numpy(), atol=1e-5)


def test_an_encoder_without_token_types_gets_no_such_input(reviews: Path, tmp_path: Path) -> None:
    folder = write_roberta(tmp_path / "encoder")
    train(TrainingSettings(encoder=str(folder), data=(str(reviews),), output=tmp_path / "run"))
    export(settings(tmp_path / "run", tmp_path / "a.onnx"))
    assert [value.name for value in onnx.load(tmp_path / "a.onnx").graph.input] == [
        "input_ids",
        "attention_mask",
    ]
    found = Predictor.open(tmp_path / "a.onnx").predict(TEXTS)
    np.testing.assert_allclose(found.probabilities, expected(tmp_path / "run"), atol=1e-5)


def test_the_same_run_gives_the_same_bytes_and_no_path_of_this_machine(
    run: Path, tmp_path: Path, model: Path
) -> None:
    export(settings(run, tmp_path / "again.onnx"))
    content = (tmp_path / "again.onnx").read_bytes()
    assert content == model.read_bytes()
    for secret in (str(run.parent), str(Path.cwd()), str(Path.home()), "site-packages"):
        assert secret.encode() not in content


def test_the_file_carries_the_whole_model(model: Path, run: Path, encoder: Path) -> None:
    manifest = Manifest.from_metadata(_metadata(model))
    recorded = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert manifest.labels == ("负向评价", "正向评价")
    assert manifest.max_length == 350
    assert manifest.encoder == encoder.name
    assert manifest.quality["test"] == recorded["test"]
    assert manifest.data == read_run(run).data_fingerprint
    assert not any(tensor.external_data for tensor in onnx.load(model).graph.initializer)


def test_the_digest_depends_on_weights_tokenizer_and_labels(model: Path) -> None:
    from models.vetting import model_digest

    graph = onnx.load(model)
    first = model_digest(graph, "tokenizer", ["a", "b"])
    assert model_digest(graph, "tokenizer2", ["a", "b"]) != first
    assert model_digest(graph, "tokenizer", ["b", "a"]) != first
    weights = graph.graph.initializer[0]
    changed = onnx.numpy_helper.to_array(weights) + 1
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    assert model_digest(graph, "tokenizer", ["a", "b"]) != first


# The tiny run with its hidden size of 32 has matrices under MIN_SIZE; this one has some over it.
@pytest.fixture(scope="module")
def wide_run(reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:

    def make(folder: Path) -> None:
        encoder = write_encoder(folder / "encoder", hidden=128)
        data = {"encoder": str(encoder), "data": (str(reviews),)}
        train(TrainingSettings(**data, output=folder / "wide", pooling="mean"))

    return once(tmp_path_factory, "wide", make) / "wide"


def test_int8_is_a_fraction_of_the_size_and_keeps_the_labels(
    wide_run: Path, tmp_path: Path
) -> None:
    exact = export(settings(wide_run, tmp_path / "fp32.onnx"))
    small = export(settings(wide_run, tmp_path / "int8.onnx", precision="int8"))
    assert small.size < exact.size / 2
    assert small.agreement.same >= 0.99
    kinds = {tensor.data_type for tensor in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    assert small.summary.opset == 17


def test_int8_gives_the_same_bytes_twice_and_says_on_which_processor_it_was_chosen(
    wide_run: Path, tmp_path: Path
) -> None:
    for name in ("a.onnx", "b.onnx"):
        export(settings(wide_run, tmp_path / name, precision="int8"))
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    manifest = Manifest.from_metadata(_metadata(tmp_path / "a.onnx"))
    assert manifest.proof["instructions"] == instructions()
    assert manifest.reduce_range  # the first candidate


def test_int8_weights_of_eight_bits_are_said_to_be_such(
    wide_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finer = {name: form for name, form in FORMS.items() if form.largest > REDUCED}
    monkeypatch.setattr(quantization, "FORMS", finer)
    done = export(settings(wide_run, tmp_path / "a.onnx", precision="int8"))
    assert [form for form, _ in done.tried] == ["all products, finer"]
    assert not Manifest.from_metadata(_metadata(tmp_path / "a.onnx")).reduce_range


@pytest.mark.parametrize(
    ("precision", "fewest", "form"),
    [
        ("fp32", FEWEST, "fp32"),
        ("int8", FEWEST, "all products"),
        ("int8", 1, "all products, fixed scales"),
    ],
)
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(
    wide_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    fewest: int,
    form: str,
) -> None:
    monkeypatch.setattr(quantization, "FEWEST", fewest)
    done = export(settings(wide_run, tmp_path / "a.onnx", precision=precision))
    assert [name for name, _ in done.tried] == [form]
    predictor = Predictor.open(tmp_path / "a.onnx")
    together = predictor.predict(TEXTS).probabilities
    alone = np.concatenate([predictor.predict([text]).probabilities for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_classifier_of_transformers_is_exported_straight(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "classifier", "Electra")
    done = export(settings(folder, tmp_path / "a.onnx"))
    assert done.agreement.difference <= 1e-5
    found = Predictor.open(tmp_path / "a.onnx")
    assert found.manifest.labels == ("negative", "positive")
    assert found.predict(["好"]).probabilities.shape == (1, 2)


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu_new"])
def test_another_activation_is_exported(tmp_path: Path, activation: str) -> None:
    folder = write_classifier(tmp_path / "classifier", "Bert", hidden_act=activation)
    done = export(settings(folder, tmp_path / "a.onnx"))
    assert done.agreement.difference <= 1e-5
    assert Predictor.open(tmp_path / "a.onnx").predict(["好"]).probabilities.shape == (1, 2)


def test_the_last_layer_runs_for_the_first_token_only(tmp_path: Path) -> None:
    import onnxruntime

    done = export(settings(write_classifier(tmp_path / "c", "Bert"), tmp_path / "a.onnx"))
    assert done.agreement.difference <= 1e-5
    watched = onnx.load(tmp_path / "a.onnx")
    names = [
        node.output[0]
        for node in watched.graph.node
        if node.op_type == "MatMul" and "/intermediate/" in node.name
    ]
    watched.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    ids = np.ones((3, 8), dtype=np.int64)
    batch = {"input_ids": ids, "attention_mask": ids, "token_type_ids": ids - ids}
    first, last = onnxruntime.InferenceSession(watched.SerializeToString()).run(names, batch)
    assert first.shape == (3, 8, 64)
    assert last.shape == (3, 1, 64)


def test_a_classifier_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "classifier", "Bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))
    with pytest.raises(UserError, match="of type gpt2: expected a run directory, or"):
        export(settings(folder, tmp_path / "a.onnx"))


@pytest.mark.parametrize(
    "changed",
    [{"problem_type": "multi_label_classification"}, {"id2label": {"0": "same", "1": "same"}}],
)
def test_a_classifier_that_does_not_choose_one_of_several_labels_is_refused(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    folder = write_classifier(tmp_path / "classifier", "Bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(UserError, match="expected two or more different labels, of which a text"):
        export(settings(folder, tmp_path / "a.onnx"))


def test_a_classifier_without_the_weights_of_its_head_is_refused(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "classifier", "Bert")
    weights = load_file(folder / "model.safetensors")
    weights = {name: w for name, w in weights.items() if not name.startswith("classifier")}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"is damaged: no weights for classifier\.bias"):
        export(settings(folder, tmp_path / "a.onnx"))


DEV = [("房间干净", "1"), ("太吵", "0")]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("评论,text,label", None),  # of two that are known, the one called just so
        ("内容,标签", None),
        ("评论,内容,label", r"expected only one of 评论 \| 内容, found the columns .*label = 1$"),
        ("内容,stars", r"no column .* to have the labels, found the columns .*stars = 1$"),
    ],
)
def test_the_columns_of_dev_are_those_that_the_trainer_knows(
    tmp_path: Path, header: str, message: str | None
) -> None:
    dev = tmp_path / "dev.csv"
    *first, _ = header.split(",")
    rows = [["很差"] * (len(first) - 1) + [text, label] for text, label in DEV]
    dev.write_text("\n".join([header, *map(",".join, rows)]), encoding="utf-8")
    if message is None:
        assert [(row.text, str(row.label)) for row in _labelled(dev, ["0", "1"])] == DEV
    else:
        with pytest.raises(UserError, match=message):
            _labelled(dev, ["0", "1"])


def test_dev_that_calls_other_bytes_a_text_is_an_error_with_its_row(tmp_path: Path) -> None:
    texts = pyarrow.array([b"\xff", "好".encode()]).cast(pyarrow.binary())
    broken = pyarrow.Array.from_buffers(pyarrow.string(), 2, texts.buffers())
    table = pyarrow.table({"text": broken, "label": [0, 1]})
    pyarrow.parquet.write_table(table, tmp_path / "dev.parquet")
    with pytest.raises(UserError, match=r"row 1: expected a text in text and .* found b'\\xff', 0"):
        _labelled(tmp_path / "dev.parquet", ["0", "1"])


def test_an_option_that_would_do_nothing_is_wrong_usage(run: Path, tmp_path: Path) -> None:
    classifier = write_classifier(tmp_path / "classifier", "Bert")
    for options in ({"run": run, "dev": tmp_path / "d"}, {"run": classifier, "encoder": "e"}):
        with pytest.raises(UserError, match="has its own") as caught:
            export(settings(output=tmp_path / "a.onnx", **options))  # type: ignore[arg-type]
        assert caught.value.code == ExitCode.USAGE


def test_damage_in_the_rows_of_a_run_is_said(run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    (broken / "dev.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"dev\.jsonl is damaged"):
        export(settings(broken, tmp_path / "a.onnx"))


def test_a_graph_that_the_app_would_refuse_never_gets_its_name(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(vetting.OPERATORS, "")
    with pytest.raises(UserError, match="a graph that sentiment-tui does not open"):
        export(settings(run, tmp_path / "a.onnx"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.rejected.onnx"]


def _graph_of(nodes: list[onnx.NodeProto], **weights: np.ndarray) -> onnx.ModelProto:
    """Make a model from x to y, both `[b, t, 128]`."""
    tensors = [
        onnx.numpy_helper.from_array(array.astype(np.float32), name)
        for name, array in weights.items()
    ]
    ends = [onnx.helper.make_tensor_value_info(name, 1, ["b", "t", 128]) for name in "xy"]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    opset = onnx.helper.make_opsetid("", 17)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


@pytest.mark.parametrize("short", ["third", None])
def test_a_matrix_that_products_share_is_the_same_in_each(short: str | None) -> None:
    """One product reads what never changes, as DeBERTa's of positions; one may stay float32."""
    import onnxruntime

    chance = np.random.default_rng(0)
    matrix, constant = chance.normal(0, 0.1, (128, 128)), chance.normal(0, 1, (1, 3, 128))
    products = [("x", "first"), ("c", "second"), ("first", "third")]
    nodes = [onnx.helper.make_node("MatMul", [a, "w"], [b], name=b) for a, b in products]
    nodes.append(onnx.helper.make_node("Add", ["second", "third"], ["y"]))
    exact = _graph_of(nodes, w=matrix, c=constant)
    x = chance.normal(0, 1, (2, 3, 128)).astype(np.float32)
    forms = dict(candidates(exact, [{"x": x}] * FEWEST, short))
    # others cannot be opened without VNNI
    assert list(forms) == ["all products, fixed scales", "all products", WEIGHTS_ONLY]
    for model in forms.values():
        (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
        assert np.abs(found - (x @ matrix @ matrix + constant @ matrix)).max() < 0.25


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_file_for_cuda_is_fused_and_close_and_not_for_cpus_in_fp16(
    run: Path, tmp_path: Path, precision: str
) -> None:
    done = export(settings(run, tmp_path / "a.onnx", target="cuda", precision=precision))
    assert done.summary.operators["Attention"] == 2
    assert done.summary.operators["SkipLayerNormalization"] == 4
    if precision == "fp16":
        with pytest.raises(UserError, match="is fp16: CPUs compute fp16 in fp32"):
            Predictor.open(tmp_path / "a.onnx", device="cpu")


@pytest.mark.parametrize(
    ("target", "precision", "reason"),
    [("cpu", "fp16", "fp16 is for --target cuda"), ("cuda", "int8", "no CUDA kernels")],
)
def test_a_precision_that_a_device_has_no_use_for_is_refused(
    run: Path, tmp_path: Path, target: str, precision: str, reason: str
) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        export(settings(run, tmp_path / "a.onnx", target=target, precision=precision))
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.parametrize("last", ["/layer.1/", None])
@pytest.mark.parametrize("opset", [14, 18])
def test_every_int8_form_is_close_to_its_graph(
    wide_run: Path, tmp_path: Path, last: str | None, opset: int
) -> None:
    import onnxruntime

    source = load_source(write_classifier(tmp_path, "Bert", hidden=128) if last else wide_run)
    assert source.short_layer == last
    exact = trace(source.module, source.encoder, source.inputs, opset=opset)
    batches = list(source.alone(TEXTS))

    def answers(model: onnx.ModelProto) -> np.ndarray:
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return np.concatenate([session.run(["probabilities"], batch)[0] for batch in batches])

    right = answers(exact)
    furthest, largest = {}, {}
    for form, model in candidates(exact, batches * FEWEST, source.short_layer):
        furthest[form] = np.abs(answers(model) - right).max()
        weights = {tensor.name: tensor for tensor in model.graph.initializer}
        largest[form] = max(
            (
                np.abs(onnx.numpy_helper.to_array(weights[node.input[1]])).max()
                for node in model.graph.node
                if node.op_type == "MatMulIntegerToFloat"
            ),
            default=0,
        )
    assert list(furthest) == list(FORMS)
    assert furthest["all products, fixed scales"] <= 0.1
    assert furthest["all products"] <= 0.1
    assert furthest[WEIGHTS_ONLY] <= 0.05
    assert list(largest.values()) == [64, 127, 64, 127, 127, 0]  # 2 · 255 · 64 fits 16 bits


def test_a_matrix_of_zeros_gives_zeros() -> None:
    import onnxruntime

    exact = _graph_of([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], w=np.zeros((128, 128)))
    x = np.ones((2, 3, 128), dtype=np.float32)
    for _, model in candidates(exact, [{"x": x}] * FEWEST, None):
        (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
        assert not found.any()


def test_a_few_far_larger_neurons_cost_the_others_no_precision() -> None:
    import onnxruntime

    chance = np.random.default_rng(0)
    wide, narrow = chance.normal(0, 0.1, (128, 512)), chance.normal(0, 0.1, (512, 128))
    wide[:, ::100] *= 100
    narrow[::100] /= 100
    inner, outer = chance.normal(0, 0.1, 512), chance.normal(0, 0.1, 128)
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["xw"], name="wide"),
        onnx.helper.make_node("Add", ["xw", "i"], ["xwi"]),
        onnx.helper.make_node("Relu", ["xwi"], ["h"]),
        onnx.helper.make_node("MatMul", ["h", "n"], ["hn"], name="narrow"),
        onnx.helper.make_node("Add", ["hn", "o"], ["y"]),
    ]
    exact = _graph_of(nodes, w=wide, i=inner, n=narrow, o=outer)
    x = chance.normal(0, 1, (2, 3, 128)).astype(np.float32)
    right = np.maximum(x @ wide + inner, 0) @ narrow + outer
    form, fast = next(candidates(exact, [{"x": x}] * FEWEST, None))
    assert form == "all products, fixed scales"
    (found,) = onnxruntime.InferenceSession(fast.SerializeToString()).run(None, {"x": x})
    assert (found - right).std() < 0.03 * right.std()


@pytest.mark.parametrize("broken", ["1 × 1", "3 × 5", "1 × 350", "8 × 350"])
def test_every_shape_of_the_grid_is_compared_with_torch(
    run: Path, model: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    answer = Predictor.run

    def wrong(predictor: Predictor, batch: dict[str, np.ndarray], *more: Any) -> np.ndarray:
        rows, longest = batch["input_ids"].shape
        return answer(predictor, batch, *more) + 1e-3 * (f"{rows} × {longest}" == broken)

    monkeypatch.setattr(Predictor, "run", wrong)
    # The longest text alone has the shape 1 × 350, too.
    with pytest.raises(UserError, match=f"for the text ({broken}|'不好，不好)"):
        parity.check_exact(Predictor.open_unchecked(model), load_source(run), "fp32")


@pytest.mark.parametrize(
    ("texts", "changed", "rows", "lost", "passes"),
    [
        (80, 1, 80, 1, True),  # one text of few says nothing
        (20, 0, 20, 0, True),
        (1000, 5, 100, 1, True),
        (1000, 13, 100, 1, False),  # at most 99.3 % are the same
        (1200, 10, 1200, 10, False),  # at least 0.45 % are lost
        (20, 3, 20, 3, False),
    ],
)
def test_int8_is_refused_by_the_interval_and_not_by_a_text(
    texts: int, changed: int, rows: int, lost: int, passes: bool
) -> None:
    same = 1 - changed / texts
    agreement = Agreement(texts, 0.0, same, lost / rows, 0.0, 1.0, labelled=rows)
    assert agreement.passes is passes
    low, high = agreement.interval
    assert low < same <= high


def test_int8_is_held_against_texts_of_train_beside_a_small_dev(run: Path, tmp_path: Path) -> None:
    train = read_rows(run / "train.jsonl")
    assert {row.text for row in train} == {text for text, _ in split_reviews()["train"]}
    done = export(settings(run, tmp_path / "a.onnx", precision="int8"))
    assert (done.agreement.texts, done.agreement.labelled) == (36, 12)
    proof = Manifest.from_metadata(_metadata(tmp_path / "a.onnx")).proof
    assert (proof["texts"], proof["labelled"]) == (36, 12)


def _break_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parity.MAX_DIFFERENCE, "fp32", -1.0)


def _break_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "MIN_AGREEMENT", 1.1)


@pytest.mark.parametrize(
    ("precision", "break_gate", "message"),
    [
        ("fp32", _break_parity, "differs from torch: expected at most .* for the text"),
        ("int8", _break_agreement, "int8 costs too much: expected at least 110.0%"),
    ],
)
def test_a_file_that_fails_its_gate_never_gets_its_name(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    break_gate: Callable[[pytest.MonkeyPatch], None],
    message: str,
) -> None:
    break_gate(monkeypatch)
    with pytest.raises(UserError, match=message) as caught:
        export(settings(run, tmp_path / "a.onnx", precision=precision))
    assert caught.value.code == ExitCode.CONFIG
    assert [path.name for path in tmp_path.iterdir()] == ["a.rejected.onnx"]


def test_auto_is_int8_where_it_passes_and_else_fp32(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert export(settings(run, tmp_path / "a.onnx", precision="auto")).precision == "int8"
    _break_agreement(monkeypatch)
    done = export(settings(run, tmp_path / "b.onnx", precision="auto"))
    assert done.precision == "fp32"
    of_few_texts = [name for name, form in FORMS.items() if not form.fixed]
    assert [name for name, _ in done.tried] == [*of_few_texts[:-1], "fp32"]


def test_auto_is_fp32_where_int8_cannot_be_made_and_says_so(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise config_error("{path} has products of another kind", path="a")

    monkeypatch.setattr(pipeline, "candidates", refuse)
    assert export(settings(run, tmp_path / "a.onnx", precision="auto")).precision == "fp32"
    said = "fp32 it is, as int8 cannot be made: a has products of another kind"
    assert said in capsys.readouterr().err


def test_a_graph_with_other_weights_fails_the_gate(run: Path, model: Path, tmp_path: Path) -> None:
    changed = onnx.load(model)
    for tensor in changed.graph.initializer:
        if tensor.name.endswith("head.bias"):
            bias = onnx.numpy_helper.to_array(tensor) + np.array([0, 1e-3], dtype=np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(bias, tensor.name))
    onnx.save(changed, tmp_path / "changed.onnx")
    with pytest.raises(UserError, match="differs from torch"):
        predictor = Predictor.open_unchecked(tmp_path / "changed.onnx")
        parity.check_exact(predictor, load_source(run), "fp32")


def test_an_existing_file_is_not_overwritten_unless_told(run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("mine")
    with pytest.raises(UserError, match="exists") as caught:
        export(settings(run, tmp_path / "a.onnx"))
    assert caught.value.code == ExitCode.CANNOT_CREATE
    assert (tmp_path / "a.onnx").read_text() == "mine"
    export(settings(run, tmp_path / "a.onnx", force=True))
    assert Predictor.open(tmp_path / "a.onnx").device == "cpu"


def _metadata(path: Path) -> dict[str, str]:
    found = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert all(key.startswith(PREFIX) for key in found)
    return found


def write_classifier(folder: Path, kind: str, hidden: int = 32, **more: str) -> Path:
    """Write a random `...ForSequenceClassification`, its pooler and all."""
    import transformers

    write_encoder(folder)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]),
        hidden_size=hidden,
        embedding_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=514,
        pad_token_id=0,
        initializer_range=0.2,
        type_vocab_size=2,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
        **more,
    )
    torch.manual_seed(0)
    getattr(transformers, f"{kind}ForSequenceClassification")(config).save_pretrained(folder)
    return folder


def write_roberta(folder: Path) -> Path:
    """Write a random RoBERTa, whose tokenizer gives a pair of texts no token types."""
    write_encoder(folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    for piece in tokenizer["post_processor"]["pair"]:
        for part in piece.values():
            part["type_id"] = 0
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    (folder / "vocab.txt").unlink()
    config = RobertaConfig(
        vocab_size=len(tokenizer["model"]["vocab"]),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=0,
        initializer_range=0.2,
    )
    torch.manual_seed(0)
    RobertaModel(config).save_pretrained(folder)
    return folder
