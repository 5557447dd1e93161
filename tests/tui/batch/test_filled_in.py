"""Texts that a shop, a chat or a table filled in, by where they occur, and what people wrote."""

from itertools import product

import pytest

from models.labels import is_total
from tui.batch.opinion import has_opinion

FILLED_IN = {
    "Taobao": """
        此用户没有填写评价。|此用户没有填写评论!|评价方未及时做出评价,系统默认好评!
        该买家未及时评价，系统默认好评|15天内买家未作出评价，系统自动好评|交易成功后系统自动好评
        买家没有写评价|用户未写评价内容|系统默认好评！|超时系统默认好评|买家默认好评
        匿名用户默认好评|初次评价：此用户没有填写评价。|追评：无
        交易成功后15天内未评价，系统默认好评|该评价已被删除|该条评论已被屏蔽""",
    "Tmall": """
        此用户没有填写评价内容|该会员没有填写评价|会员未及时评价|系统自动默认评价
        消费者未作出评价，系统默认好评|买家超时未评价，系统自动给予好评|确认收货后系统自动好评
        15天内未评价，默认好评|该用户选择了匿名评价|用户仅打分，未填写评价
        消费者只给出了评分，没有写评价|此评价由系统自动产生""",
    "JD": """
        此用户未填写评价内容|您没有填写内容，默认好评|用户未及时评价,系统默认好评
        该用户未填写评价内容！|此用户未及时填写评价内容，系统默认五星好评|系统默认5星
        系统自动评价|该评价由系统自动生成|用户只进行了评分|该用户上传了3张图片
        该用户分享了2个视频|此评论已被折叠|用户晒单|晒单""",
    "Pinduoduo": """
        该用户未填写文字评价|用户未填写文字评论|此用户未填写评价，默认好评|平台默认好评
        平台自动给出五星好评|系统代为好评|系统自动给出好评|超时自动好评|用户没有写文字评价
        该用户仅评分，未填写评价内容|内容违规，已屏蔽""",
    "Meituan": """
        该用户未点评，系统默认好评|用户未填写评价内容|用户未发表文字评价|顾客没有留下评价
        系统自动生成的评价|客人未留下文字点评|用户只打了分|该用户仅打分，没有写评价
        该评价因违规已被隐藏|消费后系统自动好评|未留评论|顾客未评价""",
    "Dianping": """
        该点评已被折叠|此点评因含有广告已被隐藏|用户未点评|该用户未填写点评内容
        此条点评为系统自动生成|该点评涉嫌违规，已被屏蔽|该用户没有留下点评|点评正在审核中
        食客未填写点评|食客未留下任何点评|仅打星，无文字|用户未写点评""",
    "Eleme": """
        匿名用户未填写评价内容|该用户没有写评价|用户未作评价|用户没有评价|订单完成后系统自动好评
        该订单已默认好评|系统默认五星好评|用户超时未评价，系统默认好评|用户仅评分|客户未点评
        用户未填写|未填写""",
    "Ctrip": """
        住客未填写点评|客人没有填写点评内容|该住客未留下点评内容|用户未点评，系统默认好评
        离店后系统自动好评|该点评为系统自动生成|住客仅打分，未填写点评|游客没有填写点评内容
        此点评由系统默认给出|客人未及时点评，系统默认5分|该点评正在审核|旅客未写点评""",
    "Qunar": """
        此用户未点评,默认好评|用户未写点评内容|旅客没有填写评价|该旅客未留下评论
        7天内未点评，系统默认好评|住客只评分|乘客未评价|该乘客未填写评价内容|游客未留言
        用户暂未点评|本评价由系统默认给出|入住后系统自动评价""",
    "Fliggy": """
        该房客没有写评价|房客未填写评价内容|游客未发表评论|该游客未留下任何评价|会员没有填写评价
        该会员未及时评价，系统默认好评|系统自动确认并好评|规定时间内未评价，系统默认好评
        这个买家没有留下任何评价|还没有评价哦|暂无点评|评价内容为空""",
    "Douban": """
        该短评已被删除|这篇影评可能有剧透|该条内容已被作者删除|这条评论因违反社区规定已被删除
        该用户已注销|此用户已被封禁|这条短评已被折叠|该书评已被隐藏|此内容不存在
        该用户没有写短评|抱歉，该内容因违规已被屏蔽""",
    "App Store": """
        此评论正在等待审核|该评论未通过审核|此评论已被移除|没有评论|该用户未留下评论
        暂无评论内容|用户仅评分，未写评论|用户只给出了星级|此评论已被管理员删除
        This review has been removed|无文字评论|用户还没有评论""",
    "Xiaohongshu": """
        该笔记已被删除|当前内容无法展示|该内容因违反社区规范已被删除|评论已被作者删除
        当前笔记暂时无法浏览|该评论已被博主删除|该笔记涉嫌违规，已被屏蔽|[图片][图片]
        [表情][表情]|【视频】|该账号因违规已被封禁|此笔记不可见""",
    "Douyin": """
        该评论已删除|评论违反社区规定已被隐藏|该作品已被删除|[表情]|[动图]|该视频无法查看
        违规内容已被屏蔽|该账号已注销|该用户未发表评论|此视频已下架|该评论因违规已被删除
        [图片] [图片] [图片]""",
    "WeChat": """
        [该消息类型暂不支持]|[图片]|[语音]|[动画表情]|[链接]|[位置]|[红包]|[聊天记录]
        张三撤回了一条消息|你撤回了一条消息|[文件]|当前版本不支持查看此消息，请升级最新版本
        [不支持的消息类型]|以上是打招呼的内容|你已添加了小王，现在可以开始聊天了|撤回了一条消息
        该内容已被发布者删除|[系统消息]|【图片】【图片】|[视频] [语音]|微信图片_20240501.jpg
        IMG_2031.PNG""",
    "Taiwan": """
        這個買家沒有留下任何評價|買家未留下評論|系統預設好評|系統自動給予五星評價|此評論已被隱藏
        該買家未填寫評價內容|這位使用者未留下評論|房客沒有留下評價|此評價由系統自動產生
        該評論因違反社群規範已被刪除|[貼圖]|[照片]|[影片]|張三已收回訊息
        買家逾期未評價，系統自動給予好評|使用者只給了評分|平台自動好評|尚無評論|總計（筆）
        合計：3""",
    "Hong Kong": """
        此顧客沒有留下評論|該評價已被移除|顧客未有填寫評價|客人沒有留言|此用戶沒有填寫評價
        系統默認好評|食客沒有留下評語|該用戶僅評分，未填寫評價|會員未評價|該內容已被刪除
        暫無評價|已收回一則訊息|此訊息暫不支援顯示""",
    "English": """
        No comment|No review text|(No text)|This user did not leave a review
        The buyer didn't leave any feedback|The reviewer left no comment.
        Customer has not written a review yet|No written review|Rating only, no comment
        Rated only|This comment has been deleted|Review removed by moderator|[deleted]|[Removed]
        This post was removed.|Default positive review by system|Automatic 5-star rating
        System default review|<Media omitted>|image omitted|[image]|[Photo]|[Sticker] [Sticker]
        No feedback yet|Guest did not leave a comment|Auto-generated review
        This message was deleted|N/A|None""",
    "markup": """
        &#160;|&nbsp;&nbsp;<br/>|<span style="color:red"></span>|<img src="http://a.com/b.jpg">
        <p>&nbsp;</p>|<br />|&amp;nbsp;|&lt;br&gt;|<![CDATA[]]>|<div class='c'><br></div>|&#x20;
        &#8203;|<!-- 评论 -->|![图片](https://a.cn/1.png)|<p></p>|<a href="https://a.cn/"></a>
        <table><tr><td>&nbsp;</td></tr></table>|<video src=a></video>|<IMG SRC=x />
        data:image/png;base64,iVBORw0KGgo=|[img]https://a.cn/1.jpg[/img]|.\u200b""",
    "tables": """
        平均值|平均|共2条|共计：2条|合计3|总计（条）|(2 rows affected)|制表人：张三
        2 rows in set|第1页/共1页|---END---|小计：|以下空白|Grand Total|总数: 1,234|均值 4.5
        (12 行受影响)|注：以上数据截至2025-03-01|导出时间：2025-03-01|共 3 页 第 1 页|汇总
        合计（元）|数据来源：京东|page 1 of 3|合计：12条评论|中位数|标准差|SUM""",
    "surveys": """
        未填|不评价|不作评价|无建议|没有建议|暂无建议|没有什么建议|没有其他建议|未作答|待评价|无
        没有""",
}
"""Texts between bars."""

