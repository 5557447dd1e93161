"""Texts whose answers tell whether two machines compute the same."""

from itertools import product

_SUBJECTS = ["房间", "屏幕", "客服", "快递", "味道", "包装", "价格", "这本书"]
_VERDICTS = (
    "很好",
    "太差了",
    "一般般",
    "还可以，就是有点小贵",
    "没有想象中的好，失望",
    "和描述的一样，家人都很喜欢",
    "凑合，有人说好，有人说不好",
    "OK，5 星好评！下次再来 👍",
)

PROBE = tuple(subject + verdict for subject, verdict in product(_SUBJECTS, _VERDICTS))
"""64 texts. Of two processors that multiply int8 otherwise, some 5 in 6 answers are equal all the
same, so that all of these are with a probability of 1e-5."""
