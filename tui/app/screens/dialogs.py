"""Small screens over the others: a question, a line of text, one text in full, and help."""

from asyncio import InvalidStateError
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import ActiveBinding, Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, SelectionList, Static
from textual.widgets.selection_list import Selection

from models.console import display, tr
from tui.app.screens.full_screen import FullScreen
from tui.app.theme import FAINT, padded
from tui.app.widgets.text_entry import SafeInput

if TYPE_CHECKING:
    from tui.app.app import SentimentApp

_KEYS = "123456789abcdefghijklmnopqrstuvwxyz"  # of the answers to a question
_MAX_CHARACTERS = 20_000  # no one reads more, and it must not hold the screen up


class Dialog(FullScreen[Any], ModalScreen[Any]):
    """A box in the middle; Escape leaves it. A subclass composes what is in the box.

    Args:
        title: title of the box.
        hint: which keys do what.

    Attributes:
        scrolls: the box has the focus, for what is in it takes none.
    """

    app: "SentimentApp"
    scrolls: ClassVar[bool] = True
    BINDINGS = [Binding("escape", "dismiss", show=False)]

    def __init__(self, title: str, hint: str = "") -> None:
        super().__init__()
        self._title, self._hint = title, hint

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with VerticalScroll(classes="box", can_focus=self.scrolls) as box:
            box.border_title = Content(display(self._title))
            box.border_subtitle = Content(self._hint or tr("Esc goes back"))
            yield from self._body()

    def _body(self) -> ComposeResult:
        raise NotImplementedError

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Return an answer, once: two keys that arrive together may both be one."""
        if self.app.screen_stack[-1:] != [self]:
            return AwaitComplete()
        try:
            return super().dismiss(result)
        except InvalidStateError:  # nobody waits for it any more
            return self.app.pop_screen()

    def on_click(self, event: events.Click) -> None:
        """Leave when the mouse clicks beside the box."""
        if event.widget is self:
            self.dismiss()


class Options(OptionList):
    """A list to choose from, which can be one line high, or none."""

    async def _on_click(self, event: events.Click) -> None:
        """Let a click choose, unless the list has become shorter since it was drawn."""
        if event.style.meta.get("option", -1) >= self.option_count:
            event.prevent_default()

    def action_page_up(self) -> None:
        """Go up by a page; where none fits, OptionList has laid out nothing to go over."""
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        """Go down by a page, as `action_page_up` goes up."""
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]


class ChoiceDialog(Dialog):
    """Asks for one of some answers, and returns its number; None when nobody answered.

    Args:
        title: the question.
        answers: answers to choose from, each also by its digit or letter.
        text: what more there is to say.
    """

    scrolls = False

    def __init__(self, title: str, answers: Sequence[str], text: str = "") -> None:
        super().__init__(title, tr("Enter chooses · Esc goes back"))
        self._answers, self._text = answers, text

    def _body(self) -> ComposeResult:
        if self._text:
            yield Static(display(self._text, keep="\n"), markup=False)
        keys = _KEYS.ljust(len(self._answers))
        options = [f"{keys[n]}  {display(answer)}" for n, answer in enumerate(self._answers)]
        yield Options(*options, markup=False)

    def on_key(self, event: events.Key) -> None:
        """Let a digit or a letter choose."""
        number = _KEYS.find(event.key)
        if 0 <= number < len(self._answers):
            event.stop()
            self.dismiss(number)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the answer."""
        self.dismiss(event.option_index)


