"""User-facing words in English and Chinese, by the locale of the environment or by choice.

`tr("No such file: {path}", path=path)` looks the English sentence up in `locale/`, when the user's
language is Chinese, and fills in the values, each made displayable. Every sentence that the
packages pass to `tr` has a Chinese one: a test reads the source and compares. click finds its own
words there too.
"""

import gettext
import os
from functools import cache
from pathlib import Path

from models.console.display import display

LOCALE = Path(__file__).with_name("locale")
"""The translations, as gettext has them; `make words` compiles them."""

_chosen: str | None = None


def choose_language(name: str | None) -> None:
    """Speak "zh" or "en" from now on, whatever the locale; None goes back to the locale."""
    global _chosen
    _chosen = name
    language.cache_clear()


@cache
def language() -> str:
    """Return "zh" or "en": the first of LC_ALL, LC_MESSAGES and LANG that is set decides."""
    if _chosen is not None:
        return _chosen
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


class _Count(int):
    """A number that may be formatted with what it counts: `{n:row}` is "1 row" or "2,000 rows"."""

    def __format__(self, spec: str) -> str:
        if len(spec) > 1 and spec[0].isalpha():
            return f"{int(self):,} {spec}" + "s" * (self != 1)
        return super().__format__(spec)


def tr(sentence: str, /, **values: object) -> str:
    """Return `sentence` in the user's language with its `{fields}` filled in.

    Numbers keep their type, so a field may carry a format: `{rate:.0f}`, or in English what is
    counted, `{count:record}`. A list is its items, between commas.
    """
    if language() == "zh":
        sentence = _chinese().gettext(sentence)
    return sentence.format_map({name: _shown(value) for name, value in values.items()})


@cache
def _chinese() -> gettext.NullTranslations:
    return gettext.translation("messages", LOCALE, languages=["zh"])


def _shown(value: object) -> object:
    match value:
        case int():
            return _Count(value)
        case float():
            return value
        case list() | tuple():
            return tr(", ").join(map(display, value))
    return display(value)
