"""Gates: an exported file answers as the classifier that it was made from, or is rejected."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from export.classifier import ExportableClassifier
from models.console import config_error, display, tr
from models.console.narration import progress
from models.metrics import wilson
from models.predictor import Predictor
from models.run_directory import SAMPLE, sample_by_length
from models.session import Probabilities
from models.tokenizer import Batch
from models.trial import TEXTS

MAX_DIFFERENCE = {"fp32": 1e-5, "fp16": 5e-3}
"""Largest difference in any probability, by precision: float32 in another order, float16."""

MIN_AGREEMENT = 0.995
"""Share of texts that must keep their label, for int8: their 95 % interval must reach it."""

MAX_LOSS = 0.003
"""Accuracy on dev that may be lost, for int8: the 95 % interval must not lie above it."""

_TOGETHER = 256  # texts between two steps of the progress

PROBES = (
    *TEXTS,
    "又贵又难吃，等了一个多小时，再也不来了。",
    "不是不好，只是没有想象中那么好。",
    "屏幕不错，但是电池太不耐用了，用两个小时就没电。",
    "这本书我断断续续读了一个月，越读越觉得作者是用了心的，推荐给喜欢历史的朋友。",
    "物流快，包装好，客服耐心，质量对得起这个价格，五星好评！！！",
    "键盘手感一般，风扇声音很大，开机要两分钟，退货还要自己出运费，非常失望。",
    "1234567890 ABC abc ｆｕｌｌ　ｗｉｄｔｈ ①②③",
    "前台态度冷淡，入住排队四十分钟。房间里有烟味，空调不制冷，浴室的下水道堵了也没有人来修。"
    "早餐品种很少，九点不到就收了。唯一的优点是离地铁站近。总之不会再住，也不推荐给别人。",
    "很好。" * 60,
    "不好，" * 400,  # longer than any BERT reads
)
"""Texts that every exported model must answer as torch does, whatever it was trained on."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of a file with torch.

    Attributes:
        texts: number of texts that were compared.
        difference: largest difference in any probability.
        same: share of texts with the same label.
        lost: accuracy of torch minus accuracy of the file; 0 without true labels.
        labelled: number of texts with a true label.
        neighbours: largest difference between a text alone and among others.
        speed: texts a second, on this machine, now.
    """

    texts: int
    difference: float
    same: float
    lost: float
    neighbours: float
    speed: float
    labelled: int = 0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share of texts that keep their label."""
        return wilson(round(self.same * self.texts), self.texts)

    @property
    def passes(self) -> bool:
        """Whether an int8 file may be kept: it has not been shown to cost too much."""
        lost, _ = wilson(max(round(self.lost * self.labelled), 0), self.labelled)
        return self.interval[1] >= MIN_AGREEMENT and lost <= MAX_LOSS


def random_batches(source: ExportableClassifier) -> list[Batch]:
    """Return random tokens in the shapes 1 × 1, 1 × max, 3 × 5, and eight rows of mixed lengths."""
    longest = source.facts["max_length"]
    random = np.random.default_rng(0)
    batches = []
    for lengths in ([1], [longest], [5] * 3, np.linspace(1, longest, 8, dtype=int)):
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]  # [rows, longest]
        ids = np.where(mask, random.integers(source.encoder.config.vocab_size, size=mask.shape), 0)
        arrays = ids, mask.astype(np.int64), np.zeros_like(ids)
        batches.append(dict(zip(source.inputs, arrays, strict=False)))
    return batches


def check_exact(predictor: Predictor, source: ExportableClassifier, precision: str) -> Agreement:
    """Compare an fp32 or fp16 file with torch: texts alone and in padded batches, random batches.

    Raises:
        UserError: CONFIG, a probability differs too much.
    """
    texts = [*PROBES, *(row.text for row in sample_by_length(source.dev))]
    # Random tokens are harder than texts, too hard for fp16.
    grid = random_batches(source) if precision == "fp32" else []
    expected = np.concatenate([source.answer(batch) for batch in chain(source.alone(texts), grid)])
    together, speed = _answers(predictor, texts, _TOGETHER)
    alone, _ = _answers(predictor, texts, 1)
    others = [predictor.run(batch) for batch in grid]
    # [2, texts, C]: alone and together
    answers = np.stack([np.concatenate([alone, *others]), np.concatenate([together, *others])])
    difference = np.abs(answers - expected).max(axis=(0, 2))  # [texts]
    worst = int(difference.argmax())
    if not difference[worst] <= MAX_DIFFERENCE[precision]:  # also refuses NaN
        names = [repr(display(text, limit=40)) for text in texts]
        for batch in grid:
            rows, longest = batch["input_ids"].shape
            names += [f"{rows} × {longest}"] * rows
        raise config_error(
            "the exported graph differs from torch: expected at most {limit:.0e} in any "
            "probability, found {found:.1e} for the text {text}",
            limit=MAX_DIFFERENCE[precision],
            found=float(difference[worst]),
            text=names[worst],
        )
    same = answers[1].argmax(axis=1) == expected.argmax(axis=1)
    return Agreement(
        texts=len(expected),
        difference=float(difference[worst]),
        same=float(same.mean()),
        lost=0.0,
        neighbours=float(np.abs(alone - together).max()),
        speed=speed,
    )


def compare(predictor: Predictor, source: ExportableClassifier) -> Agreement:
    """Compare an int8 file with torch on every dev text, and on texts of train."""
    texts = [row.text for row in (*source.dev, *source.train)]
    labels = np.array([row.label for row in source.dev])
    expected = np.concatenate([source.dev_answers, source.train_answers])
    found, speed = _answers(predictor, texts, _TOGETHER)
    sample = np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int)
    alone, _ = _answers(predictor, [texts[row] for row in sample], 1)
    expected_ids, found_ids = expected.argmax(axis=1), found.argmax(axis=1)
    right = expected_ids[: len(labels)] == labels
    still_right = found_ids[: len(labels)] == labels
    return Agreement(
        texts=len(texts),
        difference=float(np.abs(found - expected).max()),
        same=float((found_ids == expected_ids).mean()),
        lost=float(right.mean() - still_right.mean()),
        neighbours=float(np.abs(found[sample] - alone).max()),
        speed=speed,
        labelled=len(labels),
    )


def _answers(
    predictor: Predictor, texts: Sequence[str], together: int
) -> tuple[Probabilities, float]:
    """Return the answers to some texts, so many at once, and how many a second there were."""
    start = time.perf_counter()
    answers = []
    title = tr("the file, text by text") if together == 1 else tr("the file, many texts at once")
    with progress(title, len(texts)) as advance:
        for first in range(0, len(texts), together):
            some = texts[first : first + together]
            answers.append(predictor.predict(some).probabilities)
            advance(len(some))
    return np.concatenate(answers), len(texts) / (time.perf_counter() - start)


def check_close(agreement: Agreement) -> None:
    """Refuse an int8 file that is not close enough.

    Raises:
        UserError: CONFIG, too many labels differ or too much accuracy is lost.
    """
    if not agreement.passes:
        low, high = agreement.interval
        raise config_error(
            "int8 costs too much: expected at least {min_same:.1%} of the labels and at most "
            "{max_lost:.1%} accuracy lost, found {same:.2%} of {texts:text} ({low:.1%} to "
            "{high:.1%}) and {lost:.2%} on {rows:row}; export with --precision fp32",
            min_same=MIN_AGREEMENT,
            max_lost=MAX_LOSS,
            same=agreement.same,
            texts=agreement.texts,
            low=low,
            high=high,
            lost=agreement.lost,
            rows=agreement.labelled,
        )
