"""Why the model answers so: the text, each piece marked by what it did."""

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from models.console.display import display
from models.console.i18n import tr
from tui.app.explain import Explained, explain
from tui.app.model_worker import Refused
from tui.app.screens.dialogs import Dialog
from tui.app.theme import bar, look, padded

_LISTED = 6  # pieces
_SLIGHT = 0.01  # of probability: what moves the answer by less is not marked


class ExplainDialog(Dialog):
    """Asks the engine for an explanation and shows it."""

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
        self.query_one("#about", Static).update(Content(display(event.reason)))

    @on(Explained)
    def _explained(self, found: Explained) -> None:
        about = tr(
            "Each piece of the text was left out in turn. Marked is how much of the {confidence} "
            "for {label} goes with it: underlined pieces speak for it, struck ones against it. "
            "What pieces do together, this cannot show.",
            confidence=f"{max(found.answer.probabilities):.1%}",
            label=found.answer.label,
        )
        self.query_one("#about", Static).update(Content(about))
        self.query_one("#pieces", Static).update(_tinted(found))
        self.query_one("#strongest", Static).update(_strongest(found))


def _tinted(found: Explained) -> Content:
    """Return the text that was read; strong pieces stand out with colour and without."""
    most = max(map(abs, found.effects), default=0.0)
    spans = []
    for piece, effect in zip(found.pieces, found.effects, strict=True):
        style = ""
        if abs(effect) >= max(_SLIGHT, most / 8):
            tint = f"on ${_colour(found, effect)} {20 + round(50 * abs(effect) / most)}%"
            style = f"{tint} underline" if effect > 0 else f"{tint} strike"
        spans.append((display(piece, keep="\n"), style))
    return Content.assemble(*spans)


def _colour(found: Explained, effect: float) -> str:
    """Return the colour of the label that a piece speaks for; "against" has the warning's."""
    return look(found.answer.labels, found.answer.winner)[1] if effect > 0 else "warning"


def _strongest(found: Explained) -> Content:
    ranked = sorted(zip(found.effects, found.pieces, strict=True), key=lambda pair: -abs(pair[0]))
    strong = [(effect, piece) for effect, piece in ranked[:_LISTED] if abs(effect) >= _SLIGHT]
    if not strong:
        return Content(tr("No single piece changes the answer by a percent: it hangs on many."))
    return Content("\n").join(
        Content.assemble(
            padded(piece.strip(), 16),
            f" {effect * 100:+7.1f} % ",
            bar(abs(effect), 30, _colour(found, effect), track=False),
        )
        for effect, piece in strong
    )
