"""Gives what reviews lack: negation and its scope, contrast, very short answers, emoji, and more.

Variants of sentences written one by one (`written.tsv`), sentences composed from the aspects and patterns below,
and short reviews joined into one that turns. Who wrote `written.tsv` had not seen the check list
(`checklist.tsv`); `prepare.py` refuses to train on any of its rows.
"""

import random
import re
from collections.abc import Iterator, Sequence

Row = tuple[str, str]  # label, text

# aspect, words of praise, words of blame
ASPECTS = (
    ("房间", ("干净", "宽敞", "安静"), ("脏", "小", "吵")),
    ("服务", ("周到", "热情", "专业"), ("差", "冷淡", "敷衍")),
    ("物流", ("快", "给力"), ("慢", "拖拉")),
    ("味道", ("好", "鲜美", "正宗"), ("差", "难吃", "奇怪")),
    ("质量", ("好", "过硬", "可靠"), ("差", "粗糙", "糟糕")),
    ("屏幕", ("清晰", "细腻"), ("模糊", "暗")),
    ("电池", ("耐用", "给力"), ("不经用", "差劲")),
    ("做工", ("精细", "扎实"), ("粗糙", "马虎")),
    ("内容", ("精彩", "充实", "有趣"), ("空洞", "无聊", "啰嗦")),
    ("剧情", ("紧凑", "感人"), ("拖沓", "老套")),
    ("价格", ("实惠", "公道", "划算"), ("贵", "离谱")),
    ("包装", ("严实", "精美"), ("破", "简陋")),
    ("颜色", ("好看", "正"), ("难看", "土")),
    ("客服", ("耐心", "负责"), ("傲慢", "不理人")),
    ("位置", ("方便", "好找"), ("偏", "难找")),
    ("手感", ("舒服", "顺滑"), ("差", "粗糙")),
    ("声音", ("清楚", "好听"), ("刺耳", "小")),
    ("尺码", ("合适", "标准"), ("偏大", "不准")),
)
NAMES = ("这款", "这家的", "他们家", "它的", "整体", "")

PRAISE = (
    "{a}{p}", "{a}很{p}", "{a}非常{p}，满意", "{a}真{p}", "{a}挺{p}的", "{a}特别{p}，推荐",
    "{a}一点也不{n}", "{a}并不{n}", "{a}没有想象中那么{n}", "没觉得{a}{n}，挺好的",
    "谁说{a}{n}，我觉得很{p}", "{a}不能说不{p}", "{a}没有不{p}的时候", "从来没觉得{a}{n}过",
    "虽然{b}有点{bn}，但是{a}{p}，总体满意", "{b}{bn}了点，不过{a}很{p}，值得买",
    "本来担心{a}{n}，结果很{p}", "刚开始觉得{a}{n}，用久了发现很{p}",
    "除了{b}有点{bn}，其他都很好，{a}也{p}", "别人都说{a}{n}，其实很{p}",
    "{a}要是{n}我就不会再买第三次了", "不得不说{a}真的{p}", "{a}比我预期的还{p}",
)  # fmt: skip
BLAME = (
    "{a}{n}", "{a}很{n}", "{a}非常{n}，失望", "{a}真{n}", "{a}挺{n}的", "{a}特别{n}，不推荐",
    "{a}不{p}", "{a}一点也不{p}", "{a}并不{p}", "{a}没有宣传的那么{p}", "没觉得{a}{p}，很一般",
    "谁说{a}{p}，明明很{n}", "{a}谈不上{p}", "从来没见过{a}这么{n}的", "完全感觉不到{a}{p}",
    "虽然{b}还算{bp}，但是{a}{n}，总体失望", "{b}{bp}是{bp}，可惜{a}太{n}，不会再买",
    "本来以为{a}{p}，结果很{n}", "刚开始觉得{a}{p}，用了几天就发现很{n}",
    "除了{b}还行，其他都不好，{a}也{n}", "别人都说{a}{p}，我怎么觉得很{n}",
    "{a}要是{p}一点我也不会退货", "不得不说{a}真的{n}", "{a}比我预期的还{n}",
    "{a}能不能{p}一点", "说好的{a}{p}呢", "{b}{bp}有什么用，{a}{n}成这样",
)  # fmt: skip
SHORT_PRAISE = (
    "还行 挺好 不错 很赞 好评 满意 喜欢 推荐 值得 给力 完美 很棒 可以的 真心好 没毛病 没得说 爱了 绝了 "
    "超赞 好吃 好用 好看 划算 真香 五星 点赞 必须好评 无可挑剔 物超所值 强烈推荐 下次还来 会回购 不后悔 "
    "不踩雷 没白买 太好了 棒棒哒 yyds nice good great perfect love_it very_good so_nice 大爱 心水 惊喜 "
    "良心 靠谱 杠杠的 值了 还不错 还可以 挺满意 没失望 不亏"
)
SHORT_BLAME = (
    "差评 垃圾 失望 后悔 不值 不行 太差 很差 难吃 难用 难看 踩雷 避雷 翻车 坑人 太坑 智商税 拔草 退货 "
    "别买 不推荐 不满意 不好 不咋地 差劲 无语 呵呵 吐了 辣鸡 浪费钱 不会再来 再也不买 一星 差到极点 "
    "没用 骗人 上当 太烂 烂透了 糟糕 恶心 bad terrible awful not_good so_bad never_again 不喜欢 没法用 "
    "不如不买 白花钱 太失望 不值得 亏了 受够了 忍不了 不怎么样 毫无用处 一言难尽"
)
EMOJI_PRAISE = "👍 😊 😍 🥰 ❤️ 🎉 💯 😄 👏 🌟"
EMOJI_BLAME = "👎 😡 🤮 💔 😤 🙄 😞 😭 💩 😠"
ENGLISH_PRAISE = (
    "service很nice", "quality真的good", "feel很棒", "perfect，下次还会buy", "质量very good", "so好用",
    "not bad，挺喜欢的", "性价比max", "no problem，一切都好", "design很有感觉，love",
)  # fmt: skip
ENGLISH_BLAME = (
    "service太bad", "quality真的low", "feel很差", "terrible，不会再buy", "质量not good", "so难用",
    "no good，不喜欢", "太low了", "customer service没人理", "design很丑，regret",
)  # fmt: skip
TYPOS = (("非常", "灰常"), ("不错", "不戳"), ("喜欢", "稀饭"), ("失望", "失忘"), ("满意", "满易"),
         ("推荐", "推见"), ("质量", "质亮"), ("这么", "介么"), ("没有", "木有"), ("服务", "服物"))  # fmt: skip
