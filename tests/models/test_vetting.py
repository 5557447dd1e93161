"""Model files made to do harm, or merely damaged, are refused with the reason."""

import base64
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models import untrusted
from models.console import ExitCode, UserError
from models.manifest import PREFIX, Manifest
from models.untrusted import Limits, RefusedError, check_untrusted, limits_for
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


def in_the_manifest(name: str, value: object) -> Change:
    def apply(model: onnx.ModelProto) -> None:
        entry = next(e for e in model.metadata_props if e.key == PREFIX + name)
        entry.value = json.dumps(value)

    return apply


def labels(*names: str) -> Change:
    return in_the_manifest("labels", names)


def normalizers(*parts: dict[str, object]) -> Change:
    whole = {"type": "Sequence", "normalizers": parts}
    return in_the_tokenizer(lambda document: document.update(normalizer=whole))


def replacing(old: str, new: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def charsmap(longest: str) -> dict[str, object]:
    content = base64.b64encode(bytes(4) + b"a\0" + longest.encode() + b"\0")
    return {"type": "Precompiled", "precompiled_charsmap": content.decode()}


def in_its_model(**changes: object) -> Change:
    return in_the_tokenizer(lambda document: document["model"].update(changes))  # type: ignore[attr-defined]


def a_dropout_that_stands_twice(model: onnx.ModelProto) -> None:
    entry = next(e for e in model.metadata_props if e.key == PREFIX + "tokenizer")
    entry.value = entry.value.replace('"model":{', '"model":{"dropout":0.5,"dropout":null,', 1)


def a_row_of(value: float) -> Change:
    def apply(model: onnx.ModelProto) -> None:
        tensor = max(model.graph.initializer, key=lambda one: len(one.raw_data))
        weights = onnx.numpy_helper.to_array(tensor).copy()
        weights[-1] = value
        tensor.CopyFrom(onnx.numpy_helper.from_array(weights, tensor.name))

    return apply


untyped = {"pattern": {"String": "的"}, "content": "的" * 1000}
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
        (normalizers(*[replacing("的", "的" * 7)] * 3), "may make 343 characters of one"),
        (normalizers({"type": "NFKC"}, charsmap("صلى" * 9)), "may make 486 characters of one"),
        (normalizers({"type": "Prepend", "prepend": "▁" * 400}), "may make 401 characters"),
        (normalizers(replacing("", "的")), "unknown normalizer"),
        (normalizers(untyped), "unknown normalizer"),
        (in_its_model(dropout=0.1), "draws at random"),
        (a_dropout_that_stands_twice, "a key stands twice"),
        (in_its_model(max_input_chars_per_word=10**6), "words of 1000000 characters"),
        (in_the_manifest("max_length", 10**6), "it reads 1000000 tokens"),
        (labels(*map(str, range(300))), "it has 300 labels"),
        (labels("好", "\u200b"), r"label '\\u200b' is empty"),
        (labels("Good", "ｇｏｏｄ"), "look the same"),
        (labels("a", "a\u200b"), "look the same"),
        (labels("a", "\ufe0fa "), "look the same"),
        (a_row_of(float("nan")), "hold NaN or infinity"),
        (a_row_of(float("-inf")), "hold NaN or infinity"),
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


def refitted(model: Path, path: Path, change: Change) -> Path:
    """Write a model whose graph was changed, with the digest that belongs to that."""
    changed = onnx.load(model)
    change(changed)
    metadata = {entry.key: entry.value for entry in changed.metadata_props}
    manifest = Manifest.from_metadata(metadata)
    digest = model_digest(changed, manifest.tokenizer, manifest.labels)
    in_the_manifest("digest", digest)(changed)
    for entry in changed.metadata_props:
        entry.value = entry.value.strip('"') if entry.key == PREFIX + "digest" else entry.value
    path.write_bytes(changed.SerializeToString())
    return path


def answers_that_sum_to_something(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type = "Identity"
    model.graph.node[-1].ClearField("attribute")


def one_answer_for_all(model: onnx.ModelProto) -> None:
    model.graph.node[-1].output[0] = "all"
    first = helper.make_node("ReduceMax", ["all"], ["probabilities"], axes=[0])
    model.graph.node.append(first)


def more_tokens_than_positions(model: onnx.ModelProto) -> None:
    in_the_manifest("max_length", 600)(model)


def memory_by_length(model: onnx.ModelProto) -> None:
    logits = model.graph.node[-1].input[0]
    last = model.graph.node.pop()
    much = onnx.numpy_helper.from_array(np.array([10**6, 10**6]), "much")
    model.graph.initializer.append(much)
    model.graph.node.extend(
        [
            helper.make_node("Shape", ["input_ids"], ["shape"]),
            helper.make_node("Mul", ["shape", "much"], ["many"]),
            helper.make_node("ConstantOfShape", ["many"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", [logits, "zero"], ["sum"]),
        ]
    )
    last.input[0] = "sum"
    model.graph.node.append(last)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (answers_that_sum_to_something, "expected probabilities, found"),
        (one_answer_for_all, r"expected answers \(4, 2\), found \(1, 2\)"),
        (more_tokens_than_positions, "512 by 600"),
        (memory_by_length, "ConstantOfShape node"),
    ],
)
def test_a_file_that_fails_at_other_texts_than_a_short_one_is_refused(
    model: Path, tmp_path: Path, change: Change, reason: str
) -> None:
    path = refitted(model, tmp_path / "changed.onnx", change)
    validate(path)
    with pytest.raises(UserError, match=reason) as caught:
        check_untrusted(path)
    assert caught.value.code == ExitCode.CONFIG


def test_limits_grow_with_the_file() -> None:
    assert limits_for(6000) == Limits(seconds=10, memory=3 * 2**29 + 48_000)
    assert limits_for(untrusted.MAX_BYTES).memory > 8 * untrusted.MAX_BYTES


def test_under_small_hard_limits_a_file_is_checked_within_them(model: Path, tmp_path: Path) -> None:
    check = "import sys; from models.untrusted import *; check_untrusted(Path(sys.argv[1]))"
    command = f'ulimit -t 60; ulimit -v 16000000; exec "{sys.executable}" -c "{check}" "{model}"'
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run(["/bin/sh", "-c", command], check=True, env=environment)
    assert len(list((tmp_path / "sentiment-tui" / "vetted").iterdir())) == 1


def test_limits_that_are_too_small_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {resource.RLIMIT_CPU: 3, resource.RLIMIT_AS: 1 << 20}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (small[kind], small[kind]))
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(UserError, match="3 s and 1 MiB, where 10 s and 1536 MiB were wanted"):
        check_untrusted(tmp_path / "a.onnx")


@pytest.fixture
def vetted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Path:
    """Return the folder of marks, with one for the model in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(untrusted, "_problem_of", lambda _path: None)
        before = os.umask(0)
        check_untrusted(model)
        os.umask(before)
    monkeypatch.setattr(untrusted, "_problem_of", lambda _path: "checked again")
    return tmp_path / "sentiment-tui" / "vetted"


def test_the_folder_of_marks_is_private_whatever_the_umask(vetted: Path, model: Path) -> None:
    assert vetted.stat().st_mode & 0o777 == vetted.parent.stat().st_mode & 0o777 == 0o700
    check_untrusted(model)


@pytest.mark.parametrize("distrust", ["group", "owner", "link", "versions"])
def test_marks_that_others_may_have_made_or_of_another_check_count_for_nothing(
    vetted: Path, model: Path, monkeypatch: pytest.MonkeyPatch, distrust: str
) -> None:
    match distrust:
        case "group":
            vetted.chmod(0o770)
        case "owner":
            monkeypatch.setattr(os, "getuid", lambda: vetted.stat().st_uid + 1)
        case "link":
            vetted.rename(vetted.with_name("theirs"))
            vetted.symlink_to("theirs")
        case "versions":
            monkeypatch.setattr(untrusted, "installed", lambda _name: "9.9")
    with pytest.raises(UserError, match="checked again"):
        check_untrusted(model)


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
    monkeypatch.setattr(untrusted, "WAITS", 0.0001)
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
