"""The first screen: type a text and read its answer; below it, the answers before."""

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer

from models.i18n import tr
from tui.clipboard import copy
from tui.engine import Answer, Answered, answer
from tui.looks import look, one_line, padded, percent
from tui.screens.dialogs import Question
from tui.widgets.answer import AnswerCard
from tui.widgets.bars import KeyBar, StatusBar
from tui.widgets.entry import Entry, Line
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import SentimentApp

_PAUSE = 0.35  # seconds without a key, after which a text that is being typed is answered
_WIDEST_LABEL = 16  # cells


class History(Lines):
    """The answers, newest first: those that contain what is searched for."""

    app: "SentimentApp"

    def __init__(self) -> None:
        super().__init__(tr("The answers will be listed here, newest first."))
        self._shown: list[Answer] = []
        self._wanted = ""

    def on_mount(self) -> None:
        """Take the keys that the user chose."""
        self.app.keys.bind(self, "history")
        self.fill()

    def search(self, wanted: str) -> None:
        """Show the answers to texts that contain `wanted`, in any case."""
        self._wanted = wanted.strip().casefold()
        self.fill()

    def fill(self) -> None:
        """Show what the app has by now."""
        every = self.app.answers
        self._shown = [found for found in every if self._wanted in found.text.casefold()]
        shown, of = len(self._shown), len(every)
        self.border_title = tr("Answers · {count}", count=f"{shown} / {of}" if self._wanted else of)
        self.changed(cursor=0)

    @property
    def rows(self) -> int:
        """How many answers are shown."""
        return len(self._shown)

    @property
    def chosen(self) -> Answer | None:
        """The answer under the cursor."""
        return self._shown[-1 - self.cursor] if self._shown else None

    def draw(self, row: int, width: int) -> Content:
        """Draw an answer as a line."""
        found = self._shown[-1 - row]
        glyph, colour = look(found.labels, found.winner)
        names = [one_line(label, _WIDEST_LABEL) for label in found.labels]
        widest = max(Content(name).cell_length for name in names)
        left = f"{glyph} {padded(names[found.winner], widest)}"
        confidence = f" {percent(max(found.probabilities))} {'?' if found.unsure else ' '}"
        confidence += "✎ " if found.text in self.app.corrections.labels else "  "
        room = width - Content(left).cell_length - len(confidence)
        return Content.assemble(
            (left, f"$text-{colour}"), (confidence, "$foreground 60%"), one_line(found.text, room)
        )


