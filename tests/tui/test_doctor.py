"""`sentiment-tui doctor` names what is wrong on a machine, each with what mends it."""

from dataclasses import replace
from pathlib import Path

import pytest

from models import predictor, session
from models.console import ExitCode, reason_of
from models.locations import BUILTIN
from models.manifest import Manifest
from tests.cli import invoker
from tui import doctor
from tui.cli import cli


def examine(model: Path, device: str = "cpu") -> tuple[dict[str, str], str]:
    found, problem = doctor.examine(model, device)  # type: ignore[arg-type]
    return dict(found), reason_of(problem) if problem else ""


def test_it_says_what_is_there(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "instructions", lambda: ["avx2", "avx512_vnni"])
    monkeypatch.setattr(doctor, "quota", lambda: 1.5)
    found, problems = examine(model)
    assert problems == ""
    assert found["onnxruntime"][0].isdigit()
    assert found["cores"].endswith("(the cgroup grants 1.5)")
    assert found["instructions"] == "avx2, avx512_vnni"
    assert "CPUExecutionProvider" in found["providers offered"]
    assert found["asked for, got"] == "cpu, cpu"
    assert len(found["digest"]) == 64


@pytest.mark.parametrize(
    ("name", "reduced", "slow"),
    [("avx2", False, True), ("avx2", True, False), ("avx2, avx_vnni", False, False)],
)
def test_that_int8_is_slow_for_want_of_vnni_is_no_problem_but_said(
    model: Path, monkeypatch: pytest.MonkeyPatch, name: str, reduced: bool, slow: bool
) -> None:
    monkeypatch.setattr(predictor, "instructions", lambda: name.split(", "))
    read = Manifest.from_metadata
    monkeypatch.setattr(
        Manifest, "from_metadata", lambda found: replace(read(found), reduce_range=reduced)
    )
    found, problems = examine(BUILTIN)
    assert found["model"].endswith("(exact without VNNI, but slower)") == slow
    assert "VNNI" not in examine(model)[0]["model"]
    assert problems == ""


def test_both_wheels_at_once_are_a_finding(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_wheels", lambda: [Path("a"), Path("b")])
    assert "Uninstall both, then: " in examine(model)[1]


def test_cuda_that_is_not_to_be_had_is_a_finding(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "or use --device cpu" in examine(model, "cuda")[1]


@pytest.mark.parametrize(
    ("precision", "device", "is_finding"),
    [("fp32", "auto", True), ("int8", "auto", False), ("fp32", "cpu", False)],
)
def test_a_gpu_wheel_that_is_not_used_is_a_finding_where_it_might_be(
    monkeypatch: pytest.MonkeyPatch, precision: str, device: str, is_finding: bool
) -> None:
    wheels = {"onnxruntime": None, "onnxruntime-gpu": "1.0"}
    monkeypatch.setattr(doctor, "installed", lambda name: wheels.get(name, "1.0"))
    read = Manifest.from_metadata
    monkeypatch.setattr(
        Manifest, "from_metadata", lambda found: replace(read(found), precision=precision)
    )
    problems = examine(BUILTIN, device)[1]
    assert ("doctor --device cuda says why" in problems, bool(problems)) == (is_finding,) * 2


def test_the_command_ends_with_the_code_of_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    invoke = invoker(cli, monkeypatch, capfd)
    assert invoke("doctor", "--model", "builtin", "--device", "cpu").code == ExitCode.OK
    missing = invoke("doctor", "--model", tmp_path / "no.onnx")
    assert (missing.code, "onnxruntime" in missing.stdout) == (ExitCode.NO_INPUT, True)
    assert "no such model file" in missing.stderr


def test_a_model_that_cannot_be_opened_is_a_finding(tmp_path: Path) -> None:
    assert "no such model file" in examine(tmp_path / "no.onnx")[1]


def test_a_model_that_may_not_be_read_is_a_finding(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(model))

    monkeypatch.setattr(predictor.Predictor, "open", denied)
    assert f"{model}: Permission denied" in examine(model)[1]
