"""Small screens over the others: a question with its answers, and help for what has the focus."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from models.display import display
from models.i18n import tr
from tui.actions import actions
from tui.looks import padded
from tui.widgets.entry import Line

if TYPE_CHECKING:
    from tui.app import SentimentApp


class Dialog(ModalScreen[Any]):
    """A box in the middle; Escape leaves it."""

    app: "SentimentApp"
    BINDINGS = [Binding("escape", "dismiss", show=False)]  # noqa: RUF012 - Textual types it so

    def on_click(self, event: events.Click) -> None:
        """Leave when the mouse clicks beside the box."""
        if event.widget is self:
            self.dismiss()


class Question(Dialog):
    """Asks for one of some answers, and returns its number; None when nobody answered.

    Args:
        title: the question.
        answers: to choose from, each also by its digit.
        text: what more there is to say.
    """

    def __init__(self, title: str, answers: Sequence[str], text: str = "") -> None:
        super().__init__()
        self._title, self._answers, self._text = title, answers, text

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with Vertical(classes="box") as box:
            box.border_title = Content(display(self._title))
            box.border_subtitle = tr("Enter chooses · Esc goes back")
            if self._text:
                yield Static(display(self._text, keep="\n"), markup=False)
            yield OptionList(
                *(f"{n}  {display(answer)}" for n, answer in enumerate(self._answers, start=1)),
                markup=False,
            )

    def on_key(self, event: events.Key) -> None:
        """Let a digit choose."""
        if event.key.isdecimal() and 0 < int(event.key) <= len(self._answers):
            event.stop()
            self.dismiss(int(event.key) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the answer."""
        self.dismiss(event.option_index)


class Ask(Dialog):
    """Asks for a line of text, and returns it; None when nobody answered.

    Args:
        title: the question.
        value: what stands there at first.
    """

    def __init__(self, title: str, value: str) -> None:
        super().__init__()
        self._title, self._value = title, value

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with Vertical(classes="box") as box:
            box.border_title = Content(display(self._title))
            box.border_subtitle = tr("Enter chooses · Esc goes back")
            yield Line(self._value, select_on_focus=False)

    def on_input_submitted(self, event: Line.Submitted) -> None:
        """Return the line."""
        self.dismiss(event.value)


class Help(Dialog):
    """The keys of what has the focus, of its screen, and of everywhere."""

    def __init__(self, places: Sequence[str]) -> None:
        super().__init__()
        self._places = places

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with VerticalScroll(classes="box") as box:
            box.border_title = tr("Help")
            box.border_subtitle = tr("Esc goes back")
            for place in self._places:
                lines = [
                    Content.assemble(
                        (padded(self.app.keys.shown(action), 14), "bold"), action.words
                    )
                    for action in actions()
                    if action.place == place
                ]
                if lines:
                    yield Static(Content.styled(place_name(place), "bold underline"))
                    yield Static(Content("\n").join(lines), classes="keys")
            yield Static(
                tr(
                    "Keys can be changed in {path}: a table [keys] with lines such as "
                    'explain = "f3". The palette has every command, and the choice of model, '
                    "device, theme and language.",
                    path=self.app.places.keys,
                ),
                markup=False,
            )


def place_name(place: str) -> str:
    """Return what people call a place of the table of actions."""
    return {
        "entry": tr("The text box"),
        "history": tr("The list of answers"),
        "type": tr("Type a text"),
        "file": tr("Before a file is classified"),
        "results": tr("A file run"),
        "table": tr("The table of answers"),
        "app": tr("Everywhere"),
    }[place]
