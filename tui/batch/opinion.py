"""Which texts hold an opinion: shops fill in reviews for those who wrote none."""

import re
import unicodedata
from collections.abc import Collection

from models.labels import SIMPLIFIED, TOTALS

_WHO = "(?:此|该|本|这位|匿名)?(?:用户|买家|客户|顾客|会员|消费者|评价方)"
_NOT = "(?:没有|并未|暂未|未|没|尚未)(?:及时)?"
_WRITE = "(?:填写|作出|做出|作|做|留下|发表|写|给出|进行)"
_WRITTEN = "(?:任何)?(?:文字)?(?:评价|评论|点评|留言|内容)(?:内容|信息)?"
_DEFAULT = "(?:给出|给予|自动)?(?:[五5](?:星|分))?(?:好评|评价)"
_LATE = r"(?:\d+[天日]内)?"
_SILENT = f"{_LATE}{_WHO}?(?:超时)?{_NOT}(?:{_WRITE}?{_WRITTEN}|填写)|{_WHO}{_NOT}{_WRITE}"
_THIS = "(?:该条|此条|本条|这条|该|此)?(?:评价|评论|内容|微博|订单)"
_LINK = "(?:o?网页链接)"
_PICTURES = "(?:图片|视频|语音|单曲)"

_PHRASES = (
    _SILENT,
    f"(?:{_SILENT}|{_WHO}|{_THIS}(?:完成)?(?:后|为|已)?)?"
    f"(?:系统|(?:系统)?自动|(?:系统)?(?:自动)?(?:默认|预设)){_DEFAULT}",
    "好评系统(?:自动)?默认",
    f"(?:抱歉)?{_THIS}(?:已经|已)?(?:被)?(?:用户|作者|系统)?(?:自行)?"
    f"(?:删除|屏蔽|隐藏|折叠|不可见|不存在|(?:正在)?审核中?)(?:查看帮助)?{_LINK}?",
    f"(?:抱歉)?由于作者设置你暂时没有这条微博的查看权限哦?(?:查看帮助)?{_LINK}?",
    f"(?:无|没有?|暂无)+(?:{_WRITTEN})?|{_WRITTEN}为空|空白?",
    "(?:这个|这位|该|此)?(?:用户|买家|家伙|人)很懒"
    f"(?:什么(?:都|也)没有?(?:写|留下?|说)?|没有?{_WRITE}?{_WRITTEN})",
    rf"(?:{_WHO})?(?:分享|上传|发布)?了?(?:\d+[张个段])?{_PICTURES}(?:评论|评价)?|晒图|表情",
    f"转发(?:微博)?|{_LINK}",
    *TOTALS,
    "nil|na|null|none|nan|undefined|n|repost|nocomments?",
)
_FILLER = re.compile("|".join(_PHRASES))

# No letter stands before a host's name: else each letter of a long text might begin one.
_NO_TEXT = re.compile(
    r"(?:(?:https?://|www\.)[!-~]+|(?<![a-z0-9.-])(?:[a-z0-9-]+\.)+(?:com|cn|net|org)/[!-~]*"
    r"|&nbsp;|</?(?:br|p|div|span) ?/?>|#(?:N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!))\s*",
    re.IGNORECASE,
)
"""A link, a space of HTML, or what a spreadsheet shows in place of a value."""

_MARKS = frozenset(".。…,，!！?？~～、·;；-—–_*#/\\|'\"‘’“”`\ufffc\ufffd")
"""Marks that say nothing alone, and what stands for a lost picture or character; those that faces
are drawn with, as ":)" and "^_^", may say something."""


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


_NO_WIDTH = frozenset("\u2800\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | frozenset(
    map(chr, [*range(0xFE00, 0xFE10), *range(0x180B, 0x1810), *range(0xE0100, 0xE01F0)])
)
"""Fillers and variation selectors, which are letters and marks by category."""


def has_opinion(text: str, fillers: Collection[str] = ()) -> bool:
    """Return whether a text may hold an opinion, which a filler, marks and a link alone don't.

    Args:
        text: not blank.
        fillers: what else counts as none, as `bare` returns it.
    """
    unlinked = _NO_TEXT.sub(" ", text)
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
    return (
        character.isspace()
        or unicodedata.category(character)[0] in "PC"
        or character in "~|`^\ufffc\ufffd"
    )
