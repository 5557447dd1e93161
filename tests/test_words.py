"""Every sentence for people has a Chinese one, with the same fields, and none is left over."""

import ast
import gettext
import os
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment
from jinja2.ext import extract_from_ast
from rich.cells import cell_len

from models.console import command, language, tr
from models.console.i18n import LOCALE

ROOT = Path(__file__).parent.parent
WRITTEN = LOCALE / "zh" / "LC_MESSAGES" / "messages.po"


SAID = {"tr", *(name for name in vars(command) if name.endswith("_error"))}


def sentences() -> set[str]:
    found = set()
    for package in ("export", "models", "trainer", "tui"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = getattr(getattr(node, "func", None), "id", None)
                if called in ("say", "UserError") or called in SAID:
                    sentence = node.args[called == "UserError"]
                    if "console" in str(path) and ast.unparse(sentence) == "sentence":
                        continue  # UserError and say themselves, which hand on what they are given
                    assert isinstance(sentence, ast.Constant), f"{path}:{node.lineno}"
                    found.add(sentence.value)
    for path in sorted(ROOT.glob("tui/**/*.jinja")):
        template = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
        said = extract_from_ast(template, ["tr"])  # a sentence, or it and its arguments
        for _, _, sentence in said:
            found.add(sentence if isinstance(sentence, str) else sentence[0])
    return found


def fields(sentence: str) -> list[tuple[str, str]]:
    """Return names and formats; what is counted, a noun in English, is none in Chinese."""
    return sorted(
        (name, "," if spec and spec[0].isalpha() else spec or "")
        for _, name, spec, _ in string.Formatter().parse(sentence)
        if name
    )


def words_of_click() -> set[Any]:
    """Return what click says by gettext: sentences, and pairs of singular and plural."""
    found = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext"):
                texts = [leaf.value for leaf in node.args if isinstance(leaf, ast.Constant)]
                found.add(texts[0] if len(texts) == 1 else tuple(texts))
    return found


@pytest.fixture(scope="module")
def catalogue() -> dict[Any, Any]:
    """Return what is translated into Chinese: the sentence, or singular and plural; and how."""
    with WRITTEN.open("rb") as file:
        return {message.id: message.string for message in read_po(file) if message.id}


def test_every_sentence_has_a_chinese_one_and_none_is_left_over(
    catalogue: dict[Any, Any],
) -> None:
    assert sentences() <= catalogue.keys()
    assert catalogue.keys() - sentences() <= words_of_click()


def test_what_is_compiled_is_what_is_written(catalogue: dict[Any, Any]) -> None:
    with WRITTEN.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for english, chinese in catalogue.items():
        if isinstance(english, str):
            assert compiled.gettext(english) == chinese, "make words"
        else:
            assert (compiled.ngettext(*english, 2),) == chinese, "make words"


def test_a_translation_has_the_fields_of_its_sentence(catalogue: dict[Any, Any]) -> None:
    for english in sentences():
        assert fields(catalogue[english]) == fields(english), english


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


SCRIPT = str(Path(sys.executable).with_name("sentiment-tui"))


def in_chinese(*command: str) -> tuple[int, str]:
    environment = {**os.environ, "LC_ALL": "zh_CN.UTF-8", "COLUMNS": "80"}
    environment.pop("LANGUAGE", None)
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        (SCRIPT,),
        (SCRIPT, "classify"),
        (SCRIPT, "compare"),
        (SCRIPT, "doctor"),
        (SCRIPT, "report"),
        ("-m", "trainer"),
        ("-m", "export"),
    ],
    ids=lambda command: command[-1].rpartition("/")[2],
)
def test_help_in_chinese_fits_the_terminal_and_is_chinese_throughout(
    command: tuple[str, ...],
) -> None:
    code, text = in_chinese(*command, "--help")
    lines = text.splitlines()
    assert code == 0
    assert lines[0].startswith("用法：")
    assert max(map(cell_len, lines)) <= 80
    assert not [line for line in lines if line.strip()[:1] in tuple("，。、；：）")]
    assert not any(word in text for word in ("Options", "Commands", "default", "Show", "required"))


def test_a_wrong_use_is_told_in_chinese() -> None:
    code, text = in_chinese(SCRIPT, "classify", "--device", "tpu", "reviews.csv")
    assert code == 64
    assert text.splitlines()[-1] == (
        "错误：'--device' 的值无效：'tpu' 不在可选值之中：'auto', 'cpu', 'cuda'。"
    )