class QuitDialog(ChoiceDialog):
    """Asks whether to quit, and returns 0 for yes.

    Args:
        title: what is going on.
        text: what becomes of it.
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title, [tr("Quit"), tr("Go on")], text)


class ColumnsDialog(Dialog):
    """Asks which of some columns to show, and returns their names.

    Args:
        names: names of all.
        shown: those that are shown now.
    """

    scrolls = False

    def __init__(self, names: Sequence[str], shown: Sequence[str]) -> None:
        super().__init__(tr("Columns to show"), tr("Space chooses · Esc goes back"))
        self._names, self._shown = names, shown

    def _body(self) -> ComposeResult:
        options = []
        for place, name in enumerate(self._names):
            words = Content(display(name, limit=60))
            options.append(Selection(words, place, name in self._shown))
        yield SelectionList[int](*options)

    def action_dismiss(self, _result: Any = None) -> None:  # type: ignore[override]
        """Return the names that are chosen."""
        chosen = self.query_one(SelectionList).selected
        self.dismiss([self._names[place] for place in chosen])


class PromptDialog(Dialog):
    """Asks for a line of text, and returns it; None when nobody answered.

    Args:
        title: the question.
        value: the text that stands there at first.
        text: what more there is to say.
    """

    scrolls = False

    def __init__(self, title: str, value: str, text: str = "") -> None:
        super().__init__(title, tr("Enter chooses · Esc goes back"))
        self._value, self._text = value, text

    def _body(self) -> ComposeResult:
        if self._text:
            yield Static(display(self._text, keep="\n"), markup=False)
        yield SafeInput(self._value, select_on_focus=False)

    def on_input_submitted(self, event: SafeInput.Submitted) -> None:
        """Return the line."""
        self.dismiss(event.value)


class TextDialog(Dialog):
    """Shows a text in full, up to what can be read."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._text = text

    def _body(self) -> ComposeResult:
        yield Static(shown(self._text), markup=False)


class HelpDialog(Dialog):
    """Lists the keys of what has the focus, of its screen, and of everywhere.

    Args:
        active: the bindings to list, as `Screen.active_bindings` has them.
        more: what more there is to say, in lines.
    """

    def __init__(self, active: Iterable[ActiveBinding], more: str = "") -> None:
        super().__init__(tr("Help"))
        self._active = active
        self._more = more

    def _body(self) -> ComposeResult:
        groups: dict[str, dict[str, Content]] = {}
        for node, binding, _, _ in self._active:
            listed = groups.setdefault(node.BINDING_GROUP_TITLE or "", {})
            if binding.id:  # of several keys, the first
                listed.setdefault(binding.id, self._line(binding))
        for title, lines in groups.items():
            if lines:
                yield Static(Content.styled(title, "bold underline"))
                yield Static(Content("\n").join(lines.values()), classes="keys")
        moves = {
            "↑ ↓ PgUp PgDn": tr("Move; Home and End go to the ends"),
            "Tab": tr("Go to the next part of the screen"),
            "Enter": tr("Open or choose"),
            "Esc": tr("Go back"),
        }
        drawn = [Content.assemble((padded(key, 15), "bold"), moves[key]) for key in moves]
        yield Static(Content.styled(tr("In every list"), "bold underline"))
        yield Static(Content("\n").join(drawn), classes="keys")
        yield Static(self._more, classes="keys", markup=False)
        yield Static(
            tr(
                "Keys can be changed in {path}: a table [keys] with the names on the right, as in "
                'explain = "f10". The palette has every command, and the choice of model, '
                "device, theme and language.",
                path=self.app.dirs.config_file,
            ),
            markup=False,
        )

    def _line(self, binding: Binding) -> Content:
        """Return a key, what it does, and its name in config.toml."""
        key = padded(self.app.get_key_display(binding), 13)
        words = padded(binding.description, 34)
        return Content.assemble((key, "bold"), words, (str(binding.id), FAINT))


def shown(text: str) -> str:
    """Return a text for a widget that wraps lines, its end replaced by a count if it is huge."""
    more = len(text) - _MAX_CHARACTERS
    if more <= 0:
        return display(text, keep="\n")
    note = tr("… and {count} more characters", count=more)
    return display(text[:_MAX_CHARACTERS], keep="\n") + "\n" + note
