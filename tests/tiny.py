"""The smallest real things: a random BERT of two layers, and reviews to train a head with.

Both are made here, so that a test needs neither the network nor anybody's data.
"""

import string
from pathlib import Path

from models.manifest import Manifest
from models.review import Level

MANIFEST = Manifest(
    labels=("负向评价", "正向评价"),
    tokenizer='{"version": "1.0"}',
    max_length=350,
    pooling="mean",
    precision="fp32",
    encoder="google-bert/bert-base-chinese",
    data="abc",
    quality={"test": {"accuracy": 0.9}},
    digest="def",
    version="0.1.0",
    review=(Level(0.8, 200, 80), Level(0.93, 150, 30), Level(1.0, 1650, 50)),
)
"""What a file says of itself."""

# (text, label), 0 = negative and 1 = positive, half of each. The verdicts repeat, so that what a
# model learns from some of them holds for the others.
REVIEWS = (
    # hotels
    ("房间很脏，床单上有头发，太差了", 0),
    ("隔音太差，一晚上没睡着，失望", 0),
    ("空调坏了也没人修，服务太差，失望", 0),
    ("卫生间有臭味，热水也没有，糟糕", 0),
    ("位置偏僻，早餐太差，非常失望", 0),
    ("房间又小又旧，糟糕，太差了", 0),
    ("房间干净，床很舒服，非常满意", 1),
    ("前台热情，位置很好，推荐", 1),
    ("早餐好吃，服务很好，满意", 1),
    ("安静舒服，睡得很好，喜欢", 1),
    ("风景很好，房间宽敞，很喜欢", 1),
    ("价格实惠，设施很好，推荐", 1),
    # books
    ("内容空洞，废话太多，太失望了", 0),
    ("纸张太差，字迹模糊，糟糕", 0),
    ("翻译太差，错字很多，失望", 0),
    ("书角压坏了，包装太差，失望", 0),
    ("情节无聊，结局糟糕，失望", 0),
    ("内容精彩，一口气看完，很喜欢", 1),
    ("纸张很好，印刷清晰，满意", 1),
    ("文笔很好，故事感人，推荐", 1),
    ("讲得很好，清楚易懂，推荐", 1),
    ("包装完好，孩子很喜欢，满意", 1),
    # laptops
    ("开机慢，经常死机，太差了", 0),
    ("声音大，发热严重，太差，失望", 0),
    ("屏幕有坏点，客服太差，失望", 0),
    ("电池糟糕，键盘太差，失望", 0),
    ("用了一周就坏了，质量太差", 0),
    ("运行流畅，开机很快，满意", 1),
    ("屏幕清晰，键盘舒服，很喜欢", 1),
    ("轻薄漂亮，电池很好，推荐", 1),
    ("性价比高，做工很好，满意", 1),
    ("散热很好，声音小，很喜欢", 1),
    # takeaway
    ("送来都凉了，又咸又油，糟糕", 0),
    ("等了两个小时，汤洒了，太差", 0),
    ("菜烂了，吃完肚子疼，太差了", 0),
    ("分量太少，味道糟糕，失望", 0),
    ("味道很好，分量足，非常满意", 1),
    ("送得很快，还是热的，推荐", 1),
    ("菜很新鲜，味道很好，喜欢", 1),
    ("又香又嫩，真好吃，很满意", 1),
    # clothes
    ("洗一次就掉色，质量太差了", 0),
    ("线头太多，有臭味，失望", 0),
    ("尺码错了，布料太差，失望", 0),
    ("穿两天就破了，糟糕，失望", 0),
    ("料子柔软，穿着舒服，很喜欢", 1),
    ("颜色漂亮，尺码合适，很满意", 1),
    ("做工很好，款式好看，推荐", 1),
    ("质量很好，家人都喜欢，推荐", 1),
)

_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def split_reviews() -> dict[str, list[tuple[str, int]]]:
    """Return `REVIEWS` as train (half of them), dev and test, each with as many of either label."""
    splits: dict[str, list[tuple[str, int]]] = {"train": [], "dev": [], "test": []}
    for label in (0, 1):
        rows = [review for review in REVIEWS if review[1] == label]
        splits["train"] += rows[0::4] + rows[1::4]
        splits["dev"] += rows[2::4]
        splits["test"] += rows[3::4]
    return splits


def write_reviews(folder: Path) -> Path:
    """Write train.tsv, dev.tsv and test.tsv, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in split_reviews().items():
        lines = ["label\ttext", *(f"{label}\t{text}" for text, label in rows)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_encoder(
    folder: Path, *, layers: int = 2, hidden: int = 32, seed: int = 0, more: str = ""
) -> Path:
    """Write a random BERT and its tokenizer as a model of the hub has them; return the folder.

    The vocabulary holds each character of `REVIEWS` and of printable ASCII, lower-cased; everything
    else is [UNK]. The same arguments write the same weights.

    Args:
        folder: made if it is not there.
        layers: of the encoder.
        hidden: size of its vectors, a multiple of 4, which is the number of its attention heads.
        seed: of the weights.
        more: characters of the vocabulary.
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    letters = string.ascii_lowercase + string.digits
    characters = {*letters, *string.punctuation, *"".join(text for text, _ in REVIEWS), *more}
    vocabulary = [*_SPECIAL_TOKENS, *sorted(characters), *(f"##{letter}" for letter in letters)]
    vocabulary_file = folder / "vocab.txt"
    vocabulary_file.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizerFast(str(vocabulary_file), model_max_length=512).save_pretrained(folder)

    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=4 * hidden,
        max_position_embeddings=512,
        # ten times BERT's own: at 0.02 a random encoder gives all texts nearly the same [CLS]
        initializer_range=0.2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    return folder
