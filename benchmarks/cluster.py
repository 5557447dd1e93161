"""What a cluster costs and feeds: `python -m benchmarks.cluster cost [FILES RECORDS]` or `scale`.

`cost` classifies the same folder here and `--on ray` on a cluster that is started here, and prints
wall time and the CPU seconds of all processes, Ray's own included, with and without start-up (the
same for a folder of two texts), and whether the outputs are equal. `scale` has answers that cost
nothing, so that what remains is the engine: how many records a second one process reads, checks,
keeps and writes, and from that the cores it feeds, and what 500 million records take.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from models.arrays import Float32
from models.locations import BUILTIN
from models.predictor import Predictor
from tui.batch.answering import Hooks, Question
from tui.batch.engine import classify
from tui.batch.settings import BatchSettings

PROGRAM = Path(sys.executable).with_name("sentiment-tui")
REVIEWS = Path(__file__).parents[1] / "examples" / "reviews.csv"
MARK = "MEASURED_BY_BENCHMARKS_CLUSTER"  # in the environment of all processes of a run
TICKS = os.sysconf("SC_CLK_TCK")
RECORDS = 500_000_000


def write_files(folder: Path, files: int, records: int) -> Path:
    """Write CSV files with the reviews of examples/, of which no two are equal."""
    folder.mkdir()
    with REVIEWS.open(encoding="utf-8-sig", newline="") as file:
        texts = cycle([row["text"] for row in csv.DictReader(file)])
    for number in range(files):
        with (folder / f"{number:04}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            for record, text in enumerate(islice(texts, records)):
                writer.writerow([record, f"{text} {number}-{record}"])
    return folder


def measure(source: Path, output: Path, *more: str) -> tuple[float, float]:
    """Run `sentiment-tui classify`, and return its wall time and CPU seconds."""
    command = [PROGRAM, "classify", source, "-o", output, "--model", "builtin", "-q", *more]
    mark = f"{MARK}={output}"
    started = time.monotonic()
    run = subprocess.Popen([*map(str, command)], env=os.environ | {MARK: str(output)})
    seconds: dict[str, float] = {}
    while run.poll() is None:
        seconds |= cpu_seconds(mark.encode())
        time.sleep(0.2)  # so much of each process may be missed
    if run.returncode:
        sys.exit(run.returncode)
    return time.monotonic() - started, sum(seconds.values())


def cpu_seconds(mark: bytes) -> dict[str, float]:
    """Return the CPU seconds so far of all processes that were started with a mark."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                found[folder.name] = (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:
            pass
    return found


def cost(files: int = 40, records: int = 1000) -> None:
    """Print what the same files cost here and on Ray."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_files(folder / "in", files, records)
        start = write_files(folder / "start", 2, 1)
        costs = {}
        print("| | wall | CPU seconds | past start-up |\n|---|---:|---:|---:|")
        for place, more in (("here", ()), ("on Ray", ("--on", "ray"))):
            for output in ("start-", "out-"):
                (folder / (output + place)).mkdir()
            _, idle = measure(start, folder / f"start-{place}", *more)
            wall, cpu = measure(source, folder / f"out-{place}", *more)
            costs[place] = cpu - idle
            print(f"| {place} | {wall:.1f} s | {cpu:.1f} | {cpu - idle:.1f} |")
        for path in sorted((folder / "out-here").iterdir()):
            if path.read_bytes() != (folder / "out-on Ray" / path.name).read_bytes():
                sys.exit(f"{path.name} differs")
    ratio = costs["on Ray"] / costs["here"]
    print(f"\n{files} files of {records:,} records; equal bytes; ratio past start-up {ratio:.2f}")


def scale(records: int = 60_000, rate: float = 210) -> None:
    """Print what one engine feeds, if a core answers `rate` records a second."""
    predictor = Predictor.open(BUILTIN, device="cpu")
    width = len(predictor.manifest.labels) + 1
    answer = np.array([0.9, *[0.1 / (width - 2)] * (width - 2), 1], dtype=np.float32)

    def ask(_predictor: Predictor, question: Question, _between: object) -> Float32:
        return np.tile(answer, (len(question.texts), 1))

    with tempfile.TemporaryDirectory() as name:
        source = write_files(Path(name) / "in", 1, records) / "0000.csv"
        settings = BatchSettings(source, Path(name) / "out.csv")
        predictor.probe  # noqa: B018 - computed once, not by each engine
        started = time.process_time()
        classify(settings, predictor, hooks=Hooks(ask=ask))
        engine = records / (time.process_time() - started)
    cores_fed = engine / rate
    print(f"an engine: {engine:,.0f} records/s of CPU time; it feeds {cores_fed:.0f} cores")
    print(f"\n{RECORDS:,} records, {rate:.0f}/s a core:\n")
    print("| cores | engines | hours |\n|---:|---:|---:|")
    for cores in (16, 64, 320, 1280):
        engines = max(1, round(cores / cores_fed + 0.5))
        print(f"| {cores:,} | {engines} | {RECORDS / rate / cores / 3600:.1f} |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["cost", *numbers]:
            cost(*map(int, numbers))
        case ["scale"]:
            scale()
        case _:
            sys.exit(__doc__)
