"""How fast is a classifier here, and in other programs? The same weights, texts and machine.

    python -m benchmarks.inference CLASSIFIER DEV.jsonl TEXTS.tsv [ROWS [base]]

CLASSIFIER is a `...ForSequenceClassification` of transformers, DEV has `text` and `label` for the
gate of int8, TEXTS a column `text`. With `base`, random weights of BERT-base's shape take the place
of CLASSIFIER's. The built-in model, whose labels are its own, stands beside them. The peers are
those of `peers.py`, which need `pip install '.[peers]'`, each at the batch size that is its fastest
on the first 100 rows. Every program runs in a process of its own, all in turn, on all cores and on
one; the table has medians. Times begin when the model is loaded, but for the first answer, which is
timed from the start of the process; memory is the process's peak. What other processes took of the
cores meanwhile is printed too: above a few percent, only the texts per CPU second of one core are
worth reading.
"""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.peers import CONVERTERS, PEERS, Ways, ways

ROUNDS = 3
TRIED = 100  # texts that the batch sizes are tried on
ALONE = 50  # texts that are timed one by one
SCRIPT = (
    "import sys, transformers as t; print(t.pipeline('text-classification', sys.argv[1])('好'))"
)
CLASSIFY = ("classify", "-", "--from", "txt", "--to", "csv")


def main(classifier: Path, dev: Path, texts: Path, rows: int, *, base: bool) -> None:
    """Export the classifier for each program, run them in turn, and print Markdown tables."""
    with tempfile.TemporaryDirectory() as name:
        models = convert(classifier, dev, Path(name), base=base)
        found: dict[str, list[dict[str, Any]]] = {program: [] for program in models}

        def worker(program: str, rows: int, batch: str, *, alone: bool = False) -> dict[str, Any]:
            arguments = (program, models[program], models["transformers"], texts, rows, batch)
            printed = run(["-m", "benchmarks.inference", "--worker", *arguments], one_core=alone)
            return json.loads(printed.splitlines()[-1])

        fastest = dict.fromkeys(models, "planned")
        for program in PEERS:
            speeds = worker(program, min(rows, TRIED), "")["speed"]
            fastest[program] = max(speeds, key=lambda batch: speeds[batch])
        first: dict[str, list[float]] = {"a script of transformers": [], "sentiment-tui": []}
        script = Path(sys.executable).with_name("sentiment-tui")
        before = cores()
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
            for program in models:
                measured = worker(program, rows, fastest[program])
                on_one = worker(program, rows, fastest[program], alone=True)
                found[program].append(measured | {"on_one": on_one["per_cpu_second"]})
            for program, command in {
                "a script of transformers": ["-c", SCRIPT, models["transformers"]],
                "sentiment-tui": [script, *CLASSIFY, "--model", models["fp32"]],
            }.items():
                start = time.perf_counter()
                run(command)
                first[program].append(time.perf_counter() - start)
        busy, own, total = (now - was for now, was in zip(cores(), before, strict=True))
    speed = {
        program: statistics.median(one["speed"][fastest[program]] for one in rounds)
        for program, rounds in found.items()
    }
    torch = found["transformers"][0]["labels"]
    print("| program | texts/s | per CPU second of one core | labels of torch | alone | memory |")
    print("|---|---:|---:|---:|---:|---:|")
    for program, rounds in found.items():
        alone = sorted(seconds for one in rounds for seconds in one["alone"])
        same = sum(a == b for a, b in zip(rounds[0]["labels"], torch, strict=True)) / len(torch)
        print(
            f"| {program} (batch {fastest[program]}) | {speed[program]:.1f} | "
            f"{statistics.median(one['on_one'] for one in rounds):.1f} | {same:.1%} | "
            f"{statistics.median(alone) * 1e3:.1f} ms | "
            f"{max(one['memory'] for one in rounds) / 1e3:.0f} MB |"
        )
    print()
    for program in sorted(models.keys() - set(PEERS)):
        done = found[program][0]["operations"] * speed[program] / rows
        rate = statistics.median(one["rate"] for one in found[program])
        print(f"{program}: {done / 1e9:.0f} of {rate / 1e9:.0f} GOPS ({done / rate:.0%})")
        twice = statistics.median(one["twice"] for one in found[program])
        print(f"{program}, half of the rows repeated: {twice:.0%} of the time")
    for program, times in first.items():
        print(f"{program}: {statistics.median(times):.2f} s from its start to the first answer")
    print(f"other processes took {(busy - own) / total:.1%} of the cores meanwhile")


