"""Lays out the data that the built-in model learns from: `python -m benchmarks.builtin.prepare`.

Reads ChnSentiCorp (train, dev, test) and six review files, and writes for the trainer:

    OUT/train.tsv       ChnSentiCorp train, 85 % of each review file, 90 % of the reviews written
                        for it (`reviews.tsv`), and what `written.py` gives
    OUT/dev.tsv         ChnSentiCorp dev, and the twentieth of each review file that chooses
    OUT/test.tsv        ChnSentiCorp test
    OUT/held-out/*.tsv  the tenth of each review file that only measures
    OUT/written.tsv     the tenth of the written reviews that only measures

Which tenth a row is of follows from the SHA-256 of its text, so it never changes. A row of train
that stands in a file that measures, or nearly does, is dropped, and so is one of the check list.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from benchmarks.builtin.written import Row, contrasts, sentences, variants
from trainer.data.duplicates import normalised

CHECKLIST = Path(__file__).with_name("checklist.tsv")
WRITTEN = Path(__file__).with_name("written.tsv")
REVIEWS = Path(__file__).with_name("reviews.tsv")
"""Reviews of over thirty kinds of things, written one by one: label, domain, text. The kinds that
review files hold are called as these files are."""

COMPOSED = 4000
"""Sentences composed from patterns, for what reviews lack."""

CONTRASTED = 3000
"""Short reviews of either label that are joined into one with a verdict."""

NEAR = 0.8
"""Jaccard similarity of 5-grams from which two texts count as nearly the same."""


def read(path: Path, leave_out: str | None = None) -> list[Row]:
    """Read rows of label and text, the first and the last column, under a header; no quoting.

    Rows of the domain `leave_out`, a column between, are left out.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = (line.split("\t") for line in lines[1:] if line)
    return [(label, text) for label, *about, text in rows if leave_out not in about]


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


def _parts(data: Path) -> Iterator[tuple[str, list[Row], list[Row], list[Row]]]:
    """Give the train, dev and held-out rows of each review file."""
    for path in sorted((data / "reviews").glob("*.tsv")):
        rows = read(path)
        yield (
            path.stem,
            [row for row in rows if tenth(row[1]) >= 1.5],
            [row for row in rows if 1 <= tenth(row[1]) < 1.5],
            [row for row in rows if tenth(row[1]) < 1],
        )


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--leave-out", help="Learn nothing from this review file, and of the rest by halves.")
def main(data: Path, out: Path, leave_out: str | None) -> None:
    """Lay out DATA for the trainer in OUT."""
    train = read(data / "chnsenticorp/train.tsv")
    dev = read(data / "chnsenticorp/dev.tsv")
    test = read(data / "chnsenticorp/test.tsv")
    measured = [text for _, text in [*dev, *test, *read(CHECKLIST)]]
    for name, learned, chosen, held_out in _parts(data):
        measured += [text for _, text in [*chosen, *held_out]]
        write(out / "held-out" / f"{name}.tsv", held_out)
        if name != leave_out:
            train += learned
            dev += chosen
    written = read(REVIEWS, leave_out)
    held_out = [row for row in written if tenth(row[1]) < 1]
    write(out / "written.tsv", held_out)
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
