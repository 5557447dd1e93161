"""Words: what one group of rows says more often than another, ranked by log-odds.

Words are pieces of the model's tokenizer and phrases of some of them. They are looked for in a
sample of both groups, and those that are told are counted in all rows: a count is the number of
rows that a filter by the word shows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float64, Int64, Mask
from models.tokenizer import Tokenizer
from tui.batch.findings.result_store import ResultStore

_SAMPLE = 2000  # rows of a group that words are looked for in
_BLOCK = 2048  # rows that are counted between two reports
_LONGEST = 6  # pieces of a phrase
_RAREST = 3  # rows of the sample that have a word; one in fewer is passed over
_PRIOR = 0.1  # size of the prior, as a share of both groups
_SIGNIFICANT = 3.29  # |z| that chance exceeds once in a thousand times
_CANDIDATES = 120  # words of a piece and a group that are looked at; of two pieces half as many
_TOLD = 40  # words of a group

_WORD = 0.5  # share of the rows with these characters in which they are pieces of their own
_REPEATED = 0.6  # share of a word's rows with a longer one, from which the word says no more
_SAME = 0.8  # share of rows that two words have together, from which one says no more

_IN_WORD = re.compile("[A-Za-z0-9]{2}")  # no word begins or ends between two such characters
_PARTICLES = frozenset("的了着过地得是在我你他她它们这那就都也还又很和与及吗呢吧啊呀哦嘛个一")


@dataclass(frozen=True)
class Word:
    """A word that one group of rows has more often than another.

    Attributes:
        text: the word.
        rows: rows of the first and of the second group that have it.
        shares: the same as shares of the rows of either group.
        z: log-odds ratio of the first group to the second, in standard errors.
    """

    text: str
    rows: tuple[int, int]
    shares: tuple[float, float]
    z: float

    def seen_from_other(self) -> "Word":
        """Return the word with its groups exchanged."""
        return Word(self.text, self.rows[::-1], self.shares[::-1], -self.z)


class _Candidates(NamedTuple):
    """Words of a sample.

    Attributes:
        words: the words, in lower case.
        rows: rows that have a word as pieces of their own, `[words]`.
        pieces: pieces of all texts of either group, `[2]`.
    """

    words: list[str]
    rows: Int64
    pieces: Int64


def distinctive(
    store: ResultStore,
    rows_a: Int64,
    rows_b: Int64,
    tokenizer: Tokenizer,
    progress: Callable[[float], object] = lambda _: None,
) -> list[Word]:
    """Return the words that tell two groups of rows apart, from the first group's to the second's.

    Args:
        store: store of the rows.
        rows_a: indices of the rows of the first group.
        rows_b: indices of the rows of the second group.
        tokenizer: cuts texts into pieces; no other thread may use it meanwhile.
        progress: gets the share that is done, between two blocks; what it raises ends the work.

    Returns:
        At most `_TOLD` words of each group that chance hardly explains.
    """
    groups = [rows_a, rows_b]
    sizes = np.array([*map(len, groups)])
    samples = [store.texts(_sample(rows)) for rows in groups]
    sampled = np.array([*map(len, samples)])
    progress(0.0)
    if not all(sizes):
        return []
    found = _candidates(tokenizer, samples)
    words = _chosen(found, [_present(found.words, texts) for texts in samples])
    counts = np.zeros((2, len(words)), np.int64)
    done = 0
    for group, rows in enumerate(groups):
        for start in range(0, len(rows), _BLOCK):
            texts = store.texts(rows[start : start + _BLOCK])
            counts[group] += _present(words, texts).sum(axis=1)
            done += len(texts)
            progress(done / sizes.sum())
    z = log_odds(counts, found.pieces * sizes / sampled)
    by_rows = log_odds(counts, sizes)  # longer texts have more words: both must say so
    is_sure = np.minimum(z * np.sign(by_rows), abs(by_rows)) >= _SIGNIFICANT
    told = []
    for i in np.argsort(-z, kind="stable").tolist():
        if is_sure[i]:
            a, b = counts[:, i].tolist()
            shares = (a / len(rows_a), b / len(rows_b))
            told.append(Word(words[i], (a, b), shares, float(z[i])))
    return told


def log_odds(counts: Int64, totals: NDArray[np.number]) -> Float64:
    """Return the log-odds ratio of each word between two groups, in standard errors, `[words]`.

    The prior is a Dirichlet distribution in proportion to both groups together: Monroe, Colaresi,
    Quinn, "Fightin' Words", 2008, equations 16, 20 and 22.

    Args:
        counts: rows that have a word, `[2, words]`; a row that repeats one speaks no louder.
        totals: pieces, or rows, of either group, `[2]`.
    """
    prior = _PRIOR * counts.sum(axis=0)
    prior_total = _PRIOR * totals.sum()
    posterior = np.maximum(counts + prior, 1e-9)
    rest = np.maximum(totals[:, None] + prior_total - posterior, 1e-9)
    first, second = np.log(posterior / rest)
    return (first - second) / np.sqrt((1 / posterior).sum(axis=0))


def _sample(rows: Int64) -> Int64:
    if len(rows) <= _SAMPLE:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, _SAMPLE, replace=False))


def _present(words: Sequence[str], texts: Sequence[str]) -> Mask:
    """Return whether a text has a word, `[words, texts]`."""
    lowered = [text.lower() for text in texts]  # as the filter compares
    present = np.zeros((len(words), len(texts)), bool)
    for row, word in zip(present, words, strict=True):
        row[:] = [word in text for text in lowered]
    return present


def _candidates(tokenizer: Tokenizer, samples: Sequence[list[str]]) -> _Candidates:
    """Return the pieces and phrases that tell the texts of two samples best apart."""
    texts = [*samples[0], *samples[1]]
    tokens = tokenizer.encode(texts)
    ids = np.concatenate([np.empty(0, np.int64), *tokens.ids])
    row = np.repeat(np.arange(len(texts)), tokens.lengths)
    starts = np.cumsum(tokens.lengths) - tokens.lengths
    known, place = np.unique(ids, return_inverse=True)
    is_word = np.array([*map(str.isalnum, tokenizer.texts_of(known))], bool)[place]
    group = (row >= len(samples[0])).astype(np.int64)
    pieces = np.bincount(group[is_word], minlength=2)
    words: dict[str, int] = {}
    for length, places, counts in _phrases(ids, row, group, is_word):
        order = np.argsort(log_odds(counts, pieces)).tolist()
        most = _CANDIDATES // length
        for i in {*order[:most], *order[-most:]}:
            number = row[places[i]]
            first = places[i] - starts[number]
            spans = tokenizer.spans(texts[number])
            if word := _spelled(texts[number], spans[first : first + length]):
                words[word] = max(int(counts[:, i].sum()), words.get(word, 0))
    return _Candidates(list(words), np.array(list(words.values())), pieces)


def _phrases(
    ids: Int64, row: Int64, group: Int64, is_word: Mask
) -> Iterator[tuple[int, Int64, Int64]]:
    """Yield the phrases of one piece, then of two, and so on; what is rare is made no longer.

    Args:
        ids: tokens of all texts, one text after the other.
        row: number of the text of each token.
        group: 0 or 1, the group of each token.
        is_word: whether a token is letters or digits.

    Yields:
        Number of pieces; the place of a token that begins each phrase, `[phrases]`; rows of either
        group that have it, `[2, phrases]`.
    """
    in_phrase = is_word & ~_changes(row)  # a token that may follow another one
    follows = np.append(in_phrase[1:], False)
    places = np.flatnonzero(is_word)
    keys = ids[places]  # of equal phrases equal
    for length in range(1, _LONGEST + 1):
        order = np.argsort(keys, kind="stable")
        places = places[order]
        is_new = _changes(keys[order])
        phrase = np.cumsum(is_new) - 1
        once = is_new | _changes(row[places])  # the first of a phrase in a row
        cells = 2 * phrase[once] + group[places[once]]
        counts = np.bincount(cells, minlength=2 * is_new.sum()).reshape(-1, 2).T
        is_common = counts.sum(axis=0) >= _RAREST
        yield length, places[is_new][is_common], counts[:, is_common]
        goes_on = is_common[phrase] & follows[places + length - 1]
        places = places[goes_on]
        following = ids[places + length]
        keys = phrase[goes_on] * (1 + ids.max(initial=0)) + following


def _changes(values: Int64) -> Mask:
    """Return whether each value differs from the one before it; the first one does."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _spelled(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return a phrase as a text spells it, in lower case; nothing where it is not to be told.

    So is what has no letter, begins or ends with a particle, or in the middle of a Latin word.
    """
    start, end = spans[0][0], spans[-1][1]
    word = text[start:end].strip()
    edges = {text[slice(*spans[0])].strip(), text[slice(*spans[-1])].strip()}
    cuts = _IN_WORD.match(text, start - 1, start + 1) or _IN_WORD.match(text, end - 1, end + 1)
    if cuts or edges & _PARTICLES or not any(map(str.isalpha, word)):
        return ""
    return word.lower()


def _chosen(found: _Candidates, samples: Sequence[Mask]) -> list[str]:
    """Return the words that tell most apart, without those that say what another one says."""
    words = found.words
    counts = np.array([present.sum(axis=1) for present in samples])
    rows = counts.sum(axis=0)
    first, second = np.log2(counts + 0.5)
    odds = first - second
    z = log_odds(counts, found.pieces)
    present = np.concatenate(samples, axis=1).astype(np.float32)
    together = present @ present.T  # rows that have both of two words, [words, words]
    usable = np.flatnonzero(found.rows >= _WORD * rows).tolist()
    kept: list[int] = []

    def repeats(i: int) -> bool:
        for j in usable:
            is_part = words[i] in words[j] and i != j
            if is_part and rows[j] >= _REPEATED * rows[i]:
                return True
        for j in kept:
            # Two characters more that double the odds are news: 差, and 服务差 as well.
            more = len(words[i]) - len(words[j])
            is_news = more > 1 and abs(odds[i] - odds[j]) > 1
            if words[j] in words[i] and not is_news:
                return True
            if together[i, j] >= _SAME * max(rows[i], rows[j]):
                return True
        return False

    left = [_TOLD, _TOLD]
    for i in sorted(usable, key=lambda i: -abs(z[i])):
        group = int(z[i] < 0)
        if left[group] and not repeats(i):
            kept.append(i)
            left[group] -= 1
    return [words[i] for i in kept]
