"""Stars that people give, as numbers and in words."""

import re
from collections.abc import Collection

from models.labels import folded

_DIGITS: dict[str, float] = {
    character: number for number, character in enumerate("零一二三四五六七八九十")
}
_DIGITS |= {"〇": 0, "两": 2, "半": 0.5}
_STARS = re.compile(
    r"(?P<before>(?:评分|得分|打分|星级|rating|score|stars?)[:=]?)?"
    r"(?P<number>\d+(?:\.\d+)?|[零〇一两二三四五六七八九十半](?:点[一二三四五六七八九])?)"
    r"(?P<unit>颗?星|分|stars?|/(?:5|10)|outof(?:5|10)(?:stars?)?)?(?P<half>半)?"
    r"(?:级|[好中差]评|,最多[五5]颗星)?(?:\(.*\))?"
)


def star_of(label: str) -> float | None:
    """Return the number of stars that a label says: "4", "★★★☆☆", "四星半", "4 out of 5 stars"."""
    text = folded(label)
    filled, empty = text.count("★") + text.count("⭐"), text.count("☆")
    if filled + empty and not text.strip("★☆⭐\ufe0f "):
        return float(filled)
    if re.fullmatch(r"[-+]?\d+(\.\d+)?", text):
        return float(text)
    found = _STARS.fullmatch(text)
    if found is None or not (found["before"] or found["unit"]):
        return None
    whole, _, tenths = found["number"].partition("点")
    star = float(_DIGITS.get(whole, whole)) + _DIGITS.get(tenths, 0) / 10
    return star + 0.5 if found["half"] else star


def star_number(label: str) -> str:
    """Return the number of stars that a label says as it is written, "4.5"; "" for none."""
    star = star_of(label)
    return "" if star is None else f"{star:g}"


def is_scale(values: Collection[str]) -> bool:
    """Say whether values are steps of a scale: 1 to 5 or 1 to 10, halves too, or stars in words."""
    for value in values:
        star = star_of(value)
        if star is None or not 0 <= star <= 10 or not (2 * star).is_integer():
            return False
    return bool(values)
