"""Which texts hold an opinion: shops fill in reviews for those who wrote none."""

import html
import re
import unicodedata
from collections.abc import Collection

from models.labels import SIMPLIFIED, is_total

_REVIEW = "(?:任何)?(?:文字)?(?:评价|评论|点评|短评|留言|内容|评语)(?:内容|信息)?"
_WRITE = "(?:填写?|[作做]出?|留下?|发表|写|给出?|给予|进行|提交|输入)"
_NOT = "(?:(?:并|还|暂时)?没有?|[并还尚]?未有?|暂[未无]|[尚还]?无|尚没有|选择不)(?:及时|按时)?"
_WHO = (
    "(?:(?:[此该本您有这]|这[个位名]|匿名)*(?:[用客]户|买家|顾客|会员|消费者|使用者|[评点][价论评][方者人]"
    "|客人|[住旅食游乘租房]客|网友|访客|您))"
)
_PERIOD = r"(?:[\d一二三五七十]+个?(?:天|日|小时)|(?:规定|有效|评价)时?[间限期]*)(?:之?内)?"
_LATE = f"(?:(?:交易|订单)(?:成功|完成)后)?(?:{_PERIOD})?(?:超时|逾期|到期|过期)?"
_WRITTEN = (
    "(?:任何|具体|详细|相关|什么|过|了)?(?:文字|图文|使用|商品|订单|本次|入住)?"
    f"(?:{_REVIEW}|文字|反馈|心得|感受|评分|打分|意见)"
)
_SILENT = (
    f"{_LATE}(?:{_WHO}{_LATE}{_NOT}(?:{_WRITE}{_WRITTEN}|填写|发表|留下|[作做]出?|写|给出|进行|评分|{_REVIEW})"
    f"|{_NOT}(?:{_WRITE}?{_REVIEW}|填写?|作答)|未评)[哦喔噢呢]?"
)
"""Somebody wrote nothing; without a word for who, fewer things that they did not write."""
_RATED = (
    f"{_WHO}?仅?[仅只](?:有|进行|给出?|给予|[作做打留]|提交|选择)?了?(?:星级|总体)?"
    "(?:[打评了]分|分数|[打评]星|评级|星级)(?:评价)?(?:[但而]?(?:无|没有?)(?:文字)?)?"
)
_THIS = "(?:[该此本这原]|当前|您的)[条篇个则份]?(?:用户|买家|商品|作者)?的?"
_TEXT = (
    f"(?:{_REVIEW}|影评|书评|微博|笔记|动态|视频|作品|帖子|回复|弹幕|[消讯]息|信息|文章|图片|账号)"
)
_THIS_TEXT = f"(?:{_THIS}{_TEXT}|(?:{_THIS})?(?:评价|评论|点评|内容|微博|订单)|原文)"

_WHEN = (
    "(?:(?:交易|订单|付款|确认|收货|签收|完成|成功|结束|关闭|服务|消费|入住|离店|评价)+之?后"
    f"|(?:超时|逾期|到期|过期)后?|{_PERIOD}(?:未评价?|后)?)"
)
_BY_ITSELF = "(?:系统|平台|商城|官方)?[已将会]?(?:自动|默认|预设|代为)+"
_GIVEN = "(?:确认|完成|提交|填写|填充|评为|生成|产生|给出|给予|[作做]出|发布|[为的并])*"
_STARS = "(?:[五5]颗?[星分]级?|满分|好评|评价|评论|点评|评分)"
_DEFAULT = (
    f"(?:{_WHO}|{_THIS_TEXT}(?:完成)?后?)?[由是为已经被]?(?:{_WHEN})?"
    f"(?:{_BY_ITSELF}|系统){_GIVEN}{_STARS}+"
    f"|(?:{_WHO}|{_THIS_TEXT}[由是为]|系统)(?:系统)?(?:自动)?(?:默认|预设)"
    f"|{_THIS_TEXT}[由是为]?(?:{_BY_ITSELF}|系统)(?:生成|产生|给出|给予|[作做]出|发布)的?"
    f"|{_STARS}+(?:由?系统)?(?:自动|默认|预设)+"
)
"""A system gave stars; a person who tells of it uses more words: 系统默认了好评，其实…"""

