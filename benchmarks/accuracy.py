"""How accurate a one-file model is on labelled reviews: `python benchmarks/accuracy.py MODEL DATA`.

Prints a Markdown table for dev and test: all rows, and those that do not also stand in train.
"""

import sys
from pathlib import Path

from models.predictor import Predictor
from trainer.data.dataset import load_data
from trainer.report.scores import score


def main(model: Path, data: str) -> None:
    """Score `model` on the dev and test splits of `data`."""
    predictor = Predictor.open(model)
    splits = load_data([data], labels=predictor.manifest.labels)
    print(f"model {model.name}, {model.stat().st_size / 1e6:.2f} MB, {predictor.manifest.digest}\n")
    print("| split | rows | accuracy | macro-F1 |\n|---|---:|---:|---:|")
    for name in ("dev", "test"):
        split = splits.splits[name]
        answers = predictor.predict(split.texts).probabilities
        scores = score(answers, split, splits.splits["train"])
        for title, part in ((name, scores), (f"{name}, unseen", scores["unseen"])):
            print(
                f"| {title} | {part['rows']:,} | {part['accuracy']:.2%} | {part['macro_f1']:.2%} |"
            )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2])
