"""The labels of a classifier, in the order of its outputs."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

NEGATIVE_POSITIVE = ("负向评价", "正向评价")
"""Labels of the built-in model, and of data whose labels are just 0 and 1."""


NEGATIVE, NEUTRAL, POSITIVE = -1, 0, 1

_WORDS = {
    NEGATIVE: "差评 负面 消极 负向 负 差 坏 贬义 不满意 不满 不好 不推荐 不喜欢 讨厌 踩 negative "
    "neg bad 👎",
    NEUTRAL: "中评 中性 中立 中 一般 还行 neutral neu",
    POSITIVE: "好评 正面 积极 正向 正 好 褒义 满意 推荐 力荐 喜欢 赞 优 优秀 positive pos good 👍",
}
_POLARITY = {word: sign for sign, words in _WORDS.items() for word in words.split()}


_AROUND = re.compile(
    r"__label__|^(?:\d+[-:.、)])?"
    r"(?:非常|十分|特别|极|很|太|比较|较|强烈|very|extremely|strongly|somewhat|slightly)?(?=.)"
    r"|(?:(?<=.)(?:评价|情感|情绪|倾向|的))?(?:\([^()]*\))?[.!。,;:]*$"
)
"""What stands around such a word: fastText's prefix, a number, a degree, a noun, a remark."""

_NEGATIVE_NAME = re.compile(
    "(?<![非正])(?:差评|负面|负向|消极|贬义|不满意?|不好|不推荐|不喜欢|讨厌|投诉)"
    "|(?<![a-z])(?<!not[_-])(?<!non[_-])"
    "(?:is)?(?:neg|negative|bad|dissatisfied|unsatisfied|unhappy|complaint)s?(?![a-z])"
)
_POSITIVE_NAME = re.compile(
    "好评|正面|正向|积极|褒义|满意|推荐|喜欢|(?<![a-z])(?:is)?(?:pos|positive|good)(?![a-z])"
)
"""Words in the name of a column that say what 1, or yes, stands for."""

SIMPLIFIED = str.maketrans(
    "評負滿極薦歡壞沒買價戶統認論暫無寫顧給內條刪動為發隱蔽該這點圖視頻轉預設總計單網頁鏈個產"
    "貼訊錄檔員創遊選擇並時間過週於賬號審處違規較還長後級應來傳詞廣舉報權關閉話語們確貨賓讀眾"
    "測試節匯彙連結儲執讓懶麼聲題據類載頂當態訪續賣樓簡體輸編僅會筆則顯範",
    "评负满极荐欢坏没买价户统认论暂无写顾给内条删动为发隐蔽该这点图视频转预设总计单网页链个产"
    "贴讯录档员创游选择并时间过周于账号审处违规较还长后级应来传词广举报权关闭话语们确货宾读众"
    "测试节汇汇连结储执让懒么声题据类载顶当态访续卖楼简体输编仅会笔则显范",
)
"""Characters of the words of sentiment, and of what shops fill in for those who wrote nothing."""


_AROUND_TOTAL = "[-—–:()\\[\\]【】《》.,。、…=*_#|/\"'“”~]*"
_SUM = (
    "(?:[总合小共累]计|汇总|总[数和]|[求总]和|平均[值数分]?|均值|中位数|标准差|最[大小]值"
    "|(?:grand|sub)?total|sum|avg)"
)
_UNIT = "(?:[条行个项件份笔页人]数?|数量?|rows?|records?)?(?:记录|数据|评论|评价)?"
_TABLES = (
    rf"{_SUM}{_AROUND_TOTAL}(?:{_UNIT}|元){_AROUND_TOTAL}(?:\d[\d.,]*)?{_UNIT}",
    r"共:?\d+[条行项页笔](?:记录|数据|评论|评价|结果)?(?:[,/]?第\d+页)?|第\d+页(?:[,/]?共\d+页)?",
    r"\d+(?:rows?|records?)(?:affected|selected|returned|inset|fetched)?(?:\([\d.]+sec\))?",
    r"\d+行(?:受影响|记录)|已选择\d+行|page\d+(?:of|/)\d+",
    "(?:制表|填表|制单|编制|复核|统计)人:.{0,4}|数据来源:.{1,10}|以下空白|-+end-+",
    r"(?:制表|填表|导出|统计|打印|生成)(?:时间|日期):?[\d年月日:/.-]*",
    r"(?:注:?)?以上数据(?:截[至止]|统计至?)[\d年月日:/.-]+",
)
_TOTAL = re.compile(f"{_AROUND_TOTAL}(?:{'|'.join(_TABLES)}){_AROUND_TOTAL}")
"""What stands in place of a text where a table adds up its rows or ends, folded and simplified."""

LONGEST_TOTAL = 25
"""Characters; a text that has as many is no total."""


def folded(label: str) -> str:
    """Return a label without what people do not see as a difference: case, width, spaces."""
    return "".join(unicodedata.normalize("NFKC", label).casefold().split())


def is_total(text: str) -> bool:
    """Return whether a text is what stands before the sums of a table, or below them."""
    if len(text) >= LONGEST_TOTAL:
        return False
    return _TOTAL.fullmatch(folded(text).translate(SIMPLIFIED)) is not None


def polarity(label: str) -> int | None:
    """Return the sign of a word that people call sentiment by; None for another word."""
    return _POLARITY.get(_AROUND.sub("", folded(label).translate(SIMPLIFIED)).strip())


def by_polarity(values: Iterable[str], names: Sequence[str]) -> dict[str, int | None]:
    """Map words to the label of their polarity, where each label has one of its own."""
    signs = [polarity(name) for name in names]
    if None in signs or len(set(signs)) < len(signs):
        return {}
    label_of = {sign: number for number, sign in enumerate(signs)}
    return {value: label_of.get(sign) for value in values if (sign := polarity(value)) is not None}


def is_of_negatives(column: str) -> bool:
    """Return whether the name of a column has a negative word alone: 是否差评, is_negative."""
    rest, negatives = _NEGATIVE_NAME.subn(" ", folded(column).translate(SIMPLIFIED))
    return negatives > 0 and _POSITIVE_NAME.search(rest) is None


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct names sorted as a person would: "2" before "10", 差评 before 好评.

    The order does not depend on that of the data, so the same labels always get the same ids.
    """
    ordered = sorted(set(names), key=_natural_key)
    signs = {name: polarity(name) for name in ordered}
    if None not in signs.values():
        ordered.sort(key=lambda name: signs[name] or 0)
    return tuple(ordered)


def _natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return numbers and words of a name, numbers first; the name decides where they are equal."""
    parts = []
    for part in re.split(r"(^-[0-9]+|[0-9]+)", name):
        if part.lstrip("-").isdecimal():
            parts.append((0, int(part), ""))
        elif part:
            parts.append((1, 0, part))
    return parts, name


def label_name(label: object) -> str:
    """Return the name of a label; 1.0, which pandas makes of 1 in a column with gaps, is "1"."""
    name = str(label).strip()
    whole = re.fullmatch(r"\+?(-?[0-9]+)(?:\.0+)?", unicodedata.normalize("NFKC", name))
    return whole[1] if whole else name


class LabelSet:
    """Names of a classifier's labels; `models.label_map` finds what stands for them in data.

    Raises:
        ValueError: there are fewer than two labels, or two are equal.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError(f"expected two or more different labels, found {list(names)}")
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return ", ".join(f"{number} = {name}" for number, name in enumerate(self.names))
