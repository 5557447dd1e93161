"""Every sentence for people has a Chinese one, with the same fields, and none is left over."""

import ast
import string
from pathlib import Path

import pytest

from models.i18n import language, tr
from models.zh import CHINESE

ROOT = Path(__file__).parent.parent


def sentences() -> set[str]:
    found = set()
    for package in ("export", "models", "trainer", "tui"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = getattr(getattr(node, "func", None), "id", None)
                if isinstance(node, ast.Call) and called in ("tr", "UserError"):
                    sentence = node.args[called == "UserError"]
                    if path.name == "command.py" and ast.unparse(sentence) == "sentence":
                        continue  # UserError itself, which hands on what it was given
                    assert isinstance(sentence, ast.Constant), f"{path}:{node.lineno}"
                    found.add(sentence.value)
    return found


def fields(sentence: str) -> list[tuple[str, str]]:
    """Return names and formats; what is counted, a noun in English, is none in Chinese."""
    return sorted(
        (name, "," if spec and spec[0].isalpha() else spec or "")
        for _, name, spec, _ in string.Formatter().parse(sentence)
        if name
    )


def test_every_sentence_has_a_chinese_one_and_none_is_left_over() -> None:
    assert sentences() == set(CHINESE)


def test_a_translation_has_the_fields_of_its_sentence() -> None:
    for english, chinese in CHINESE.items():
        assert fields(chinese) == fields(english), english


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "en_US"}, "zh"),
        ({}, "en"),
    ],
)
def test_the_locale_chooses_the_language(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    language.cache_clear()
    assert language() == expected
    assert tr("error: ") == {"zh": "错误：", "en": "error: "}[expected]


def test_a_value_in_a_sentence_cannot_act_on_the_terminal() -> None:
    assert tr("no such file: {path}", path="\x1b[2J") == "no such file: ␛[2J"
