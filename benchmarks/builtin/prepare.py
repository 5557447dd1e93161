"""Lays out the data that the built-in model learns from: `python -m benchmarks.builtin.prepare`.

Reads ChnSentiCorp (train, dev, test), files of reviews of many kinds, and neutral texts, and writes
for the trainer:

    OUT/train.tsv       ChnSentiCorp train, 85 % of each review file, as far as a kind may weigh, 90
                        % of the neutral texts and of the reviews written for it (`reviews.tsv`),
                        and what `written.py` gives
    OUT/dev.tsv         ChnSentiCorp dev, and some of what is in `chosen`
    OUT/test.tsv        ChnSentiCorp test
    OUT/chosen/*.tsv    the twentieth of each review file that chooses
    OUT/held-out/*.tsv  the tenth of each review file that only measures
    OUT/neutral.tsv     the tenth of the neutral texts that only measures
    OUT/written.tsv     the tenth of the written reviews that only measures

Which tenth a row is of follows from the SHA-256 of its text, so it never changes. A row of train
that stands in a file that measures, or nearly does, is dropped, and so is one of the check list.
It needs `pip install scikit-learn`.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click
import numpy as np

from benchmarks.builtin.written import Row, contrasts, sentences, variants
from trainer.data.duplicates import normalised

CHECKLIST = Path(__file__).with_name("checklist.tsv")
WRITTEN = Path(__file__).with_name("written.tsv")
REVIEWS = Path(__file__).with_name("reviews.tsv")
"""Reviews of over thirty kinds of things, written one by one: label, domain, text. The kinds that
review files hold are called as these files are."""

NEUTRAL = "2"
"""The label of texts that neither praise nor blame."""

MORE = 5000
"""Rows that a file of DATA/more may give to train, half of them of either label."""

CHOSEN = 200
"""Rows that a review file may give to dev, so that no kind weighs much more than another."""

DOUBTED = 0.8
"""Probability of the other label, by who has not learned a row, from which it is not learned."""

COMPOSED = 4000
"""Sentences composed from patterns, for what reviews lack."""

CONTRASTED = 3000
"""Short reviews of either label that are joined into one with a verdict."""

NEAR = 0.8
"""Jaccard similarity of 5-grams from which two texts count as nearly the same."""


def read(path: Path, leave_out: Sequence[str] = ()) -> list[Row]:
    """Read rows of label and text, the first and the last column, under a header; no quoting.

    Rows of the domains `leave_out`, a column between, are left out.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = (line.split("\t") for line in lines[1:] if line)
    return [(label, text) for label, *about, text in rows if not set(about) & set(leave_out)]


def write(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as `read` reads them, and return how many."""
    lines = [f"{label}\t{text}" for label, text in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["label\ttext", *lines, ""]), encoding="utf-8")
    return len(lines)


def tenth(text: str) -> float:
    """Return where a text falls between 0 and 10, by its hash."""
    digest = hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * 10


def without_copies(rows: list[Row], measured: Iterable[str]) -> list[Row]:
    """Drop the rows that are, or nearly are, one of the measured texts."""
    known = {normalised(text) for text in measured}
    grams = [_grams(text) for text in known]
    having = index(grams)

    def is_copy(text: str) -> bool:
        key = normalised(text)
        if key in known:
            return True
        own = _grams(key)
        return any(
            common / (len(own) + len(grams[number]) - common) >= NEAR
            for number, common in _shared(own, having).items()
        )

    return [row for row in rows if not is_copy(row[1])]


def pieces(rows: Iterable[Row], having: Mapping[str, list[int]]) -> int:
    """Count the rows of which eight of ten 5-grams stand in one text of an index."""
    grams = (_grams(normalised(text)) for _, text in rows)
    return sum(max(_shared(own, having).values(), default=-1) >= 0.8 * len(own) for own in grams)


def index(texts: Iterable[set[str]]) -> dict[str, list[int]]:
    """Return, for each 5-gram, the numbers of the texts that have it."""
    having: dict[str, list[int]] = defaultdict(list)
    for number, own in enumerate(texts):
        for gram in own:
            having[gram].append(number)
    return having


def _shared(own: set[str], having: Mapping[str, list[int]]) -> Counter[int]:
    return Counter(number for gram in own for number in having.get(gram, ()))


def _grams(text: str) -> set[str]:
    return {text[start : start + 5] for start in range(len(text) - 4)}


def doubted(rows: Sequence[Row]) -> set[str]:
    """Return the texts whose labels a model doubts that has learned the other half of the rows.

    The model is a logistic regression on one to three characters, weighted by TF-IDF.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = np.array([text for _, text in rows], dtype=object)
    labels = np.array([int(label) for label, _ in rows])
    half = np.array([tenth(text) * 1000 % 2 < 1 for text in texts])
    found: set[str] = set()
    for learned in (half, ~half):
        grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=3, sublinear_tf=True)
        model = make_pipeline(grams, LogisticRegression(C=10, max_iter=200))
        model.fit(texts[learned], labels[learned])
        given = model.predict_proba(texts[~learned])
        other = given[np.arange(len(given)), 1 - labels[~learned]]
        found.update(texts[~learned][other >= DOUBTED])
    return found