TRADITIONAL = str.maketrans(
    "间务热专业给质过细内实紧凑动价离谱装严简颜负责傲位顺声码标准宽静脏难电经无聊啰满这总体没担结觉发现"
    "评爱绝赞还会来惊雷买值钱骗烂爱说谁时从点虽别预见显怎样虑贵丽尽划费乱坏开关门问题",
    "間務熱專業給質過細內實緊湊動價離譜裝嚴簡顏負責傲位順聲碼標準寬靜髒難電經無聊囉滿這總體沒擔結覺發現"
    "評愛絕讚還會來驚雷買值錢騙爛愛說誰時從點雖別預見顯怎樣慮貴麗盡劃費亂壞開關門問題",
)


CONCESSIONS = (
    "虽然{x}，但是{y}", "虽然{x}，{y}", "尽管{x}，可是{y}", "{x}，但{y}", "{x}，但是{y}", "{x}，不过{y}",
    "{x}，可是{y}", "{x}，然而{y}", "{x}。但总的来说，{y}", "原以为{x}，结果{y}", "{x}，只是后来{y}",
    "除了{x}，{y}", "别人说{x}，我觉得{y}", "之前{x}，这次{y}",
)  # fmt: skip
"""How a review turns: the verdict is that of y."""

SHORT = range(4, 24)
"""Characters of a review that is joined with another."""


def variants(rows: Sequence[Row], seed: int) -> Iterator[Row]:
    """Give each sentence as it is, before another of its label, and, if it has any, unpunctuated."""
    chance = random.Random(seed)
    of_label = {label: [text for own, text in rows if own == label] for label in "01"}
    for label, text in rows:
        yield label, text
        yield label, f"{text}{chance.choice('，。！ ')}{chance.choice(of_label[label])}"
        if (bare := re.sub("[，。！？]", chance.choice(("", " ")), text).strip()) != text:
            yield label, bare


def contrasts(reviews: Sequence[Row], count: int, seed: int) -> Iterator[Row]:
    """Give `count` texts of two short reviews of either label; the second is the verdict."""
    chance = random.Random(seed)
    short: dict[str, list[str]] = {"0": [], "1": []}
    for label, text in reviews:
        clause = text.strip(" ，。！,.!~～…")
        if label in short and len(clause) in SHORT:
            short[label].append(clause)
    for number in range(count):
        verdict, other = "01" if number % 2 else "10"
        pattern = chance.choice(CONCESSIONS)
        yield (
            verdict,
            pattern.format(x=chance.choice(short[other]), y=chance.choice(short[verdict])),
        )


def sentences(count: int, seed: int) -> Iterator[Row]:
    """Give `count` different composed texts, half of them of each label: 0 blame, 1 praise."""
    chance = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < count:
        label = len(seen) % 2
        text = _sentence(label, chance)
        if text not in seen:
            seen.add(text)
            yield str(label), text


def _sentence(label: int, chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.12:
        short = chance.choice((SHORT_BLAME, SHORT_PRAISE)[label].split()).replace("_", " ")
        text = short + chance.choice(("", "", "！", "。", "~", "啊", "哦", "！！！", "吧"))
    elif kind < 0.17:
        text = chance.choice((ENGLISH_BLAME, ENGLISH_PRAISE)[label])
    else:
        text = _clause(label, chance)
    if chance.random() < 0.12:
        face = chance.choice((EMOJI_BLAME, EMOJI_PRAISE)[label].split())
        text += face * chance.choice((1, 1, 2, 3))
    if chance.random() < 0.1:
        for right, wrong in TYPOS:
            text = text.replace(right, wrong)
    if chance.random() < 0.1:
        text = text.replace("，", chance.choice(("", " ")))
    return text.translate(TRADITIONAL) if chance.random() < 0.12 else text


def _clause(label: int, chance: random.Random) -> str:
    (a, praised, blamed), (b, b_praised, b_blamed) = chance.sample(ASPECTS, 2)
    pattern = chance.choice((BLAME, PRAISE)[label])
    text = pattern.format(
        a=a,
        p=chance.choice(praised),
        n=chance.choice(blamed),
        b=b,
        bp=chance.choice(b_praised),
        bn=chance.choice(b_blamed),
    )
    return chance.choice(NAMES) + text if chance.random() < 0.4 and text.startswith(a) else text
