"""Why the model answers so: the text, each piece marked by what it did."""

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from models.display import display
from models.i18n import tr
from tui.engine import Refused
from tui.explain import Explained, Explanation, explain
from tui.looks import bar, look, padded
from tui.screens.dialogs import Dialog

if TYPE_CHECKING:
    from tui.engine import Engine

_LISTED = 6  # pieces
_SLIGHT = 0.01  # of probability: what moves the answer by less is not marked


class Why(Dialog):
    """Asks the engine for an explanation and shows it."""

    def __init__(self, engine: "Engine", text: str) -> None:
        super().__init__()
        self._engine, self._text = engine, text

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with VerticalScroll(classes="box") as box:
            box.border_title = tr("Why?")
            box.border_subtitle = tr("Esc goes back")
            for part in ("about", "pieces", "strongest"):
                yield Static(id=part, markup=False)

    def on_mount(self) -> None:
        """Ask."""
        self.query_one("#about", Static).update(tr("Leaving out each piece of the text in turn…"))
        text = self._text
        self._engine.submit(lambda model: explain(model, text), self.post_message, slot="why")

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        self.query_one("#about", Static).update(Content(display(event.reason)))

    @on(Explained)
    def _explained(self, event: Explained) -> None:
        found = event.explanation
        about = tr(
            "Each piece of the text was left out in turn. Marked is how much of the {confidence} "
            "for {label} goes with it: underlined pieces speak for it, struck ones against it. "
            "What pieces do together, this cannot show.",
            confidence=f"{max(found.answer.probabilities):.1%}",
            label=found.answer.label,
        )
        self.query_one("#about", Static).update(about)
        self.query_one("#pieces", Static).update(tinted(found))
        self.query_one("#strongest", Static).update(_strongest(found))


def tinted(found: Explanation) -> Content:
    """Return the text that was read; strong pieces stand out with colour and without."""
    most = max(map(abs, found.effects), default=0.0)
    spans = []
    for piece, effect in zip(found.pieces, found.effects, strict=True):
        style = ""
        if abs(effect) >= max(_SLIGHT, most / 8):
            colour = _colour(found, effect)
            tint = f"on ${colour} {20 + round(50 * abs(effect) / most)}%"
            style = f"{tint} underline" if effect > 0 else f"{tint} strike"
        spans.append((display(piece, keep="\n"), style))
    return Content.assemble(*spans)


def _colour(found: Explanation, effect: float) -> str:
    """Return the colour of the label that a piece speaks for; "against" has the warning's."""
    answer = found.answer
    return look(answer.labels, answer.winner)[1] if effect > 0 else "warning"


def _strongest(found: Explanation) -> Content:
    pieces = [piece for piece in found.strongest(_LISTED) if abs(found.effects[piece]) >= _SLIGHT]
    if not pieces:
        return Content(tr("No single piece changes the answer by a percent: it hangs on many."))
    return Content("\n").join(
        Content.assemble(
            padded(found.pieces[piece].strip(), 16),
            f" {found.effects[piece] * 100:+7.1f} % ",
            (bar(abs(found.effects[piece]), 30), f"${_colour(found, found.effects[piece])}"),
        )
        for piece in pieces
    )
