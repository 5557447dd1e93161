"""The card that shows the newest answer, or what stands in its way."""

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from models.display import display
from models.i18n import tr
from tui.engine import Answer
from tui.looks import bar, look, one_line, padded, percent

_WIDEST_BAR = 60  # cells; longer ones are no easier to compare
_WIDEST_LABEL = 24  # cells


class AnswerCard(VerticalScroll, can_focus=False):
    """The winning label, a bar for each label, and how the answer came about."""

    def __init__(self) -> None:
        super().__init__()
        self.border_title = tr("Answer")
        self._answer: Answer | None = None
        self._right: str | None = None

    def compose(self) -> ComposeResult:
        """Lay out the parts; a part that has nothing to say takes no room."""
        for part in ("verdict", "bars", "notes"):
            yield Static(id=part, markup=False)

    def say(self, text: str) -> None:
        """Show a sentence in place of an answer."""
        self._answer = None
        self._fill(Content.styled(text, "$foreground 60%"))

    def refuse(self, reason: str, key: str) -> None:
        """Show why there will be no answers, and what to do."""
        self._answer = None
        self._fill(
            Content.styled(tr("✗ The model could not be opened"), "bold $text-error"),
            Content(display(reason, keep="\n")),
            Content.styled(
                tr("Mend that, or choose another model: {key}", key=key), "$foreground 60%"
            ),
        )

    @property
    def answer(self) -> Answer | None:
        """The answer that is shown, if one is."""
        return self._answer

    def show(self, answer: Answer, right: str | None = None) -> None:
        """Show an answer, and the label that the user says is right."""
        self._answer, self._right = answer, right
        width = self.scrollable_content_region.width
        bars = _bars(answer, width)
        block = max(line.cell_length for line in bars.split("\n"))
        text = Content(one_line(answer.text, width))
        verdict = Content("\n").join([_verdict(answer, block), text])
        self._fill(verdict, bars, Content("\n").join(_notes(answer, right)))

    def on_resize(self, _event: events.Resize) -> None:
        """Draw the bars anew: they are as long as there is room."""
        if self._answer is not None:
            self.show(self._answer, self._right)

    def _fill(self, *parts: Content) -> None:
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
    return Content.assemble(chip, (confidence, "bold"), gap, (took, "$foreground 60%"))


def _bars(answer: Answer, width: int) -> Content:
    names = [one_line(label, _WIDEST_LABEL) for label in answer.labels]
    widest = max(map(cell_len, names))
    cells = max(min(width - widest - 13, _WIDEST_BAR), 4)
    return Content("\n").join(
        _bar(answer, label, padded(name, widest), cells) for label, name in enumerate(names)
    )


def _bar(answer: Answer, label: int, name: str, cells: int) -> Content:
    """Draw one bar; heavy and light lines differ without colour."""
    glyph, colour = look(answer.labels, label)
    probability = answer.probabilities[label]
    filled = bar(probability, cells)
    words = "bold" if label == answer.winner else "$foreground 60%"
    return Content.assemble(
        (f"{glyph} {name}  ", words),
        (filled, f"${colour}"),
        ("─" * (cells - len(filled)), "$surface-lighten-2"),
        (f"  {percent(probability)}", words),
    )


def _notes(answer: Answer, right: str | None) -> list[Content]:
    """Say what one should know of an answer."""
    notes = []
    if answer.unsure:
        unsure = tr("? Unsure: this model errs often when it is no surer than that.")
        notes.append(Content.styled(unsure, "$text-warning"))
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
