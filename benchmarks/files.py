"""How fast and how small a file run is: `python benchmarks/files.py speed|memory [RECORDS]`.

`speed` classifies the reviews of examples/ over and over with the built-in model, by the bare
predictor and by the whole engine from a file into a file, in turn. `memory` classifies generated
rows in child processes with a predictor that costs nothing, N and 10 N of them, and compares the
peak resident sizes.
"""

import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from statistics import median

from models.locations import BUILTIN
from models.predictor import Predictor
from tests.tui.batch.runs import fake
from tui.batch.answering import BATCH
from tui.batch.engine import CHUNK, classify
from tui.batch.settings import BatchSettings

ROOT = Path(__file__).parent.parent


def write(path: Path, texts: list[str]) -> None:
    """Write a table of texts with an id and a note."""
    rows = [{"id": str(n), "text": text, "note": "x" * 20} for n, text in enumerate(texts)]
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, ["id", "text", "note"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def unlike(number: int) -> str:
    """Return a text of 60 characters that no dictionary or compression makes shorter."""
    chance = random.Random(number)  # noqa: S311 - no secret
    return "".join(map(chr, chance.choices(range(0x4E00, 0x9FA5), k=60)))


def bare(predictor: Predictor, texts: list[str]) -> float:
    """Return the seconds that the predictor alone takes for the batches of a run."""
    started = time.perf_counter()
    for begin in range(0, len(texts), CHUNK):
        chunk = sorted(texts[begin : begin + CHUNK], key=lambda text: (len(text), text))
        for start in range(0, len(chunk), BATCH):
            predictor.predict(chunk[start : start + BATCH])
    return time.perf_counter() - started


def speed(records: int) -> None:
    """Print the rate of the whole engine as a share of the bare predictor's."""
    with (ROOT / "examples" / "reviews.csv").open(encoding="utf-8", newline="") as file:
        reviews = [row["text"] for row in csv.DictReader(file)]
    # a number makes every text another one, for equal texts are computed once
    texts = [f"{reviews[n % len(reviews)]}{n}" for n in range(records)]
    predictor = Predictor.open(BUILTIN)
    bare(predictor, texts[:CHUNK])
    print("| format | bare predictor, texts/s | file to file, records/s | share |")
    print("|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        for suffix in ("csv", "jsonl", "parquet"):
            source = Path(name) / f"in.{suffix}"
            write(source, texts)
            alone, whole = [], []
            for _ in range(3):
                alone.append(bare(predictor, texts))
                started = time.perf_counter()
                settings = BatchSettings(source, Path(name) / f"out.{suffix}", force=True)
                classify(settings, predictor)
                whole.append(time.perf_counter() - started)
            a, b = records / median(alone), records / median(whole)
            print(f"| {suffix} | {a:,.0f} | {b:,.0f} | {b / a:.1%} |")


def peak(suffix: str, records: int) -> None:
    """Classify a generated file in this process and print the peak resident size in MiB."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / f"in.{suffix}"
        command = [sys.executable, __file__, "write", str(source), str(records)]
        subprocess.run(command, check=True)
        started = time.perf_counter()
        classify(BatchSettings(source, Path(name) / f"out.{suffix}"), fake(seen=deque(maxlen=0)))
        seconds = time.perf_counter() - started
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"MiB": mebibytes, "rate": records / seconds}))


def memory(records: int) -> None:
    """Print the peak resident size at `records` rows and at ten times as many."""
    print("| format | records | peak, MiB | ten times as many, MiB | ratio | records/s |")
    print("|---|---:|---:|---:|---:|---:|")
    for suffix in ("csv", "jsonl", "parquet"):
        found = []
        for count in (records, 10 * records):
            command = [sys.executable, __file__, "peak", suffix, str(count)]
            found.append(json.loads(subprocess.run(command, check=True, stdout=-1).stdout))
        a, b = found[0]["MiB"], found[1]["MiB"]
        rate = found[1]["rate"]
        print(f"| {suffix} | {records:,} | {a:.0f} | {b:.0f} | {b / a:.2f} | {rate:,.0f} |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["speed", *count]:
            speed(int(*count) if count else 24 * CHUNK)
        case ["memory", *count]:
            memory(int(*count) if count else 100_000)
        case ["peak", suffix, count]:
            peak(suffix, int(count))
        case ["write", target, count]:
            write(
                Path(target),
                [unlike(n) for n in range(int(count))],
            )
        case _:
            sys.exit(__doc__)