class TypeScreen(Screen[None]):
    """An entry, the newest answer, the answers before it, and the two bars at the foot."""

    app: "SentimentApp"
    AUTO_FOCUS = "Entry"

    def __init__(self) -> None:
        super().__init__()
        self._pause: Timer | None = None
        self._draft = ""

    def compose(self) -> ComposeResult:
        """Lay out the screen; the entry is on top, as input methods draw below the cursor."""
        yield Entry(self._draft)
        yield AnswerCard()
        yield Line(placeholder=tr("Search the history"), id="find")
        yield History()
        yield StatusBar()
        yield KeyBar()

    def on_mount(self) -> None:
        """Take the keys that the user chose, and say what is there."""
        self.app.keys.bind(self, "type")
        self.tell()

    def tell(self) -> None:
        """Say how things stand, where no answer is shown."""
        state = self.app.state
        self.set_class(state == "refused", "-refused")
        if state == "refused":
            self._card.refuse(self.app.refusal, self.app.key_of("palette"))
        elif self._card.answer is not None:
            self._card.show(self._card.answer, self._right(self._card.answer))
        elif state == "loading":
            self._card.say(tr("The model is loading. You can type already."))
        else:
            self._card.say(tr("Type a review above and press Enter."))

    async def rebuild(self) -> None:
        """Compose anew, in another language, with what was typed and answered in its place."""
        self._draft, shown = self.query_one(Entry).text, self._card.answer
        await self.recompose()
        if shown is not None:
            self._card.show(shown, self._right(shown))
        self.on_mount()
        self.query_one(Entry).focus()

    @property
    def _card(self) -> AnswerCard:
        return self.query_one(AnswerCard)

    @property
    def _subject(self) -> Answer | None:
        """The answer that is meant: the one under the cursor of the list, else the one shown."""
        history = self.query_one(History)
        return history.chosen if history.has_focus else self._card.answer

    def _right(self, shown: Answer) -> str | None:
        return self.app.corrections.labels.get(shown.text)

    @on(Entry.Changed)
    def _typed(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        if self.app.choices.live:
            self._pause = self.set_timer(_PAUSE, self._ask_live)

    def _ask_live(self) -> None:
        text = self.query_one(Entry).text
        if text.strip() and text.strip() != "q" and self.app.state == "ready":
            self.app.engine.submit(
                lambda model: answer(model, text, live=True), self.post_message, slot="live"
            )

    @on(Entry.Submitted)
    def _submitted(self, event: Entry.Submitted) -> None:
        if event.text.strip() == "q":  # as in the tutorial's loop
            self.app.exit()
        elif self.app.state == "refused":
            self.app.bell()  # the card says why, and goes on saying it
        elif not event.text.strip():
            self._card.say(tr("Nothing to classify yet: type a text first."))
        else:
            self._ask(event.text)

    def _ask(self, text: str) -> None:
        self.app.engine.submit(lambda model: answer(model, text), self.post_message)
        if self.app.state == "loading":
            self._card.say(tr("The model is still loading; your answer will appear here."))

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if event.live and event.answer.text != self.query_one(Entry).text:
            return  # it was changed or submitted meanwhile
        self._card.show(event.answer, self._right(event.answer))
        if not event.live:
            self.app.keep(event.answer)
            self.query_one(History).fill()

    @on(Entry.ManyLines)
    def _many_lines(self, event: Entry.ManyLines) -> None:
        texts = [line for line in event.text.splitlines() if line.strip()]

        def answered(number: int | None) -> None:
            if number == 0:
                self.query_one(Entry).insert(event.text)
            elif number == 1:
                for text in texts:
                    self._ask(text)

        choices = [tr("One text"), tr("{count} texts, one a line", count=len(texts))]
        self.app.push_screen(Question(tr("You pasted several lines"), choices), answered)

    @on(Entry.Dropped)
    def _dropped(self, event: Entry.Dropped) -> None:
        self.app.open_file(event.path)

    @on(Line.Changed, "#find")
    def _search(self, event: Line.Changed) -> None:
        self.query_one(History).search(event.value)

    @on(Line.Submitted, "#find")
    def _found(self) -> None:
        self.query_one(History).focus()

    def action_find(self) -> None:
        """Open the line that searches the answers; a second time, close it."""
        find = self.query_one("#find", Line)
        self.toggle_class("-finding")
        if self.has_class("-finding"):
            find.focus()
        else:
            find.clear()
            self.query_one(Entry).focus()

    @on(Lines.Chosen)
    def _taken(self) -> None:
        """Put the chosen text back into the entry, and show its answer."""
        if (chosen := self.query_one(History).chosen) is not None:
            self.query_one(Entry).text = chosen.text
            self._card.show(chosen, self._right(chosen))
            self.query_one(Entry).focus()

    def action_explain(self) -> None:
        """Show why the model answers so."""
        from tui.screens.why import Why

        typed = self.query_one(Entry).text
        subject = self._subject
        if self.query_one(Entry).has_focus and typed.strip():
            self.app.push_screen(Why(self.app.engine, typed))
        elif subject is not None:
            self.app.push_screen(Why(self.app.engine, subject.text))
        else:
            self.app.bell()

    def action_correct(self) -> None:
        """Ask which label is right, and note it down."""
        subject = self._subject
        if subject is None:
            self.app.bell()
            return

        def answered(number: int | None) -> None:
            if number is not None:
                self.app.correct(subject.text, subject.labels[number])
                self.tell()
                self.query_one(History).refresh()

        self.app.push_screen(
            Question(tr("Which label is right?"), subject.labels, one_line(subject.text, 200)),
            answered,
        )

    def action_copy(self) -> None:
        """Copy the chosen text."""
        if (chosen := self.query_one(History).chosen) is not None:
            self.app.say(copy(self.app, chosen.text))
