"""Does the command line answer as torch did? `python benchmarks/parity.py RUN MODEL`.

Classifies the test rows of a run with `sentiment-tui classify` and compares the file that it writes
with the probabilities that the trainer recorded.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from models.run_directory import read_rows


def main(run: Path, model: Path) -> None:
    """Print how many labels are the same, and the largest difference in confidence."""
    rows = read_rows(run / "test.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.jsonl"
        command = [sys.executable, "-c", "from tui.cli import main; main()", "classify"]
        options = ["--model", str(model), "--prefix", "onnx_", "--output", str(output)]
        subprocess.run([*command, str(run / "test.jsonl"), *options], check=True)
        answers = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    same, difference = 0, 0.0
    for row, answer in zip(rows, answers, strict=True):
        best = max(row.probabilities)
        same += row.probabilities.index(best) == answer["onnx_predicted_id"]
        difference = max(difference, abs(best - answer["onnx_confidence"]))
    print(f"same label for {same:,} of {len(rows):,} rows; largest difference {difference:.1e}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
