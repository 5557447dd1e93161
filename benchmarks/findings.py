"""How fast findings are: `python -m benchmarks.findings [ROWS]`, by default a million made-up rows.

Prints one line of JSON for each figure: seconds on the clock and of the processor. The groups are
counted by DuckDB as well, from a table of strings that it has read (pip install duckdb): `ratio` is
our time to its, both of the processor, so that a busy machine is as unfair to one as to the other.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import csv

from models.locations import BUILTIN
from models.predictor import Predictor
from models.tokenizer import Tokenizer
from tui.batch.findings.examples import of
from tui.batch.findings.finished import open_finished
from tui.batch.findings.groups import by_column, crossed
from tui.batch.findings.query import Query
from tui.batch.findings.words import distinctive

LABELS = np.array(["负向评价", "正向评价"])
BLAME = ["隔音差了点", "物流太慢", "左边没声音", "客服让我等", "味道偏咸", "空调坏了", "质量太差"]
PRAISE = ["房间很干净", "早餐也不错", "前台态度好", "包装完好", "性价比高", "屏幕清晰", "下次再来"]


def write(path: Path, rows: int) -> None:
    """Write a classified file with a text of four phrases, eight columns and the answers."""
    random = np.random.default_rng(0)
    phrases = np.array(BLAME + PRAISE)
    chosen = random.integers(0, len(phrases), (rows, 4))
    texts = ["，".join(row) for row in phrases[chosen].tolist()]
    confidences = 0.5 + random.random(rows) / 2
    praise = (chosen >= len(BLAME)).mean(axis=1)
    label = (praise + random.normal(0, 0.2, rows) > 0.5).astype(int)
    days = np.datetime64("2023-01-01") + random.integers(0, 900, rows)

    def one_of(name: str, count: int) -> list[str]:
        return [f"{name}{number}" for number in random.integers(1, count + 1, rows).tolist()]

    columns = {
        "text": texts,
        "product": one_of("产品", 40),
        "shop": one_of("店", 3000),
        "city": one_of("城市", 300),
        "date": np.datetime_as_string(days).tolist(),
        "star": random.integers(1, 6, rows).astype(str).tolist(),
        "price": np.round(random.gamma(2, 80, rows), 2).astype(str).tolist(),
        "user": one_of("u", 200_000),
        "channel": one_of("渠道", 6),
        "predicted_label": LABELS[label].tolist(),
        "predicted_id": label.astype(str).tolist(),
        "confidence": [f"{value:.6f}" for value in confidences],
        "status": np.where(confidences < 0.7, "uncertain", "ok").tolist(),
    }
    csv.write_csv(pyarrow.table(columns), path)


def timed(what: str, work: Callable[[], Any], peer: Callable[[], Any] | None = None) -> Any:
    """Print what some work takes, and how it compares with a peer's; return what it returns."""
    seconds, processor, result = clocked(work)
    figures: dict[str, Any] = {"what": what, "seconds": seconds, "processor": processor}
    if peer is not None:
        figures["duckdb"], its_processor, _ = clocked(peer)
        figures["ratio"] = processor / its_processor
    rounded = {name: round(v, 3) if name != "what" else v for name, v in figures.items()}
    print(json.dumps(rounded, ensure_ascii=False), flush=True)
    return result


def clocked(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the seconds on the clock and of the processor that some work takes, and its result."""
    begin, begin_processor = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - begin, time.process_time() - begin_processor, result


def duckdb_groups(path: Path) -> Callable[[str], Callable[[], Any]]:
    """Return what counts the labels by an expression, from a table of strings in memory."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(
        "create table answers as select * from read_csv(?, all_varchar=true)", [str(path)]
    )

    def counting(by: str) -> Callable[[], Any]:
        query = (
            f"select {by} as value, predicted_label, count(*), "  # noqa: S608 - of this file
            "count(*) filter (status <> 'ok') from answers group by all order by 1, 2"
        )
        return lambda: connection.execute(query).fetchall()

    return counting


def main(rows: int) -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "reviews.labelled.csv")
        writing = multiprocessing.get_context("spawn").Process(target=write, args=(path, rows))
        writing.start()  # in a process of its own, whose memory is not counted
        writing.join()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        store = timed(f"{rows:,} rows: open a finished file", lambda: open_finished(path))
        every = np.arange(len(store))
        counting = duckdb_groups(path)
        month = "date_trunc('month', cast(date as date))"
        by = {"product": "product", "shop": "shop", "date": month, "star": "star"}
        for column, expression in by.items():
            timed(
                f"groups by {column}",
                lambda column=column: by_column(store, every, column),  # type: ignore[misc]
                counting(expression),
            )
        timed("groups by price", lambda: by_column(store, every, "price"))
        timed(
            "product by month",
            lambda: crossed(store, every, ("product", "date")),
            counting(f"product, {month}"),
        )
        for line in (
            "product:产品7",
            "shop:店12",
            "price>500",
            "date>=2024-06-01",
            "空调|退货 -早餐",
        ):
            query = Query.parse(line, store.labels, store.columns.names)
            timed(f"filter {line}", lambda query=query: store.select(query))  # type: ignore[misc]
        for column in ("product", "price", "date"):
            timed(f"sort by {column}", lambda column=column: store.select(Query(), "↑" + column))  # type: ignore[misc]
        manifest = Predictor.open(BUILTIN, device="cpu").manifest
        for count in (30_000, rows):
            groups = [np.flatnonzero(store.labels_of(every[:count]) == label) for label in (0, 1)]

            def words(groups: list[Any] = groups) -> Any:
                tokenizer = Tokenizer(manifest.tokenizer, manifest.max_length)
                return distinctive(store, groups[0], groups[1], tokenizer)

            timed(f"words of {count:,} rows", words)
        timed("three examples", lambda: of(store, every, 3))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"what": "memory, DuckDB's with it", "MB": (after - before) // 1024}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