WRITTEN = """
    内容自动删除|system review|没有图|客户端默认设置不好|系统自带|评论区默认关闭
    好评自动返现|[视频]不错|追评：坏了
    有图片|这个视频|这个表情|没有评|只分|默认|预设|自动|这什么都没有写|第1页少了|&#24456;&#22909;
    默认好评，其实一般|没有评价的必要，太差了|图片很好看|总计花了200，值|都没有异味
    系统默认好评都比我自己写强，太差了|默认好评，差评差评|没有填写评价因为太差
    没有评价就是最好的评价|此商品已被删除，欺骗消费者|空空如也的包装，差|无敌好用|五星好评
    给五星|差评|[赞]|[怒][怒]|评论被删除了|我的差评被删除|差评被屏蔽|评价被商家删除
    商家删除评论|系统默认了好评，实际很差|自动更新|自动挡很好开|系统很流畅|系统垃圾
    默认设置不好用|平台好评太假|用户体验差|客户很满意|买家秀很美|会员没有用|会员没有优惠
    会员没有内容看|客服没有回复|卖家没有留言回复我|没有意见|没有什么不满意|没有了|都没有
    没什么|没有不满意的地方|没有问题|没有建议，已经很好了|什么都没有|什么都没写清楚
    没有写保质期|没写生产日期|未填写发票|没有填充物|没有文字说明|没有说明书|没有反馈
    没有感觉|没有评分的那么高|没有给赠品|没有收到|还没用|还没收到货|仅一般|只有差|只能打一分
    只给一星|只打2分|评分虚高|仅此一次|只评差评|给了5星|五分|满分|满分好评|内容不错|内容空洞
    内容违规太多|广告屏蔽|广告已屏蔽|广告太多|不支持最新版本|当前版本不支持我的手机
    不支持微信消息显示|消息无法显示|视频无法查看|图片加载失败|图片不显示|评论不显示
    内容无法显示|评论审核不通过|撤回功能好用|不能撤回消息|升级后好用|请升级版本
    图片与实物不符|视频里不错|语音不清楚|表情可爱|位置|位置好|[位置]很好|【位置】偏
    [图片]太丑了|[图片]👍|<p>很好用</p><br/>|<b>太差了</b>|&#128077;|&lt;p&gt;一般&lt;/p&gt;
    A&B都好|<3|价格<100，好|a<b|总体一般|总的来说不错|总计三次，都坏了|合计下来很划算
    平均水平|平均一般|共用卫生间|共2条裤子都破了|一共3件，都小了|负责人：态度差|审核人太慢
    制表人很专业|统计不准|累计里程不对|数据来源不明|第1页就破了|total disaster|total garbage
    sum it up: bad|average|mean|No good|No comment needed, it's great
    no reviews can describe it|Review: bad|This review is fake|default settings are bad
    automatic is good|system is slow|Deleted|removed|deleted it right away
    removed after a day|rating 5|none of it works|This user guide did not help
    该用户觉得商品很好，给出了5星好评|不好评价|不予置评|无可奉告|懒得评价|不想评价|人很懒
    这个人很懒，不给送上楼|老板很懒|用户太少|客人太多|住客素质差|游客太多|游客没有素质
    旅客没有座位|顾客没有选择|消费者没有保障|房客没有钥匙|匿名也要说差|太差了.jpg|好.gif
    没有图片|没有视频|没有语音|没有系统|无视频|没有评论系统|没有评论功能|系统|自动填写
    自动生成|自动提交|自动完成|自动转发|满分系统|五星系统|会员没给|内容过滤|请更新一下老版本
    可在手机上查看|这个图片无法显示|这条视频无法查看|订单自动确认|系统自动确认收货
    系统自动退款|评论系统不好|总计200元|会员什么都没有|用户什么也没有|无语|无感|空调坏了|白
    删除|隐藏费用|折叠方便|屏蔽信号|这条裤子很好|此书很好|该换了|本书内容一般|这个用户界面好
    转发抽奖是骗人的|超时了|超时送达|超时半小时|逾期不退|系统自动扣款|自动续费坑人|默认续费
    预设密码错误|交易成功后就不理人了|收货后好评|确认收货后客服消失|7天内就坏了|15天没发货
    规定时间内没送到|666|👍|😀😀😀|:(|^_^"""

