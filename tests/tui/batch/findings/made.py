"""What the tests of findings are made from: a store of rows, and a small tokenizer."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from models.labels import NEGATIVE_POSITIVE
from models.tables import Place, Record
from tui.batch.findings.result_store import ResultStore
from tui.batch.summary import Chunk

CHARACTERS = "房间很干净早餐也不错空调坏了一般前台快递慢wifi,，。ok "


def store_of(
    texts: Sequence[str], labels: Sequence[int] = (), confidences: Sequence[float] = ()
) -> ResultStore:
    """Return a store of some texts, by default all of label 0."""
    rows = len(texts)
    store = ResultStore(NEGATIVE_POSITIVE)
    store.append(
        Chunk(
            records=[Record(Place(number, number, number), {}) for number in range(1, rows + 1)],
            texts=list(texts),
            ids=np.array(labels or [0] * rows, dtype=np.int64),
            confidences=np.array(confidences or [0.9] * rows, dtype=np.float32),
            statuses=np.zeros(rows, dtype=np.int64),
            truths=None,
            rejects=[],
        )
    )
    return store


def bert_tokenizer() -> str:
    """Return a tokenizer as BERT's: a piece is a Chinese character, or part of a Latin word."""
    known = ["[UNK]", *sorted(set(CHARACTERS)), *(f"##{letter}" for letter in "wifok")]
    vocabulary = {piece: number for number, piece in enumerate(known)}
    rust = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    rust.normalizer = normalizers.BertNormalizer()
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return str(rust.to_str())
