"""What stands for `tui.batch.cluster.answer_texts` on the workers of a test."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from models import predictor
from tui.batch.answering import Question
from tui.batch.cluster import answer_texts

POISON = "毒"


def slow(*arguments: Any) -> Any:
    """Takes time, so that somebody may be killed meanwhile."""
    time.sleep(0.2)
    return answer_texts(*arguments)


def deadly(*arguments: Any) -> Any:
    """Dies of a text."""
    question: Question = arguments[-1]
    if POISON in question.texts:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer_texts(*arguments)


def mixed(*arguments: Any) -> Any:
    """Is of another processor on one node; the others wait until that was asked."""
    asked = Path(os.environ["ASKED"])
    if "FOREIGN" in os.environ:
        asked.touch()
        predictor.PROBE = predictor.PROBE[1:]
    while not asked.exists():
        time.sleep(0.02)
    return answer_texts(*arguments)
