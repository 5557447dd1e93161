"""Model files made to do harm, or merely damaged, are refused with the reason."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models import untrusted
from models.console.command import ExitCode, UserError
from models.manifest import PREFIX
from models.untrusted import RefusedError, check_untrusted
from models.vetting import model_digest, validate

Change = Callable[[onnx.ModelProto], None]


def external_data(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")


def data_location_alone(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def sparse_data() -> onnx.SparseTensorProto:
    values = TensorProto(name="v", dims=[1], data_type=TensorProto.FLOAT)
    values.data_location = TensorProto.EXTERNAL
    values.external_data.add(key="location", value="secret.bin")
    indices = onnx.numpy_helper.from_array(np.array([0]), "i")
    return onnx.SparseTensorProto(values=values, indices=indices, dims=[1])


def a_sparse_constant(model: onnx.ModelProto) -> None:
    constant = next(node for node in model.graph.node if node.op_type == "Constant")
    constant.attribute[0].Clear()
    constant.attribute[0].name = "sparse_value"
    constant.attribute[0].sparse_tensor.CopyFrom(sparse_data())


def a_list_of_sparse_tensors(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.add(name="any").sparse_tensors.append(sparse_data())


def a_sparse_initializer(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(sparse_data())


def a_list_of_tensors(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.add(name="any").tensors.add(name="t")


def an_optional_type(model: onnx.ModelProto) -> None:
    model.graph.value_info.add(name="x").type.optional_type.elem_type.tensor_type.elem_type = 1


def a_field_of_a_later_onnx(model: onnx.ModelProto) -> None:
    length_delimited = 2
    tag = 999 << 3 | length_delimited
    tag_bytes = bytes([tag & 127 | 128, tag >> 7])
    model.graph.node[0].MergeFromString(tag_bytes + b"\x01x")


def external_data_in_a_constant(model: onnx.ModelProto) -> None:
    constant = next(node for node in model.graph.node if node.op_type == "Constant")
    constant.attribute[0].t.external_data.add(key="location", value="/etc/passwd")


def a_subgraph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "inner", [], [])
    model.graph.node[0].attribute.append(helper.make_attribute("body", inner))


def a_function(model: onnx.ModelProto) -> None:
    model.functions.add(name="f", domain="d")


def a_foreign_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))


def a_loop(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Loop", ["a"], ["b"]))


def another_input(model: onnx.ModelProto) -> None:
    model.graph.input[1].name = "mask"


def another_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32


def other_weights(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.CopyFrom(
        onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + 1, tensor.name)
    )


def in_the_tokenizer(change: Callable[[dict[str, object]], object]) -> Change:
    def apply(model: onnx.ModelProto) -> None:
        entry = next(e for e in model.metadata_props if e.key == PREFIX + "tokenizer")
        document = json.loads(entry.value)
        change(document)
        entry.value = json.dumps(document)

    return apply


pattern = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (external_data, "TensorProto holds external_data"),
        (data_location_alone, "TensorProto holds data_location"),
        (external_data_in_a_constant, "TensorProto holds external_data"),
        (a_sparse_constant, "AttributeProto holds sparse_tensor"),
        (a_list_of_sparse_tensors, "AttributeProto holds sparse_tensors"),
        (a_sparse_initializer, "GraphProto holds sparse_initializer"),
        (a_list_of_tensors, "AttributeProto holds tensors"),
        (an_optional_type, "TypeProto holds optional_type"),
        (a_field_of_a_later_onnx, "NodeProto holds a field that ONNX does not define"),
        (a_subgraph, "AttributeProto holds g, which"),
        (a_function, "ModelProto holds functions"),
        (a_foreign_domain, "operator domain 'ai.onnx.contrib'"),
        (a_loop, "operator :Loop"),
        (another_input, "its inputs are"),
        (another_type, "input_ids has another type"),
        (other_weights, "not those that it was exported with"),
        (in_the_tokenizer(lambda d: d.update(pre_tokenizer=pattern)), "regular expression"),
        (in_the_tokenizer(lambda d: d.update(normalizer={"type": "Evil"})), "kind .Evil"),
        (in_the_tokenizer(lambda d: d.update(added_tokens=[{"id": 10**6}])), "ids up to 1000000"),
        (in_the_tokenizer(lambda d: d.update(model=[])), "not a tokenizer.json"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_file_made_for_harm_is_refused(
    model: Path, tmp_path: Path, change: Change, reason: str
) -> None:
    changed = onnx.load(model)
    change(changed)
    path = tmp_path / "changed.onnx"
    path.write_bytes(changed.SerializeToString())
    with pytest.raises(RefusedError, match=reason):
        validate(path)


def test_our_own_file_passes_and_is_vetted_once(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    check_untrusted(model)
    monkeypatch.setattr(untrusted, "_problem_of", lambda _path: pytest.fail("vetted again"))
    check_untrusted(model)


def test_a_file_over_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(untrusted.MAX_BYTES + 1)
    with pytest.raises(UserError, match="larger than 2 GiB") as caught:
        check_untrusted(tmp_path / "huge.onnx")
    assert caught.value.code == ExitCode.CONFIG


@pytest.mark.parametrize("status", [-11, 1])
def test_a_crash_in_native_code_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    (tmp_path / "a.onnx").write_bytes(b"crash")
    done = subprocess.CompletedProcess([], status, stdout="", stderr="native\nlast words")
    monkeypatch.setattr(untrusted.subprocess, "run", lambda *_args, **_options: done)
    with pytest.raises(UserError, match=f"ended a process with status {status}. last words"):
        check_untrusted(tmp_path / "a.onnx")


def test_a_file_that_takes_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.onnx").write_bytes(b"slow")
    monkeypatch.setattr(untrusted, "SECONDS", 0.001)
    with pytest.raises(UserError, match="took longer"):
        check_untrusted(tmp_path / "slow.onnx")


def test_the_digest_depends_on_weights_tokenizer_and_labels(model: Path) -> None:
    graph = onnx.load(model)
    first = model_digest(graph, "tokenizer", ["a", "b"])
    assert model_digest(graph, "tokenizer2", ["a", "b"]) != first
    assert model_digest(graph, "tokenizer", ["b", "a"]) != first
    weights = graph.graph.initializer[0]
    changed = onnx.numpy_helper.to_array(weights) + 1
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    assert model_digest(graph, "tokenizer", ["a", "b"]) != first
