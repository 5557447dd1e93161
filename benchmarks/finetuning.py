"""How fast is fine-tuning, here and elsewhere?

    python benchmarks/finetuning.py ENCODER DATA [ROWS]

One epoch of all weights, in fp32 and batches of 32, on the first ROWS of train (640): by the loop
that tutorials have (random batches, padded to the longest text, AdamW), by the Trainer of
transformers (batches of similar lengths, sorted within a quarter of the rows or 50 batches, if that
is less; fused AdamW), and by `trainer.finetune`, which scores a few rows of dev and writes a
checkpoint as well. In turn, and in one process; the table has medians of three rounds.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from models.classifier import Classifier
from models.encoder import load_encoder
from models.tokenizer import Tokenizer
from trainer.batches import TrainingRows
from trainer.data.dataset import Data, load_data
from trainer.finetune import finetune
from trainer.optimizer import targets_of
from trainer.settings import TrainingSettings

ROUNDS = 3
BATCH = 32
MAX_LENGTH = 350
RATE = 1e-4


def main(encoder: str, folder: str, rows: int) -> None:
    """Time an epoch in each way, and print a Markdown table."""
    found = load_data([folder], wanted=("train", "dev"))
    sizes = {"train": rows, "dev": BATCH}
    splits = {name: found.splits[name].take(np.arange(size)) for name, size in sizes.items()}
    train, data = splits["train"], Data(found.labels, splits)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    collate = DataCollatorWithPadding(tokenizer)
    read = tokenizer(train.texts, truncation=True, max_length=MAX_LENGTH)
    table: Any = [
        {**{name: read[name][row] for name in read}, "labels": int(train.labels[row])}
        for row in range(rows)
    ]

    def model() -> torch.nn.Module:
        return AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)

    def loop() -> float:
        classifier = model().train()
        optimizer = torch.optim.AdamW(classifier.parameters(), lr=RATE)
        loader: Any = torch.utils.data.DataLoader(table, BATCH, shuffle=True, collate_fn=collate)
        started = time.perf_counter()
        for batch in loader:
            classifier(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        return time.perf_counter() - started

    def trainer() -> float:
        with tempfile.TemporaryDirectory() as name:
            arguments = TrainingArguments(
                name,
                per_device_train_batch_size=BATCH,
                num_train_epochs=1,
                learning_rate=RATE,
                group_by_length=True,
                optim="adamw_torch_fused",
                save_strategy="no",
                logging_strategy="no",
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
                dataloader_pin_memory=False,
            )
            peer = Trainer(model(), arguments, train_dataset=table, data_collator=collate)
            started = time.perf_counter()
            peer.train()
            return time.perf_counter() - started

    def ours() -> float:
        loaded = load_encoder(encoder)
        classifier = Classifier(loaded.module, loaded.hidden, len(data.labels), "cls")
        settings = TrainingSettings(train="all", epochs=1, learning_rate=RATE, precision="fp32")
        with tempfile.TemporaryDirectory() as name:
            started = time.perf_counter()
            cut = Tokenizer(loaded.tokenizer, MAX_LENGTH)
            train = data.splits["train"]
            targets = targets_of(train.labels, len(data.labels))
            rows = TrainingRows(cut, cut.encode(train.texts), targets)
            finetune(classifier, rows, data.splits["dev"], settings, Path(name) / "checkpoint")
            return time.perf_counter() - started

    ways: dict[str, Callable[[], float]] = {
        "a loop as in tutorials": loop,
        "the Trainer of transformers": trainer,
        "python -m trainer": ours,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            seconds[name].append(way())
    tokens = sum(map(len, read["input_ids"]))
    slowest = statistics.median(seconds["a loop as in tutorials"])
    print(f"{rows:,} rows, {tokens:,} tokens, {torch.get_num_threads()} threads\n")
    print("| | seconds | tokens/s | of the loop |\n|---|---:|---:|---:|")
    for name, times in seconds.items():
        taken = statistics.median(times)
        print(f"| {name} | {taken:.0f} | {tokens / taken:,.0f} | {slowest / taken:.2f} |")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 640)