_BECAUSE = (
    "(?:(?:(?:因|由于|疑似|涉嫌|涉及|含有?|包含|存在|被?投诉|被?举报|违反.{1,24}(?:规[定则范]|公约|条例"
    "|准则|政策|法规)|违规|违法|敏感|不当|不良|剧透|低俗)(?:广告|侵权|隐私|信息|内容|言论|词汇?|行为|原因)*)+)"
)
_GONE = "(?:删除|屏蔽|隐藏|折叠|移除)"
_LINK = "(?:o?网页链接)"
_HIDDEN = (
    "(?:很?抱歉|对不起)?(?:"
    f"(?:{_BECAUSE}的?)?{_THIS_TEXT}{_BECAUSE}?[已现]?经?被?(?:用户|作者|系统|平台|管理员)?(?:自行)?"
    f"(?:{_GONE}|不可见|不存在|(?:正在)?(?:等待)?审核中?)"
    f"|(?:[该此本][条篇个则份]?(?:用户|买家)?的?{_TEXT}|当前(?:内容|笔记)){_BECAUSE}?[已现]?(?:暂时?)?"
    f"被?(?:商家|卖家|博主|发布者|官方)?(?:{_GONE}|下架|撤回|未通过审核|{_BECAUSE}"
    "|(?:无法|不予?|未予)(?:显示|展示|查看|浏览|可见))"
    f"|(?:敏感|违规|不当)(?:内容|信息|评论|评价)[已被]+{_GONE}|[这该此][篇条][影书短]评可能有剧透"
    f"|[该此](?:用户|账[号户]){_BECAUSE}?[已被]*(?:注销|封禁|禁言|不存在)|作者已?设置仅展示.{{1,4}}内微博"
    f"|由于作者设置你暂时没有这条微博的查看权限哦?)(?:(?:点击)?(?:查看|展开)(?:帮助|原因)?)?{_LINK}?"
)
_PICTURE = "(?:图片|视频|语音|单曲|表情)"
_COUNTED = r"(?:[\d一两]+[张个段])"
_MESSAGE = (
    "(?:(?:[该此]|当前)?(?:[消讯]息类型|类型的?[消讯]息|(?<=[该此])[消讯]息)暂?时?不支[持援](?:显示|查看|展示)?"
    "|(?:当前|您的)?(?:微信)?(?:版本|客户端)?(?:过低)?暂?时?不支[持援](?:的|显示|查看|展示)*"
    "(?:[该此](?:类型?)?[消讯]息|[消讯]息类型|类型的?[消讯]息))(?:[请可](?:升级|更新|在|使用|下载|到).{1,10})?",
    ".{0,8}(?:撤回了?一条消息|已收回(?:了?一则)?讯息)|以上是打招呼的内容",
    ".{0,20}(?:添加|验证).{0,12}现在(?:我们)?可以开始聊天了",
)
_READER = "(?:the|this)?(?:user|buyer|customer|reviewer|guest|author|shopper|travell?er)"
_NOTE = "(?:written)?(?:reviews?|comments?|feedback|ratings?)(?:text)?(?:yet)?"
_ENGLISH = (
    f"{_READER}(?:did|has)(?:not|nt)(?:yet)?(?:le(?:ave|ft)|writ(?:e|ten)|(?:provide|post|add|enter"
    f"|submit)(?:t?ed|d)?)(?:an?y?)?{_NOTE}",
    f"(?:{_READER}(?:left|wrote|provided))?no{_NOTE}(?:left|provided|available|given|written)?",
    "(?:th(?:is|e))?(?:review|comment|post|message|rating)(?:ha[sd])?(?:been|was|is)?(?:deleted|removed"
    "|hidden|withdrawn|recalled)(?:by(?:the|its)?(?:author|user|moderators?|system|admins?|sender))?",
    "(?:system)?(?:default|automatic|automated|auto)+(?:generated)?(?:positive|good|(?:5|five)stars?)?"
    "(?:review|rating|feedback|comment)(?:by(?:the)?system)?",
    "rat(?:ed|ing)only(?:no(?:comment|review|text)s?)?|(?:image|video|audio|sticker|gif|media)omitted",
    "nil|na|null|none|nan|undefined|n|repost|notext|noreviewtext",
)
_ALONE = (
    f"(?:无|没有?|暂无)+(?:{_REVIEW})?|{_REVIEW}为空|空白?",
    "(?:无|没有?|[暂并]无|暂时(?:没有|无)|没啥)(?:任何|什么|其[他它])?建议|不[作做]?评价",
    f"(?:{_WHO}(?:[很太]懒)?|(?:[这该此][个位]?)?(?:人|家伙)[很太]懒)什么[都也]没有?(?:写|留下?|说|评价)",
    f"(?:{_WHO}|(?:[这该此][个位]?)?(?:人|家伙))[很太]懒(?:没有?{_WRITE}?{_REVIEW}|什么[都也]没有?)",
    f"{_WHO}?(?:选择|使用)?了?匿名(?:评价|评论|点评)|匿名用户(?:的?评价)?|[待已]评价|等待评价",
    f"{_WHO}?(?:分享|上传|发布|发表|发送)?了?{_COUNTED}?{_PICTURE}(?:评论|评价)?|{_PICTURE}+",
    f"{_WHO}(?:分享|上传|发布|发表|发送)了?{_COUNTED}?(?:照片|影片|动图)|(?:{_WHO})?晒[图单]",
    r"(?:微信|qq)?(?:图片|照片|截图)?[a-z0-9]*\d[a-z0-9]*(?:jpe?g|png|gif|webp|heic)",
    f"转发(?:微博)?|{_LINK}",
    *_MESSAGE,
    *_ENGLISH,
)
_TOLD = f"(?:{_SILENT}|{_RATED}|{_HIDDEN})"
_FILLER = (
    "(?:(?:初次|首次|追加)(?:评价|评论)|追评)?"
    f"(?:(?:{_TOLD}){{0,2}}(?:{_DEFAULT})?|{'|'.join(_ALONE)})"
)
"""It is compiled, which takes a while, when the first text is looked at."""

