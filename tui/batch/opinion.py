"""Which texts hold an opinion: shops fill in reviews for those who wrote none."""

import re
import unicodedata
from collections.abc import Collection

from models.labels import SIMPLIFIED

_WHO = "(?:此|该|本|这位|匿名)?(?:用户|买家|客户|顾客|会员|消费者|评价方)"
_NOT = "(?:没有|并未|暂未|未|没|尚未)(?:及时)?"
_WRITE = "(?:填写|作出|做出|作|做|留下|发表|写|给出|进行)"
_WRITTEN = "(?:任何)?(?:文字)?(?:评价|评论|点评|留言|内容)(?:内容|信息)?"
_DEFAULT = "(?:给出|给予|自动)?(?:[五5](?:星|分))?(?:好评|评价)"
_SILENT = f"{_WHO}?(?:超时)?{_NOT}{_WRITE}?{_WRITTEN}"

_PHRASES = (
    _SILENT,
    f"(?:{_SILENT}|{_WHO})?(?:系统|默认|系统(?:自动)?默认|系统自动){_DEFAULT}",
    rf"\d+[天日]内{_SILENT}",
    "(?:抱歉)?(?:该条|此条|本条|这条|该|此)?(?:评价|评论|内容|微博)(?:已经|已)?(?:被)?"
    "(?:用户|作者|系统)?(?:自行)?(?:删除|屏蔽|隐藏|折叠)(?:查看帮助)?",
    f"(?:无|没|没有|暂无)(?:{_WRITTEN})?",
    "(?:分享)?(?:图片|视频)|表情|转发微博",
    "nil|na|null|none|nan",
)
_FILLER = re.compile("|".join(_PHRASES))

_LINK = re.compile(r"(?:(?:https?://|www\.)[!-~]+\s*)+")

_MARKS = frozenset(".。…,，!！?？~～、·;；-—–_*#/\\|'\"‘’“”`")
"""Marks that say nothing alone; those that faces are drawn with, as ":)" and "^_^", may."""


def is_blank(text: str) -> bool:
    """Return whether a text is nothing but spaces, controls and characters of no width.

    Private and unassigned characters are none of these: a new emoji is a text, whatever version of
    Unicode this Python knows.
    """
    return all(
        character.isspace()
        or unicodedata.category(character) in ("Cc", "Cf")
        or character in _NO_WIDTH
        for character in text
    )


_NO_WIDTH = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | frozenset(
    map(chr, [*range(0xFE00, 0xFE10), *range(0x180B, 0x1810), *range(0xE0100, 0xE01F0)])
)
"""Fillers and variation selectors, which are letters and marks by category."""


def has_opinion(text: str, fillers: Collection[str] = ()) -> bool:
    """Return whether a text may hold an opinion, which a filler, marks and a link alone don't.

    Args:
        text: not blank.
        fillers: what else counts as none, as `bare` returns it.
    """
    unlinked = _LINK.sub(" ", text)
    said = bare(unlinked)
    if not said:
        return not _MARKS.issuperset("".join(unlinked.split()))
    return said not in fillers and _FILLER.fullmatch(said) is None


def bare(text: str) -> str:
    """Return what is left of a text without spaces, punctuation, case and width."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(SIMPLIFIED)
    kept = [character for character in folded if not _is_left_out(character)]
    return "".join(kept)


def _is_left_out(character: str) -> bool:
    return character.isspace() or unicodedata.category(character)[0] in "PC" or character in "~|`^"