READERS = {
    "Taobao": "此用户 该买家 匿名用户 消费者",
    "Tmall": "会员 该会员 买家 这位消费者",
    "JD": "此用户 您 该用户 用户",
    "Pinduoduo": "该用户 匿名买家 用户 这个用户",
    "Meituan": "顾客 该顾客 用户 评价者",
    "Dianping": "食客 点评者 该用户 这位会员",
    "Eleme": "客户 匿名用户 该客户 用户",
    "Ctrip": "住客 该住客 客人 这位客人",
    "Qunar": "旅客 乘客 该旅客 游客",
    "Fliggy": "房客 租客 该游客 会员",
    "Douban": "该用户 评论者 此用户 网友",
    "App Store": "用户 该用户 评论人 使用者",
    "Xiaohongshu": "该用户 这个用户 网友 此用户",
    "Douyin": "该用户 用户 买家 此买家",
    "WeChat": "该用户 访客 网友 客户",
    "Taiwan": "這個買家 該使用者 這位顧客 此會員",
    "Hong Kong": "此用戶 食客 該顧客 這位訪客",
}

SENTENCES = """
    {}没有填写评价|{}未填写评价内容！|{}沒有留下任何評價|{}未及时评价，系统默认好评|{}仅打分，未填写评价
    {}只給出了評分，沒有寫評價|{}未发表评论|{}超时未评价，系统自动好评|{}还没有评价哦|{}未留下文字評論|{}默认好评"""


def split(texts: str) -> list[str]:
    """Return what stands between bars and line ends."""
    return [
        text.strip(" ") for line in texts.split("\n") for text in line.split("|") if text.strip()
    ]


@pytest.mark.parametrize("shop", FILLED_IN)
def test_what_is_filled_in_holds_no_opinion(shop: str) -> None:
    assert not [text for text in split(FILLED_IN[shop]) if has_opinion(text)]


@pytest.mark.parametrize("shop", READERS)
def test_nor_does_it_whatever_a_shop_calls_its_customers(shop: str) -> None:
    texts = [s.format(who) for s, who in product(split(SENTENCES), READERS[shop].split())]
    assert len(texts) >= 40
    assert not [text for text in texts if has_opinion(text)]


def test_what_people_wrote_in_the_same_words_holds_one() -> None:
    texts = split(WRITTEN)
    assert len(texts) > 200
    assert not [text for text in texts if not has_opinion(text)]


def test_rows_that_end_a_table_are_no_texts_to_score() -> None:
    assert not [text for text in split(FILLED_IN["tables"]) if not is_total(text)]
    assert not [text for text in split(WRITTEN) if is_total(text)]
