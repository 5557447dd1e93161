"""Why the model answers so: the text, each piece marked by what it did."""

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from models.console import display, tr
from tui.app.explain import Explained, explain
from tui.app.model_worker import Refused
from tui.app.screens.dialogs import Dialog
from tui.app.theme import bar, look, padded

_MAX_LISTED = 6  # pieces
_MIN_EFFECT = 0.05  # of log-odds: what moves the answer by less is not marked
_BAR_CELLS = 30


class ExplainDialog(Dialog):
    """Asks the model for an explanation, and shows it."""

    def __init__(self, text: str) -> None:
        super().__init__(tr("Why?"))
        self._text = text

    def _body(self) -> ComposeResult:
        yield Static(tr("Leaving out each piece of the text in turn…"), id="about", markup=False)
        yield Static(id="pieces", markup=False)
        yield Static(id="strongest", markup=False)

    def on_mount(self) -> None:
        """Ask."""
        self.app.model_worker.submit(
            lambda model: explain(model, self._text), self.post_message, slot="why"
        )

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        self.query_one("#about", Static).update(display(event.reason))

    @on(Explained)
    def _explained(self, found: Explained) -> None:
        about = tr(
            "{label}, {confidence}. The number is how far its log-odds fall without the piece: "
            "underlined speaks for it, struck against.",
            confidence=f"{max(found.answer.probabilities):.1%}",
            label=found.answer.label,
        )
        self.query_one("#about", Static).update(about)
        self.query_one("#pieces", Static).update(_tinted(found))
        self.query_one("#strongest", Static).update(_strongest(found))


def _tinted(found: Explained) -> Content:
    """Return the text that was read; strong pieces stand out with colour and without."""
    most = max(map(abs, found.effects), default=0.0)
    marked_from = max(_MIN_EFFECT, most / 8)
    text = Content()
    for piece, effect in zip(found.pieces, found.effects, strict=True):
        shown = display(piece, keep="\n")
        if abs(effect) < marked_from:
            text += shown
            continue
        opacity = 20 + round(50 * abs(effect) / most)
        line = "underline" if effect > 0 else "strike"
        text += Content.styled(shown, f"on ${_colour(found, effect)} {opacity}% {line}")
    return text


def _colour(found: Explained, effect: float) -> str:
    """Return the colour of the label that a piece speaks for; "against" has the warning's."""
    if effect < 0:
        return "warning"
    _, colour = look(found.answer.labels, found.answer.winner)
    return colour


def _strongest(found: Explained) -> Content:
    """Return a line for each of the strongest pieces."""
    ranked = sorted(zip(found.effects, found.pieces, strict=True), key=lambda pair: -abs(pair[0]))
    lines = []
    for effect, piece in ranked[:_MAX_LISTED]:
        if abs(effect) >= _MIN_EFFECT:
            share = abs(effect / ranked[0][0])
            drawn = bar(share, _BAR_CELLS, _colour(found, effect), track=False)
            name = padded(piece.strip(), 16)
            lines.append(Content.assemble(name, f" {effect:+6.2f}  ", drawn))
    if not lines:
        return Content(tr("No single piece changes the answer: it hangs on many together."))
    return Content("\n").join(lines)
