"""What the values of a column are, as far as that tells texts from what stands beside them."""

import re
from collections.abc import Sequence
from typing import Any

from models.labels import polarity
from models.stars import star_of

_NO_DELIMITER = " \u3000\"'\\_.-()（）[]【】"
_LONGEST = 200  # characters; a longer value is a text
_FIGURE = re.compile(
    r"[-+~<>≤≥]?\d[\d,.]*(?:[%％‰+]|[万千亿kw]\+?)*|(?:https?://|www\.)\S+", re.IGNORECASE
)
_DATE = re.compile(
    r"\d{4}(?:[-/.]\d{1,2}\b|年\d{1,2}月).{0,20}|\d{1,2}([-/.])\d{1,2}\1\d{4}.{0,15}"
)
_TITLE = re.compile(r"[^，。！？,!?\n]{1,20}")
_WORD = re.compile(r"[!-~]{1,30}")  # a code, or a word of English
_SAYS_TEXT = re.compile(
    "评|評|留言|意见|意見|建议|建議|反馈|反饋|心声|review|comment|content|body|text|feedback|opinion"
)
_SAYS_OTHER = re.compile(
    "追|评分|評分|评级|評級|时间|時間|日期|标题|標題|回复|回復|[人者数量]$"
    "|title|reply|date|time|rating|score|count|user|name|type|status|id$"
)


def is_figure(value: Any) -> bool:
    """Return whether a value is a number, a number of stars or a link."""
    shown = str(value).strip()
    if len(shown) > _LONGEST:
        return False
    return _FIGURE.fullmatch(shown) is not None or star_of(shown) is not None


def is_date(value: Any) -> bool:
    """Return whether a value begins as a date, and has little behind it."""
    return _DATE.fullmatch(str(value).strip()) is not None


def is_mark(value: Any) -> bool:
    """Return whether a string may be one of those, a grade, a date or a code: seldom a text.

    What is no string, as in JSON, is none: where a text should be, it is an error with its place.
    """
    if not isinstance(value, str):
        return False
    shown = value.strip()
    if is_figure(shown) or is_date(shown) or _WORD.fullmatch(shown):
        return True
    return len(shown) <= _LONGEST and shown[:1] not in "很太" and polarity(shown) is not None


def has_texts(values: Sequence[Any]) -> bool:
    """Return whether one of some values is a string that is more than a mark."""
    return any(isinstance(value, str) and not is_mark(value) for value in values)


def is_title(value: Any) -> bool:
    """Return whether a value may be the name of a column: it is a few words, and no number."""
    shown = str(value).strip()
    return bool(_TITLE.fullmatch(shown)) and not is_figure(shown) and not is_date(shown)


def says_text(name: str) -> bool:
    """Return whether a name of a column sounds like texts that people wrote."""
    shown = name.lower()
    return bool(_SAYS_TEXT.search(shown)) and not _SAYS_OTHER.search(shown)


def parting(lines: Sequence[str]) -> str | None:
    """Return the sign that may part the columns of lines: it stands equally often in each."""
    for sign in dict.fromkeys(lines[0]):
        counts = {line.count(sign) for line in lines}
        is_sign = not sign.isalnum() and sign not in _NO_DELIMITER
        if is_sign and len(counts) == 1 < len(lines) and not lines[0].startswith(sign):
            return sign
    return None


def likeness(name: str, values: Sequence[Any]) -> tuple[bool, bool, bool, float] | None:
    """Return how much a column looks like one of texts, to compare; None where it is none."""
    if not values or not all(isinstance(value, str) for value in values):
        return None
    if all(is_figure(value) or is_date(value) for value in values):
        return None
    joined = "".join(values)
    has_chinese = re.search("[\u4e00-\u9fff]", joined) is not None
    return has_texts(values), says_text(name), has_chinese, len(joined) / len(values)
