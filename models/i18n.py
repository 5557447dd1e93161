"""User-facing words in English and Chinese, by the locale of the environment.

`tr("No such file: {path}", path=path)` looks the English sentence up in `models.zh` when the locale
is Chinese, and fills in the values, each made displayable. Every sentence that the packages pass
to `tr` has a Chinese one: a test reads the source and compares.
"""

import os
from functools import cache

from models.display import display


@cache
def language() -> str:
    """Return "zh" or "en": the first of LC_ALL, LC_MESSAGES and LANG that is set decides."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def tr(sentence: str, /, **values: object) -> str:
    """Return `sentence` in the user's language with its `{fields}` filled in.

    Numbers keep their type, so a field may carry a format: `{rate:.0f}`.
    """
    if language() == "zh":
        from models.zh import CHINESE

        sentence = CHINESE[sentence]
    return sentence.format_map(
        {
            name: value if isinstance(value, int | float) else display(value)
            for name, value in values.items()
        }
    )