def cores() -> tuple[float, float, float]:
    """Return the seconds that the cores were busy, those with our processes, and all there were."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:9]
    ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
    return sum(ticks) - ticks[3] - ticks[4], sum(os.times()[:4]), sum(ticks)


def run(arguments: Sequence[object], *, one_core: bool = False) -> str:
    """Run Python on one review, on all cores or on the first, and return what it printed."""
    command = [sys.executable, *map(str, arguments)]
    if one_core:
        command = ["taskset", "--cpu-list", "0", *command]
    done = subprocess.run(command, input="好\n", check=True, capture_output=True, text=True)
    return done.stdout


def convert(classifier: Path, dev: Path, folder: Path, *, base: bool) -> dict[str, Path]:
    """Return the model of each program, by the name of the program."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from export.pipeline import ExportSettings, export
    from export.quantization import FEWEST
    from models.locations import BUILTIN

    tokenizer = AutoTokenizer.from_pretrained(classifier)
    if base:
        classifier = folder / "base"
        config = BertConfig(vocab_size=len(tokenizer), initializer_range=0.05)
        model = BertForSequenceClassification(config)
        model.classifier.bias.data[1] += (
            20  # one answer, so that no gate fails: only speed is asked
        )
        model.save_pretrained(classifier)
        tokenizer.save_pretrained(classifier)
    peer = ORTModelForSequenceClassification.from_pretrained(classifier, export=True)
    peer.save_pretrained(folder / "optimum")
    tokenizer.save_pretrained(folder / "optimum")
    models = {"transformers": classifier, "optimum": folder / "optimum"}
    if base:
        few = dev.read_text(encoding="utf-8").splitlines()[: 2 * FEWEST]
        dev = folder / "dev.jsonl"
        dev.write_text("\n".join(few), encoding="utf-8")
    for precision in ("fp32", "int8"):
        models[precision] = folder / f"{precision}.onnx"
        done = export(
            ExportSettings(run=classifier, output=models[precision], precision=precision, dev=dev)
        )
        for form, agreement in done.tried:
            print(f"{form}: {agreement}")
    with dev.open(encoding="utf-8") as file:
        calibrated = [json.loads(line)["text"] for line in file]
    for program, converter in CONVERTERS.items():
        models[program] = folder / program
        models[program].mkdir()
        converter(models[program], classifier, folder / "optimum" / "model.onnx", calibrated)
    return models | {"built-in": BUILTIN}


def work(program: str, model: Path, classifier: Path, texts: Path, rows: int, batch: str) -> None:
    """Time one program at one size of batch, or at all where none is named; print it as JSON."""
    with texts.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        sample = [row["text"] for row in reader][:rows]
    is_peer = program in PEERS
    every = ways(program, model, classifier) if is_peer else ours(model)
    chosen = {batch: every[batch]} if batch else every
    found: dict[str, Any] = {"speed": {}}
    for name, classify in chosen.items():
        classify(sample[:ALONE])
        began, cpu = time.perf_counter(), time.process_time()
        found["labels"] = classify(sample).tolist()
        found["per_cpu_second"] = len(sample) / (time.process_time() - cpu)
        found["speed"][name] = len(sample) / (time.perf_counter() - began)
    first = next(iter(chosen.values()))
    found["alone"] = [seconds(first, [text]) for text in sample[:ALONE]]
    # not ru_maxrss, which a child takes over from the process that started it
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found["memory"] = int(status.partition("VmHWM:")[2].split()[0])
    if not is_peer:
        found |= arithmetic(model, sample, integers=program != "fp32")
        found["twice"] = seconds(first, sample[::2] * 2) * found["speed"]["planned"] / rows
    print(json.dumps(found))


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """Return how long some work takes."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def ours(model: Path) -> Ways:
    """Return this project's predictor."""
    from models.predictor import Predictor

    predictor = Predictor.open(model, device="cpu")
    return {"planned": lambda texts: predictor.predict(list(texts)).ids}


