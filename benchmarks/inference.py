"""How fast is a classifier here, and in other programs? The same weights, texts and machine.

    python benchmarks/inference.py CLASSIFIER DEV.jsonl TEXTS.tsv [ROWS]

CLASSIFIER is a `...ForSequenceClassification` of transformers, DEV has `text` and `label` for the
gate of int8, TEXTS a column `text`. Peers are the `text-classification` pipelines of transformers
and of optimum's ONNX Runtime. Every program runs in a process of its own, all in turn, three times;
the table has medians. Times begin when the model is loaded; memory is the process's peak.
"""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROUNDS = 3
BATCHES = (1, 8, 32)
ALONE = 50  # texts that are timed one by one


def main(classifier: Path, dev: Path, texts: Path, rows: int) -> None:
    """Export the classifier for each program, run them in turn, and print a Markdown table."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer

    from export.pipeline import Settings, export

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ORTModelForSequenceClassification.from_pretrained(classifier, export=True).save_pretrained(
            folder / "optimum"
        )
        AutoTokenizer.from_pretrained(classifier).save_pretrained(folder / "optimum")
        models = {"transformers": classifier, "optimum": folder / "optimum"}
        for precision in ("fp32", "int8"):
            models[precision] = folder / f"{precision}.onnx"
            done = export(
                Settings(run=classifier, output=models[precision], precision=precision, dev=dev)  # type: ignore[arg-type]
            )
            print(f"{precision}: {done.agreement}", *(f"tried {one}" for one in done.tried), "")
        found: dict[str, list[dict[str, Any]]] = {program: [] for program in models}
        for _ in range(ROUNDS):
            for program, model in models.items():
                command = [sys.executable, __file__, "--worker", program, model, texts, rows]
                done_ = subprocess.run(
                    list(map(str, command)), check=True, capture_output=True, text=True
                )
                found[program].append(json.loads(done_.stdout.splitlines()[-1]))
    speeds = {
        program: {
            batch: statistics.median(one["speed"][batch] for one in rounds)
            for batch in rounds[0]["speed"]
        }
        for program, rounds in found.items()
    }
    peer = max(max(speeds[program].values()) for program in ("transformers", "optimum"))
    print("| program | texts/s | of the best peer | alone: median, p99 | peak memory |")
    print("|---|---:|---:|---:|---:|")
    for program, rounds in found.items():
        alone = sorted(seconds for one in rounds for seconds in one["alone"])
        late = alone[int(len(alone) * 0.99)]
        batch, speed = max(speeds[program].items(), key=lambda item: item[1])
        print(
            f"| {program} (batch {batch}) | {speed:.1f} | {speed / peer:.2f} | "
            f"{statistics.median(alone) * 1e3:.1f} ms, {late * 1e3:.1f} ms | "
            f"{max(one['memory'] for one in rounds) / 1e3:.0f} MB |"
        )


def work(program: str, model: Path, texts: Path, rows: int) -> None:
    """Time one program, and print what was found as JSON."""
    with texts.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        sample = [row["text"] for row in reader][:rows]
    ways = ours(model) if program in ("fp32", "int8") else peers(program, model)
    speed = {}
    for batch, classify in ways.items():
        classify(sample[:ALONE])
        start = time.perf_counter()
        classify(sample)
        speed[batch] = len(sample) / (time.perf_counter() - start)
    first = next(iter(ways.values()))
    alone = []
    for text in sample[:ALONE]:
        start = time.perf_counter()
        first([text])
        alone.append(time.perf_counter() - start)
    # not ru_maxrss, which a child takes over from the process that started it
    status = Path("/proc/self/status").read_text(encoding="ascii")
    memory = int(status.partition("VmHWM:")[2].split()[0])
    print(json.dumps({"speed": speed, "alone": alone, "memory": memory}))


def ours(model: Path) -> dict[str, Callable[[Sequence[str]], object]]:
    """Return this project's predictor."""
    from models.predictor import Predictor

    return {"planned": Predictor.open(model, device="cpu").predict}


def peers(program: str, model: Path) -> dict[str, Callable[[Sequence[str]], object]]:
    """Return a pipeline at each batch size."""
    from transformers import AutoTokenizer, pipeline

    loaded: Any = str(model)
    if program == "optimum":
        from optimum.onnxruntime import ORTModelForSequenceClassification

        loaded = ORTModelForSequenceClassification.from_pretrained(model)
    pipe = pipeline(
        "text-classification", model=loaded, tokenizer=AutoTokenizer.from_pretrained(model)
    )
    return {
        str(size): lambda texts, size=size: pipe(  # type: ignore[misc]
            list(texts), batch_size=size, truncation=True, max_length=512
        )
        for size in BATCHES
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--worker"]:
        work(arguments[1], Path(arguments[2]), Path(arguments[3]), int(arguments[4]))
    elif len(arguments) in (3, 4):
        paths = [Path(argument) for argument in arguments[:3]]
        main(*paths, int(arguments[3]) if len(arguments) == 4 else 1200)
    else:
        sys.exit(__doc__)
