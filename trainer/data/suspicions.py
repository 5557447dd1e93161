"""What looks wrong with the labels of a source, said before anything is trained on them."""

from collections import Counter
from collections.abc import Iterator

from models.console import display, tr
from models.label_proposal import proposed_map
from models.labels import folded, is_total, natural_order
from models.stars import star_of
from models.tables.labelled import LabelledRows

_SHOWN = 6  # labels that a sentence names, and rows that are told


def suspicions(rows: LabelledRows) -> Iterator[str]:
    """Yield a sentence for everything about the labels that people may not know of."""
    counts = Counter(rows.labels)
    names = natural_order(counts)
    for alike in _alike(names):
        *others, usual = sorted(alike, key=lambda name: counts[name])
        yield tr(
            "{where}: labels that differ by case, width or spaces only: {labels}; --label-map "
            "'{map}' makes them one",
            where=rows.where,
            labels=_listed(alike, counts),
            map=f"{','.join(others)}={usual}",
        )
    numbers = [name for name in names if star_of(name) is not None]
    words = [*natural_order(counts.keys() - set(numbers))]
    if numbers and words:
        yield tr(
            "{where}: numbers beside words as labels: {numbers}, and {words}; --label-map "
            "'{map}' says what they are",
            where=rows.where,
            numbers=_listed(numbers, counts),
            words=_listed(words, counts),
            map=proposed_map(numbers, words, rows.column),
        )
    single = [name for name in names if counts[name] == 1]
    if single:
        yield tr(
            "{where}: labels with one row: {labels}",
            where=rows.where,
            labels=_listed(single, counts),
        )
    totals = [pair for pair in zip(rows.texts, rows.labels, strict=True) if is_total(pair[0])]
    for text, label in totals[:_SHOWN]:
        yield tr(
            "{where}: a row looks like a total: {text}, {label}; remove it",
            where=rows.where,
            text=text,
            label=label,
        )


def _alike(names: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield labels that are one without case, width and spaces."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(folded(name), []).append(name)
    for group in groups.values():
        if len(group) > 1:
            yield group


def _listed(names: list[str], counts: Counter[str]) -> str:
    shown = [f"{display(name, limit=40)} × {counts[name]:,}" for name in names[:_SHOWN]]
    return ", ".join(shown + ["…"] * (len(names) > _SHOWN))