def balanced(rows: Sequence[Row], limit: int) -> list[Row]:
    """Return at most `limit` rows, and of no label more than twice the rows of the other."""
    of_label = [[row for row in rows if row[0] == label] for label in "01"]
    most = min(limit // 2, 2 * min(map(len, of_label)))
    # by the hash: a file may be in the order of its sources
    return [row for own in of_label for row in sorted(own, key=lambda row: tenth(row[1]))[:most]]


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--leave-out",
    multiple=True,
    help="Learn nothing from this review file or domain of reviews.tsv, and of the rest by halves.",
)
def main(data: Path, out: Path, leave_out: tuple[str, ...]) -> None:
    """Lay out DATA for the trainer in OUT."""
    train = read(data / "chnsenticorp/train.tsv")
    dev = read(data / "chnsenticorp/dev.tsv")
    test = read(data / "chnsenticorp/test.tsv")
    measured = [text for _, text in [*dev, *test, *read(CHECKLIST)]]

    more: dict[str, list[Row]] = {}
    for path in sorted([*data.glob("reviews/*.tsv"), *data.glob("more/*.tsv")]):
        rows = read(path)
        held_out = [row for row in rows if tenth(row[1]) < 1]
        chosen = [row for row in rows if 1 <= tenth(row[1]) < 1.5]
        learned = [row for row in rows if tenth(row[1]) >= 1.5]
        write(out / "held-out" / path.name, held_out)
        write(out / "chosen" / path.name, chosen)
        measured += [text for _, text in [*chosen, *held_out]]
        if path.stem in leave_out:
            continue
        dev += balanced(chosen, CHOSEN)
        if path.parent.name == "more":
            more[path.stem] = learned
        else:
            train += learned

    doubts = doubted([*train, *(row for rows in more.values() for row in rows)])
    for name, rows in more.items():
        believed = [row for row in rows if row[1] not in doubts]
        kept = balanced(believed, MORE)
        train += kept
        click.echo(
            f"{name}: {len(rows):,}, {len(rows) - len(believed):,} doubted, {len(kept):,} kept"
        )

    lines = (data / "more/neutral.txt").read_text(encoding="utf-8").split("\n")
    neutral = [(NEUTRAL, text) for text in lines if text]
    write(out / "neutral.tsv", [row for row in neutral if tenth(row[1]) < 1])
    written = [*read(REVIEWS, leave_out), *neutral]
    held_out = [row for row in written if tenth(row[1]) < 1]
    write(out / "written.tsv", [row for row in held_out if row[0] != NEUTRAL])
    measured += [text for _, text in held_out]
    train += [row for row in written if tenth(row[1]) >= 1]

    reviews = without_copies(train, measured)
    added = [
        *variants(read(WRITTEN), seed=0),
        *sentences(COMPOSED, seed=0),
        *contrasts(reviews, CONTRASTED, seed=0),
    ]
    kept = reviews + without_copies(added, measured)
    dropped = len(train) + len(added) - len(kept)
    if leave_out:  # one of six trainings
        kept = kept[::2]
    click.echo(f"train {write(out / 'train.tsv', kept):,} ({dropped:,} copies dropped)")
    click.echo(f"dev {write(out / 'dev.tsv', dev):,}, test {write(out / 'test.tsv', test):,}")
    learned_from = index(_grams(normalised(text)) for _, text in kept)
    for path in sorted((out / "held-out").glob("*.tsv")):
        rows = read(path)
        inside = pieces(rows, learned_from)
        click.echo(f"held out: {path.stem} {len(rows):,}, {inside:,} a piece of a row of train")


if __name__ == "__main__":
    main()
