"""The card that shows the newest answer, or what stands in its way."""

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from models.console import display, one_line, tr
from tui.app.model_worker import Answer
from tui.app.theme import FAINT, bar, look, named, percent
from tui.batch.status import Status, measured

DOUBT = {Status.LOOK_FIRST: "??", Status.LOOK: "?"}
"""Marks of answers that are to be looked at."""

_WIDEST_BAR = 60  # cells; longer ones are no easier to compare
_WIDEST_LABEL = 24  # cells


class AnswerCard(VerticalScroll, can_focus=False):
    """The winning label, a bar for each label, and notes on the answer.

    Attributes:
        answer: answer that is shown; None for a sentence.
    """

    def __init__(self) -> None:
        super().__init__()
        self.border_title = tr("Answer")
        self.answer: Answer | None = None
        self._right: str | None = None

    def compose(self) -> ComposeResult:
        """Lay out the parts; an empty one takes no room."""
        for part in ("verdict", "bars", "notes"):
            yield Static(id=part, markup=False)

    def say(self, text: str) -> None:
        """Show a sentence in place of an answer."""
        self._fill(Content.styled(text, FAINT))

    def refuse(self, reason: str, key: str) -> None:
        """Show why there will be no answers, and what to do."""
        self._fill(
            Content.styled(tr("✗ The model could not be opened"), "bold $text-error"),
            Content(display(reason, keep="\n")),
            Content.styled(tr("Mend that, or choose another model: {key}", key=key), FAINT),
        )

    def show(self, answer: Answer, right: str | None = None) -> None:
        """Show an answer, and the label that the user corrected it to."""
        width = self.scrollable_content_region.width
        bars = _bars(answer, width)
        block = max(line.cell_length for line in bars.split("\n"))
        text = Content(one_line(answer.text, width))
        verdict = Content("\n").join([_verdict(answer, block), text])
        self._fill(verdict, bars, Content("\n").join(_notes(answer, right)))
        self.answer, self._right = answer, right

    def on_resize(self, _event: events.Resize) -> None:
        """Draw the bars anew, as long as there is room."""
        if self.answer is not None:
            self.show(self.answer, self._right)

    def _fill(self, *parts: Content) -> None:
        self.answer = None
        for part, widget in enumerate(self.query_children(Static)):
            content = parts[part] if part < len(parts) else Content()
            widget.display = bool(content)
            widget.update(content)


def _verdict(answer: Answer, width: int) -> Content:
    glyph, colour = look(answer.labels, answer.winner)
    name = one_line(answer.label, _WIDEST_LABEL)
    took = tr("in {milliseconds:.1f} ms", milliseconds=answer.seconds * 1000)
    chip = Content.styled(f" {glyph} {name} ", f"bold reverse $text-{colour}")
    confidence = "  " + percent(max(answer.probabilities)).strip()
    gap = " " * (width - chip.cell_length - len(confidence) - cell_len(took))
    return Content.assemble(chip, (confidence, "bold"), gap, (took, FAINT))


def _bars(answer: Answer, width: int) -> Content:
    lines = []
    for label, probability in enumerate(answer.probabilities):
        name = Content(named(answer.labels, label).plain)
        words = "bold" if label == answer.winner else FAINT
        cells = max(min(width - name.cell_length - 11, _WIDEST_BAR), 4)
        drawn = bar(probability, cells, look(answer.labels, label)[1])
        percentage = (f"  {percent(probability)}", words)
        lines.append(Content.assemble(name.stylize(words), "  ", drawn, percentage))
    return Content("\n").join(lines)


def _notes(answer: Answer, right: str | None) -> list[Content]:
    """Return sentences on how far the answer can be trusted."""
    notes = []
    if answer.status in DOUBT:
        words = [DOUBT[answer.status], answer.status.title]
        if answer.level and answer.level.rows:
            words.append(f"· {measured(answer.level)}")
        notes.append(Content.styled(" ".join(words), "$text-warning"))
    if answer.cut_at is not None:
        cut = tr(
            "! Too long: only the first {count} tokens were read, {share:.0%} of the text.",
            count=answer.cut_at,
            share=answer.read,
        )
        notes.append(Content.styled(cut, "$text-warning"))
    if right is not None:
        name = one_line(right, _WIDEST_LABEL)
        notes.append(Content.styled(tr("✎ You say: {label}", label=name), "$text-accent"))
    return notes
