import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models import predictor as predictor_module
from models.console import ExitCode, UserError
from models.locations import BUILTIN, newest_model
from models.manifest import Manifest
from models.predictor import Predictor
from models.probe import PROBE
from models.session import Probabilities, Session
from models.tokenizer import Batch
from tests.tiny import REVIEWS

TEXTS = [text for text, _ in REVIEWS]


@pytest.fixture(scope="module")
def predictor(model: Path) -> Predictor:
    return Predictor.open(model)


def test_answers_come_in_the_order_of_the_texts(predictor: Predictor) -> None:
    together = predictor.predict(TEXTS).probabilities
    alone = np.concatenate([predictor.predict([text]).probabilities for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert len(np.unique(together[:, 0])) > len(TEXTS) / 2  # the order could be seen to be wrong


def test_probabilities_sum_to_one_and_the_label_is_the_most_probable(predictor: Predictor) -> None:
    found = predictor.predict(TEXTS)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-6)
    assert (found.confidences >= 0.5).all()
    assert (
        found.probabilities[np.arange(len(TEXTS)), found.ids].tolist() == found.confidences.tolist()
    )


def test_equal_texts_are_computed_once(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    run = predictor._session.run

    def count(batch: dict[str, np.ndarray]) -> np.ndarray:
        rows.append(len(batch["input_ids"]))
        return run(batch)

    monkeypatch.setattr(predictor._session, "run", count)
    found = predictor.predict(["好", "差", "好", "好"])
    assert sum(rows) == 2
    assert found.probabilities[0].tolist() == found.probabilities[3].tolist()


@pytest.mark.parametrize(
    ("name", "reduced", "exact"),
    [("avx2", False, True), ("avx2", True, False), ("avx_vnni", False, False), ("", False, True)],
)
def test_int8_sums_that_would_overflow_without_vnni_are_computed_the_slow_way(
    monkeypatch: pytest.MonkeyPatch, name: str, reduced: bool, exact: bool
) -> None:
    monkeypatch.setattr(predictor_module, "instructions", lambda: [name])
    read = Manifest.from_metadata
    monkeypatch.setattr(
        Manifest, "from_metadata", lambda found: replace(read(found), reduce_range=reduced)
    )
    session = Predictor.open(BUILTIN, device="cpu")._session
    assert session.exact == session.single_threaded.exact == exact
    for one in (session, session.single_threaded):
        assert _computes_exactly(one) == exact


def _computes_exactly(session: Session) -> bool:
    try:
        setting = session._runtime.get_session_options().get_session_config_entry(
            "session.x64quantprecision"
        )
    except RuntimeError:  # it was not set
        return False
    return setting == "1"


def test_a_text_over_the_limit_is_said_to_be_truncated(predictor: Predictor) -> None:
    assert predictor.predict(["好", "好" * 400]).truncated.tolist() == [False, True]


def test_an_answer_says_how_much_was_read(predictor: Predictor) -> None:
    read = predictor.predict(["好", "好" * 696]).read
    assert read.tolist() == [1.0, 0.5]  # 350 tokens hold 348 of the text's own


def test_windows_read_a_long_text_whole_and_average_their_logits(predictor: Predictor) -> None:
    text = "好" * 348 + "差" * 348
    found = predictor.predict([text, "好"], windows=True)
    assert found.read.tolist() == [1.0, 1.0]
    # windows of 348 that overlap by 87
    parts = [text[start : start + 348] for start in (0, 261, 522)]
    logs = np.log(predictor.predict(parts).probabilities).mean(axis=0)
    expected = np.exp(logs) / np.exp(logs).sum()
    np.testing.assert_allclose(found.probabilities[0], expected, atol=1e-5)
    np.testing.assert_allclose(
        found.probabilities[1], predictor.predict(["好"]).probabilities[0], atol=1e-6
    )


def _opened(model: Path, monkeypatch: pytest.MonkeyPatch, threads: int) -> Predictor:
    monkeypatch.setattr(predictor_module, "available_cores", lambda: threads)
    return Predictor.open(model)


MANY = [text * count for text in TEXTS for count in range(1, 6)]


@pytest.mark.parametrize(("texts", "is_apart"), [(MANY, True), (MANY[:2], False)])
def test_threads_that_work_apart_or_together_give_the_same_answers(
    model: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], is_apart: bool
) -> None:
    two = _opened(model, monkeypatch, threads=2)
    other = two._session if is_apart else two._session.single_threaded
    monkeypatch.setattr(other, "run", lambda _batch: pytest.fail("the other session ran"))
    expected = _opened(model, monkeypatch, threads=1).predict(texts).probabilities
    np.testing.assert_allclose(two.predict(texts).probabilities, expected, atol=1e-6)


def test_the_probe_tells_a_last_bit_and_no_number_of_threads(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, other = (_opened(model, monkeypatch, threads=threads) for threads in (1, 2, 1))
    run = other._session.run

    def run_elsewhere(batch: Batch) -> Probabilities:
        probabilities = run(batch)
        probabilities[0, 0] = np.nextafter(probabilities[0, 0], np.float32(0))
        return probabilities

    monkeypatch.setattr(other._session, "run", run_elsewhere)
    assert len(set(PROBE)) == 64
    assert one.probe == two.probe != other.probe


def test_an_error_of_one_batch_ends_a_prediction_in_threads(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = _opened(model, monkeypatch, threads=2)
    session = predictor._session.single_threaded
    rows = iter([3])

    def fail_later(batch: dict[str, np.ndarray]) -> np.ndarray:
        if next(rows, None) is None:
            raise RuntimeError("out of memory")
        return np.full((len(batch["input_ids"]), 2), 0.5, np.float32)

    monkeypatch.setattr(session, "run", fail_later)
    with pytest.raises(UserError, match="out of memory"):
        predictor.predict(MANY)


def _answering(answer: object) -> Callable[[object], object]:
    def run(_batch: object) -> object:
        if isinstance(answer, BaseException):
            raise answer
        return np.array(answer, dtype=np.float32)

    return run


Panic = type("PanicException", (BaseException,), {})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([[0.5, np.nan]], "expected probabilities, found [0.5 nan]"),
        ([[np.inf, -np.inf]], "expected probabilities, found [ inf -inf]"),
        ([[0.5, 0.502]], "expected probabilities, found [0.5   0.502]"),
        ([[-0.5, 1.5]], "expected probabilities, found [-0.5  1.5]"),
        ([[0.2, 0.3, 0.5]], "expected answers (1, 2), found (1, 3)"),
        ([0.5, 0.5], "expected answers (1, 2), found (2,)"),
        (RuntimeError("Reshape node. Name:'\x1b[2J'"), "Reshape node. Name:'␛[2J'"),
        (MemoryError(), "MemoryError"),
        (Panic("no room"), "no room"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_an_answer_that_is_no_probability_is_the_models_fault(
    model: Path, monkeypatch: pytest.MonkeyPatch, answer: object, reason: str
) -> None:
    predictor = Predictor.open(model)
    monkeypatch.setattr(predictor._session, "run", _answering(answer))
    with pytest.raises(UserError) as caught:
        predictor.predict(["好"])
    assert caught.value.code == ExitCode.CONFIG
    assert str(caught.value) == f"the model {model} fails at one of these texts: {reason}"


def test_one_answer_is_not_taken_for_that_of_a_whole_batch(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.open(model)
    monkeypatch.setattr(predictor._session, "run", _answering([[0.5, 0.5]]))
    with pytest.raises(UserError, match=r"expected answers \(2, 2\), found \(1, 2\)"):
        predictor.predict(["好", "差"])


def test_a_tokenizer_that_fails_is_the_models_fault_and_ctrl_c_is_not(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.open(model)
    for act in (lambda: predictor.predict(["好"]), lambda: predictor.pieces("好")):
        monkeypatch.setattr(predictor, "_tokenizer", None)
        with pytest.raises(UserError, match="fails at one of these texts"):
            act()
    monkeypatch.setattr(predictor._session, "run", _answering(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        predictor.run({"input_ids": np.zeros((1, 1), np.int64)})


def test_one_text_is_not_taken_for_its_characters(predictor: Predictor) -> None:
    with pytest.raises(TypeError, match=r"predict\(\[text\]\)"):
        predictor.predict("很好")


def test_no_texts_give_no_answers(predictor: Predictor) -> None:
    for windows in (False, True):
        found = predictor.predict([], windows=windows)
        assert found.probabilities.shape == (0, 2)
    assert found.probabilities.shape == (0, 2)
    assert len(found.ids) == len(found.confidences) == len(found.truncated) == 0


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model file") as caught:
        Predictor.open(tmp_path / "no.onnx")
    assert caught.value.code == ExitCode.NO_INPUT


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(UserError, match="it is not an ONNX file") as caught:
        Predictor.open(path)
    assert caught.value.code == ExitCode.CONFIG


def test_an_onnx_file_of_another_program_is_refused(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Tan", ["x"], ["y"])], "g", [value], [other])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "tan.onnx")
    with pytest.raises(
        UserError, match="cannot be used as a model: it uses the operator :Tan"
    ) as caught:
        Predictor.open(str(tmp_path / "tan.onnx"))
    assert caught.value.code == ExitCode.CONFIG


def test_our_metadata_on_another_graph_does_not_make_it_ours(tmp_path: Path, model: Path) -> None:
    changed = onnx.load(model)
    changed.graph.output[0].name = changed.graph.output[0].name + "_"
    changed.graph.node[-1].output[0] += "_"
    for node in changed.graph.node:
        node.output[:] = [n + "_" if n == "probabilities" else n for n in node.output]
    onnx.save(changed, tmp_path / "odd.onnx")
    with pytest.raises(UserError, match=r"its outputs are .'probabilities_'"):
        Predictor.open(tmp_path / "odd.onnx")


def test_cuda_that_is_not_there_is_an_error_and_never_the_cpu(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(UserError, match="device cuda was asked for") as caught:
        Predictor.open(model, device="cuda")
    assert caught.value.code == ExitCode.UNAVAILABLE
    assert Predictor.open(model, device="auto").device == "cpu"


@pytest.mark.gpu
def test_cuda_gives_the_answers_of_the_cpu(model: Path) -> None:
    on_gpu = Predictor.open(model, device="cuda")
    assert on_gpu.device == "cuda"
    on_cpu = Predictor.open(model, device="cpu")
    np.testing.assert_allclose(
        on_gpu.predict(TEXTS).probabilities, on_cpu.predict(TEXTS).probabilities, atol=1e-4
    )


def test_both_onnxruntime_wheels_at_once_are_an_error_with_the_command_that_mends_it(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = tmp_path / "onnxruntime" / "__init__.py"
    code.parent.mkdir()
    code.touch()
    for name in ("onnxruntime", "onnxruntime_gpu"):
        (tmp_path / f"{name}-1.32.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    with pytest.raises(
        UserError, match=r"Uninstall both, then: .* -m pip install onnxruntime "
    ) as caught:
        Predictor.open(model)
    assert caught.value.code == ExitCode.UNAVAILABLE


def test_no_onnxruntime_is_an_error_with_the_command_that_mends_it(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="-m pip install onnxruntime "):
        Predictor.open(model)


def test_the_newest_model_of_a_folder_is_taken_else_the_built_in_one(tmp_path: Path) -> None:
    assert newest_model(tmp_path) == BUILTIN
    assert newest_model(tmp_path / "no folder") == BUILTIN
    for age, name in enumerate(["c.rejected.onnx", "a.onnx", "b.onnx"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "dangling.onnx").symlink_to(tmp_path / "gone")
    (tmp_path / "folder.onnx").mkdir()
    assert newest_model(tmp_path) == tmp_path / "a.onnx"