_LONGEST_FILLER = 90
"""Characters; a text that has more was written by somebody."""

# No letter stands before a host's name: else each letter of a long text might begin one.
_NO_TEXT = re.compile(
    r"(?:(?:https?://|www\.|data:image/)[!-~]+"
    r"|(?<![a-z0-9.-])(?:[a-z0-9-]+\.)+(?:com|cn|net|org)/[!-~]*"
    r"|</?(?:[abip]|br|div|em|font|h[1-6]|hr|img|li|o:p|[ou]l|pre|script|section|source|span|strong"
    r"|style|t[dhr]|table|tbody|u|video)(?:[ /][^<>]*)?>|<!--[^<>]*-->|<!\[cdata\[|\]\]>"
    r"|!\[[^\[\]]*\]\([^()\s]*\)|#(?:n/a|ref!|name\?|value!|div/0!|num!|null!)"
    r"|[\[【〔(<「{](?:(?:动画|動畫|动态)?表情|[图圖]片?|照片|相片|[视視音]频|視頻|影片|[语語]音(?:[消訊通][息话話])?"
    r"|文件|檔案|位置|[链鏈][接結]|連結|名片|[红紅]包|转账|轉帳|[贴貼][图圖]|动图|小程序|聊天[记記][录錄]|分享"
    r"|系[统統][消訊]息|网页|音[乐樂]|晒[图單单圖]|gif|img|image|photo|picture|video|audio|voice|sticker|file"
    r"|link|location|emoji|media omitted|deleted|removed)(?:[评評][价論论價]|消息)?"
    r"[\d:_. a-z/-]*[\]】〕)>」}])\s*"
)
"""A link, a tag, a placeholder in brackets, or what a spreadsheet shows in place of a value."""

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
    plain = _plain(text)
    unlinked = _NO_TEXT.sub(" ", plain)
    said = unlinked.translate(_KEPT)
    if not said:
        return not all(character in _MARKS or is_blank(character) for character in unlinked)
    if said in fillers or is_total(plain):
        return False
    return len(said) > _LONGEST_FILLER or re.fullmatch(_FILLER, said) is None


def bare(text: str) -> str:
    """Return what is left of a text without spaces, punctuation, case and width."""
    return _plain(text).translate(_KEPT)


def _plain(text: str) -> str:
    """Return a text without case, width and what HTML writes for a character, even twice."""
    if "&" in text:
        text = html.unescape(html.unescape(text))
    return unicodedata.normalize("NFKC", text).casefold()


class _Kept(dict[int, int | None]):
    """What becomes of each character in `bare`; it is found out when one first occurs."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        left_out = (
            character.isspace()
            or unicodedata.category(character)[0] in "PC"
            or character in "~|`^\ufffc\ufffd"
        )
        self[code] = None if left_out else code
        return self[code]


_KEPT = _Kept(SIMPLIFIED)
