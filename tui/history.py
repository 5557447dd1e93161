"""The list of this session's answers, newest first."""

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from models.i18n import tr
from tui.engine import Answer
from tui.looks import look, one_line, percent

_WIDEST_LABEL = 16  # cells


class History(ScrollView, can_focus=True):
    """One line per answer; only the lines in view are ever laid out."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[Answer] = []
        self.border_title = tr("This session")

    def add(self, answer: Answer) -> None:
        """Put an answer on top, and the top into view."""
        self._answers.append(answer)
        self.border_title = tr("This session · {count}", count=len(self._answers))
        self.virtual_size = Size(0, len(self._answers))
        self.scroll_home(animate=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the line at `y` of the part in view."""
        width = self.scrollable_content_region.width
        row = self.scroll_offset.y + y
        if row < len(self._answers):
            line = _line(self._answers[-1 - row], width)
        elif row == 0:
            empty = tr("The answers of this session will be listed here, newest first.")
            line = Content.styled(one_line(empty, width), "$foreground 60%")
        else:
            return Strip.blank(width, self.rich_style)
        return Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)[0]


def _line(answer: Answer, width: int) -> Content:
    glyph, colour = look(answer.labels, answer.winner)
    names = [one_line(label, _WIDEST_LABEL) for label in answer.labels]
    widest = max(map(cell_len, names))
    name = names[answer.winner]
    left = f"{glyph} {name}{' ' * (widest - cell_len(name))}"
    confidence = f" {percent(answer.probabilities[answer.winner])}  "
    room = width - cell_len(left) - len(confidence)
    return Content.assemble(
        (left, f"$text-{colour}"), (confidence, "$foreground 60%"), one_line(answer.text, room)
    )