def arithmetic(model: Path, sample: Sequence[str], *, integers: bool) -> dict[str, float]:
    """Return what the encoder's products take for the sample, and this machine's rate of them.

    The rate is of ONNX Runtime's own products, on as many threads as there are cores, of 512 tokens
    with the model's two largest matrices.

    Args:
        model: the file.
        sample: the texts.
        integers: count and time products of integers alone, not those of floats.
    """
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    from models.manifest import Manifest
    from models.tokenizer import Tokenizer

    written = onnx.load(model)
    shapes = [tuple(tensor.dims) for tensor in written.graph.initializer]
    # the matrix in the middle of a layer, [H, 4 · H] in all BERTs
    wide = next(shape for shape in shapes if len(shape) == 2 and shape[1] == 4 * shape[0])
    hidden, inner = wide
    layers = shapes.count(wide)
    operator, of_tokens, of_weights = "MatMul", "float32", "float32"
    if integers:
        operator, of_tokens, of_weights = "MatMulInteger", "uint8", "int8"
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(of_tokens))
    tensors = [numpy_helper.from_array(np.array(0), "first")]
    nodes, starts, ends = [], [], []
    for rows in (hidden, inner):
        weights = np.ones((rows, hidden + inner - rows), of_weights)
        tensors.append(numpy_helper.from_array(weights, f"w{rows}"))
        names = [f"x{rows}", f"w{rows}"]
        starts.append(helper.make_tensor_value_info(names[0], kind, [512, rows]))
        ends.append(helper.make_empty_tensor_value_info(f"y{rows}"))
        nodes.append(helper.make_node(operator, names, [f"z{rows}"]))
        # one row is given out: memory for all would be new, and slow, each time
        nodes.append(helper.make_node("Gather", [f"z{rows}", "first"], [f"y{rows}"]))
    graph = helper.make_graph(nodes, "products", starts, ends, tensors)
    product = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(product.SerializeToString(), options)
    inputs = {f"x{rows}": np.ones((512, rows), of_tokens) for rows in (hidden, inner)}
    turns, threads = 100, len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        took = seconds(lambda: list(pool.map(lambda _: session.run(None, inputs), range(turns))))
    manifest = Manifest.from_metadata({e.key: e.value for e in written.metadata_props})
    distinct = list(dict.fromkeys(sample))  # a text that comes again is not computed again
    tokens = Tokenizer(manifest.tokenizer, manifest.max_length).encode(distinct).lengths
    token = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    operations = (layers - 1) * tokens * token  # of the last layer, all are float32
    if not integers:
        operations = operations + (layers - 1) * 4 * tokens**2 * hidden + token
    return {"operations": float(operations.sum()), "rate": turns * 4 * 512 * hidden * inner / took}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--worker"]:
        program, model, classifier, texts, rows, batch = arguments[1:]
        work(program, Path(model), Path(classifier), Path(texts), int(rows), batch)
    elif len(arguments) in (3, 4, 5):
        paths = [Path(argument) for argument in arguments[:3]]
        count = int(arguments[3]) if len(arguments) > 3 else 1200
        main(paths[0], paths[1], paths[2], count, base=arguments[4:] == ["base"])
    else:
        sys.exit(__doc__)
